package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;

/// Moves blocks between layers, so that one of them can go.
final class LayerCopy {
    private static final int RUN_BLOCKS_MAX = 64;

    private final ChunkWriter writer;
    private final ChunkCache cache;

    LayerCopy(ChunkWriter writer, ChunkCache cache) {
        this.writer = writer;
        this.cache = cache;
    }

    /// Stores the bytes of blocks that are not mapped.
    void fill(Chunk chunk, BlockMap map, Mutation.Fill fill) throws IOException {
        int first = fill.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int end = first + fill.lengthBytes() / ChunkKey.BLOCK_BYTES;
        ByteBuffer payload = fill.payload();
        ByteBuffer checksums = fill.checksums();
        for (int block = first; block < end; block++) {
            if (!map.isMapped(block)) {
                int at = block - first;
                int offset = payload.position() + at * ChunkKey.BLOCK_BYTES;
                writer.writeBlocks(
                        chunk,
                        map,
                        block,
                        payload.slice(offset, ChunkKey.BLOCK_BYTES),
                        checksums.slice(checksums.position() + at * Integer.BYTES, Integer.BYTES));
            }
        }
    }

    /// Maps as zeroes what is not mapped.
    static void cover(BlockMap map, Mutation.Cover cover) {
        int first = cover.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int end = first + cover.lengthBytes() / ChunkKey.BLOCK_BYTES;
        for (int block = first; block < end; block++) {
            if (!map.isMapped(block)) {
                map.zero(block, block + 1);
            }
        }
    }

    /// What the lower one has in its file stays there until a checkpoint: a replay may complete an
    /// earlier write of a part of a block from it, of a volume that does without this layer by now.
    ///
    /// Checksums go along as they are: a block that is damaged stays one that its checksum tells
    /// of, and is repaired from another member when it is read.
    void copyDown(Chunk upper, Chunk lower, BlockMap lowerMap, Mutation.CopyDown copy)
            throws IOException {
        BlockMap map = cache.map(upper);
        int block = copy.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int end = block + copy.lengthBytes() / ChunkKey.BLOCK_BYTES;
        while (block < end) {
            int runEnd = map.runEnd(block, Math.min(end, block + RUN_BLOCKS_MAX));
            if (map.isStored(block)) {
                copyBytes(upper, map, lower, lowerMap, block, runEnd);
            } else if (map.isMapped(block)) {
                writer.leaveBlocks(lower, lowerMap, block, runEnd);
                lowerMap.zero(block, runEnd);
            }
            block = runEnd;
        }
    }

    private void copyBytes(
            Chunk upper, BlockMap map, Chunk lower, BlockMap lowerMap, int block, int end)
            throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((end - block) * ChunkKey.BLOCK_BYTES);
        LayeredRead.readRun(cache.file(upper), map, block, end, bytes);
        ByteBuffer checksums = ByteBuffer.allocate((end - block) * Integer.BYTES);
        for (int at = block; at < end; at++) {
            checksums.putInt(map.checksum(at));
        }
        writer.leaveBlocks(lower, lowerMap, block, end);
        writer.writeBlocks(lower, lowerMap, block, bytes.flip(), checksums.flip());
    }
}
