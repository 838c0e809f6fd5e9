package weft.vmhost.virtio.block;

import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioBreach;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// What the driver asks of the disk, as far as it is legal (virtio 1.2, 5.2.6).
///
/// ```
/// readable: type 4 · reserved 4 · sector 8 · [bytes to write | segments]
/// writable: [bytes read | id 20] · status 1
/// segment:  sector 8 · sectors 4 · flags 4
/// ```
///
/// All numbers little-endian, sectors of 512 bytes.
sealed interface BlockRequest {
    int SECTOR_BYTES = 512;
    int ID_BYTES = 20;

    /// The most one request moves: 126 segments of 64 KiB, as the configuration space promises.
    int TRANSFER_BYTES_MAX = 8 << 20;

    /// Bytes from the disk to the guest.
    record Read(long offsetBytes, int lengthBytes) implements BlockRequest {}

    /// Bytes from the guest to the disk.
    record Write(long offsetBytes, ByteBuffer content) implements BlockRequest {}

    /// Everything completed before is durable.
    record Flush() implements BlockRequest {}

    /// The range's content is no longer needed.
    record Discard(long offsetBytes, long lengthBytes) implements BlockRequest {}

    /// The range reads as zeroes.
    record WriteZeroes(long offsetBytes, long lengthBytes) implements BlockRequest {}

    /// The disk's serial number.
    record GetId() implements BlockRequest {}

    /// Well-formed, but nothing this disk does.
    record Unsupported() implements BlockRequest {}

    /// Well-formed, but out of the disk's bounds or of a wrong length.
    record Refused() implements BlockRequest {}

    /// Reads a request; the content of a write is copied out of guest memory, once.
    ///
    /// @throws VirtioBreach if there is no header, or no room for the status
    static BlockRequest parse(DescriptorChain chain, long diskBytes) {
        ByteBuffer header = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        if (!chain.read(header) || chain.writableBytes() < 1) {
            throw new VirtioBreach("block request without header or status");
        }
        int type = header.getInt(0);
        long sector = header.getLong(8);
        return switch (type) {
            case 0 -> parseRead(chain, sector, diskBytes);
            case 1 -> parseWrite(chain, sector, diskBytes);
            case 4 -> new Flush();
            case 8 -> chain.writableBytes() == ID_BYTES + 1 ? new GetId() : new Refused();
            case 11, 13 -> parseSegment(chain, type, diskBytes);
            default -> new Unsupported();
        };
    }

    private static BlockRequest parseRead(DescriptorChain chain, long sector, long diskBytes) {
        long length = chain.writableBytes() - 1;
        return isLegal(sector, length, TRANSFER_BYTES_MAX, diskBytes)
                ? new Read(sector * SECTOR_BYTES, (int) length)
                : new Refused();
    }

    private static BlockRequest parseWrite(DescriptorChain chain, long sector, long diskBytes) {
        long length = chain.readableBytes() - 16;
        if (!isLegal(sector, length, TRANSFER_BYTES_MAX, diskBytes)) {
            return new Refused();
        }
        ByteBuffer content = ByteBuffer.allocate((int) length);
        boolean complete = chain.read(content);
        assert complete;
        return new Write(sector * SECTOR_BYTES, content.flip());
    }

    /// One segment a request, as the configuration space says.
    private static BlockRequest parseSegment(DescriptorChain chain, int type, long diskBytes) {
        ByteBuffer segment = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        if (chain.readableBytes() != 32 || !chain.read(segment)) {
            return new Refused();
        }
        long sector = segment.getLong(0);
        long length = (segment.getInt(8) & 0xffff_ffffL) * SECTOR_BYTES;
        int flags = segment.getInt(12);
        if (type == 11 && flags != 0 || type == 13 && (flags & ~1) != 0) {
            return new Unsupported();
        }
        if (!isLegal(sector, length, Long.MAX_VALUE, diskBytes)) {
            return new Refused();
        }
        return type == 11
                ? new Discard(sector * SECTOR_BYTES, length)
                : new WriteZeroes(sector * SECTOR_BYTES, length);
    }

    private static boolean isLegal(long sector, long length, long lengthMax, long diskBytes) {
        return length >= 0
                && length % SECTOR_BYTES == 0
                && length <= lengthMax
                && sector >= 0
                && sector <= diskBytes / SECTOR_BYTES
                && length <= diskBytes - sector * SECTOR_BYTES;
    }
}
