package weft.wire.storage;

import weft.fabric.ChunkKey;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/// CRC32C of each whole 4 KiB block of a range: made where a write enters the fabric, checked where
/// it gets its sequence and where a read leaves the fabric. 4 bytes each, big-endian.
public final class BlockChecksums {
    private BlockChecksums() {}

    /// Checksums of the blocks that lie whole in the range.
    ///
    /// @param offsetInChunk where the range begins
    /// @param bytes the range
    public static ByteBuffer of(int offsetInChunk, ByteBuffer bytes) {
        ByteBuffer blocks = wholeBlocks(offsetInChunk, bytes);
        int count = blocks.remaining() / ChunkKey.BLOCK_BYTES;
        ByteBuffer checksums = ByteBuffer.allocate(Integer.BYTES * count);
        for (int i = 0; i < count; i++) {
            checksums.putInt(of(blocks, i));
        }
        return checksums.flip();
    }

    /// The part of the range that has checksums.
    ///
    /// @param offsetInChunk where the range begins
    /// @param bytes the range
    public static ByteBuffer wholeBlocks(int offsetInChunk, ByteBuffer bytes) {
        int skip = -offsetInChunk & (ChunkKey.BLOCK_BYTES - 1);
        int length = Math.max(0, bytes.remaining() - skip) & -ChunkKey.BLOCK_BYTES;
        return length == 0 ? ByteBuffer.allocate(0) : bytes.slice(bytes.position() + skip, length);
    }

    /// Whether each block of `blocks` has its checksum.
    public static boolean match(ByteBuffer blocks, ByteBuffer checksums) {
        int count = blocks.remaining() / ChunkKey.BLOCK_BYTES;
        return checksums.remaining() == Integer.BYTES * count
                && firstDamaged(blocks, checksums) == count;
    }

    /// The first block that does not have its checksum; their number if all have.
    ///
    /// @param checksums one for each block
    public static int firstDamaged(ByteBuffer blocks, ByteBuffer checksums) {
        int count = blocks.remaining() / ChunkKey.BLOCK_BYTES;
        for (int i = 0; i < count; i++) {
            if (of(blocks, i) != checksums.getInt(checksums.position() + i * Integer.BYTES)) {
                return i;
            }
        }
        return count;
    }

    private static int of(ByteBuffer blocks, int index) {
        int start = blocks.position() + index * ChunkKey.BLOCK_BYTES;
        var checksum = new CRC32C();
        checksum.update(blocks.slice(start, ChunkKey.BLOCK_BYTES));
        return (int) checksum.getValue();
    }
}
