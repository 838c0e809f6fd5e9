package weft.volume;

import weft.fabric.ChunkKey;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/// CRC32C of each whole 4 KiB block of a range: made where a write enters the fabric, checked where
/// a read leaves it.
final class BlockChecksums {
    private BlockChecksums() {}

    /// Checksums of the blocks that lie whole in the range, 4 bytes each.
    ///
    /// @param offsetInChunk where the range begins
    /// @param bytes the range
    static ByteBuffer of(int offsetInChunk, ByteBuffer bytes) {
        int skip = -offsetInChunk & (ChunkKey.BLOCK_BYTES - 1);
        int blocks = Math.max(0, bytes.remaining() - skip) / ChunkKey.BLOCK_BYTES;
        ByteBuffer checksums = ByteBuffer.allocate(4 * blocks);
        for (int i = 0; i < blocks; i++) {
            checksums.putInt(of(bytes, bytes.position() + skip + i * ChunkKey.BLOCK_BYTES));
        }
        return checksums.flip();
    }

    /// Whether each block of `blocks` has its checksum.
    static boolean match(ByteBuffer blocks, ByteBuffer checksums) {
        int count = blocks.remaining() / ChunkKey.BLOCK_BYTES;
        if (checksums.remaining() != 4 * count) {
            return false;
        }
        for (int i = 0; i < count; i++) {
            int found = of(blocks, blocks.position() + i * ChunkKey.BLOCK_BYTES);
            if (found != checksums.getInt(checksums.position() + 4 * i)) {
                return false;
            }
        }
        return true;
    }

    private static int of(ByteBuffer bytes, int start) {
        var checksum = new CRC32C();
        checksum.update(bytes.slice(start, ChunkKey.BLOCK_BYTES));
        return (int) checksum.getValue();
    }
}
