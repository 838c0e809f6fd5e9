package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.storage.disk.Disk;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Compares stored blocks, as the device has them, with their checksums. Owned like its
/// [ChunkStore].
final class ChunkVerifier {
    private final Disk disk;
    private final ChunkCache cache;
    private final Placements placements;
    private final UnsettledBlocks unsettled;

    ChunkVerifier(Disk disk, ChunkCache cache, Placements placements, UnsettledBlocks unsettled) {
        this.disk = disk;
        this.cache = cache;
        this.placements = placements;
        this.unsettled = unsettled;
    }

    /// Looks at the next row of the file from `fromBlock` on, as much of it as the scratch holds.
    Verification verify(Chunk chunk, int fromBlock, ByteBuffer scratch) throws IOException {
        BlockMap map = cache.map(chunk);
        cache.examine(chunk);
        int first = map.nextStored(fromBlock);
        if (first == ChunkKey.CHUNK_BLOCKS) {
            return new Verification(first, 0, List.of());
        }
        int most =
                Math.min(ChunkKey.CHUNK_BLOCKS, first + scratch.capacity() / ChunkKey.BLOCK_BYTES);
        int end = map.fileRunEnd(first, most);
        scratch.clear().limit((end - first) * ChunkKey.BLOCK_BYTES);
        List<DamagedBlock> damaged = new ArrayList<>();
        try {
            ChunkFile.readDevice(disk, placements.pathOf(chunk), map.place(first), scratch);
        } catch (IOException unreadable) {
            return new Verification(end, end - first, unreadable(chunk, first, end, scratch));
        }
        for (int block = first; block < end; block++) {
            ByteBuffer bytes =
                    scratch.slice((block - first) * ChunkKey.BLOCK_BYTES, ChunkKey.BLOCK_BYTES);
            if (BlockMap.checksum(bytes) != map.checksum(block)
                    && !unsettled.contains(chunk.key, block)) {
                damaged.add(new DamagedBlock(chunk.key, block));
            }
        }
        return new Verification(end, end - first, damaged);
    }

    /// Which blocks the device does not give, or gives wrong: a bad sector is that block only.
    private List<DamagedBlock> unreadable(Chunk chunk, int first, int end, ByteBuffer scratch)
            throws IOException {
        BlockMap map = cache.map(chunk);
        List<DamagedBlock> damaged = new ArrayList<>();
        for (int block = first; block < end; block++) {
            boolean isGood;
            try {
                scratch.clear().limit(ChunkKey.BLOCK_BYTES);
                ChunkFile.readDevice(disk, placements.pathOf(chunk), map.place(block), scratch);
                isGood = BlockMap.checksum(scratch.flip()) == map.checksum(block);
            } catch (IOException e) {
                isGood = false;
            }
            if (!isGood && !unsettled.contains(chunk.key, block)) {
                damaged.add(new DamagedBlock(chunk.key, block));
            }
        }
        return damaged;
    }
}
