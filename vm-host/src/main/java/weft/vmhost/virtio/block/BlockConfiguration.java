package weft.vmhost.virtio.block;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The disk's configuration space (virtio 1.2, 5.2.4).
///
/// ```
/// 0 capacity in sectors 8 · 8 size_max 4 · 12 seg_max 4 · 16 geometry 4 · 20 blk_size 4
/// 24 physical_block_exp 1 · 25 alignment_offset 1 · 26 min_io_size 2 · 28 opt_io_size 4
/// 32 writeback 1 · 33 unused 1 · 34 num_queues 2
/// 36 max_discard_sectors 4 · 40 max_discard_seg 4 · 44 discard_sector_alignment 4
/// 48 max_write_zeroes_sectors 4 · 52 max_write_zeroes_seg 4 · 56 write_zeroes_may_unmap 1
/// ```
///
/// Sectors are 512 bytes, so that any disk image works; the physical block says 4 KiB, which is
/// what the pool maps by, so that file systems align to it.
final class BlockConfiguration {
    private static final int SIZE_BYTES = 60;
    private static final int SEGMENT_BYTES_MAX = 64 << 10;
    private static final int PHYSICAL_BLOCK_EXPONENT = 3;
    private static final int RANGE_SECTORS_MAX = 1 << 22;

    private BlockConfiguration() {}

    static byte[] of(long diskBytes, int queueSize, int queues) {
        return ByteBuffer.allocate(SIZE_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0, diskBytes / BlockRequest.SECTOR_BYTES)
                .putInt(8, SEGMENT_BYTES_MAX)
                .putInt(12, queueSize - 2)
                .putInt(20, BlockRequest.SECTOR_BYTES)
                .put(24, (byte) PHYSICAL_BLOCK_EXPONENT)
                .putShort(26, (short) (1 << PHYSICAL_BLOCK_EXPONENT))
                .putShort(34, (short) queues)
                .putInt(36, RANGE_SECTORS_MAX)
                .putInt(40, 1)
                .putInt(44, 1 << PHYSICAL_BLOCK_EXPONENT)
                .putInt(48, RANGE_SECTORS_MAX)
                .putInt(52, 1)
                .put(56, (byte) 1)
                .array();
    }
}
