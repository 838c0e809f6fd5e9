package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Makes the [ChunkContent] of one chunk, for a member that catches up.
final class ChunkExport {
    private final ChunkCache cache;
    private final Chunk chunk;
    private final BlockMap map;

    ChunkExport(ChunkCache cache, Chunk chunk) throws IOException {
        this.cache = cache;
        this.chunk = chunk;
        map = cache.map(chunk);
    }

    ChunkContent content() throws IOException {
        List<ChunkContent.Run> runs = runs(false);
        if (runs.size() > ChunkContent.RUNS_MAX) {
            // Stored and zero blocks take turns: sent as stored alike, neighbours become one run.
            runs = runs(true);
        }
        return new ChunkContent(chunk.stamp(), runs);
    }

    /// The stamp, and the block's run if it is stored.
    ChunkContent content(int block) throws IOException {
        List<ChunkContent.Run> runs =
                map.isStored(block) ? List.of(storedRun(block, block + 1)) : List.of();
        return new ChunkContent(chunk.stamp(), runs);
    }

    private List<ChunkContent.Run> runs(boolean zeroesAsStored) throws IOException {
        List<ChunkContent.Run> runs = new ArrayList<>();
        int block = 0;
        while (block < ChunkKey.CHUNK_BLOCKS) {
            int end = map.runEnd(block, ChunkKey.CHUNK_BLOCKS);
            if (map.isMapped(block)) {
                while (zeroesAsStored && end < ChunkKey.CHUNK_BLOCKS && map.isMapped(end)) {
                    end = map.runEnd(end, ChunkKey.CHUNK_BLOCKS);
                }
                boolean zeroes = !zeroesAsStored && !map.isStored(block);
                runs.add(zeroes ? zeroRun(block, end) : storedRun(block, end));
            }
            block = end;
        }
        return runs;
    }

    private static ChunkContent.Run zeroRun(int block, int end) {
        ByteBuffer nothing = ByteBuffer.allocate(0);
        return new ChunkContent.Run(block, end - block, nothing, nothing);
    }

    private ChunkContent.Run storedRun(int block, int end) throws IOException {
        int count = end - block;
        ByteBuffer payload = ByteBuffer.allocate(count * ChunkKey.BLOCK_BYTES);
        ByteBuffer checksums = ByteBuffer.allocate(count * Integer.BYTES);
        int stored = block;
        while (stored < end) {
            int storedEnd = map.runEnd(stored, end);
            if (map.isStored(stored)) {
                LayeredRead.readRun(cache.file(chunk), map, stored, storedEnd, payload);
            }
            // Else zeroes, as the buffer was made.
            payload.position((storedEnd - block) * ChunkKey.BLOCK_BYTES);
            stored = storedEnd;
        }
        payload.flip();
        for (int at = block; at < end; at++) {
            int checksum = map.isStored(at) ? map.checksum(at) : BlockMap.ZERO_BLOCK_CRC;
            int offset = (at - block) * ChunkKey.BLOCK_BYTES;
            if (BlockMap.checksum(payload.slice(offset, ChunkKey.BLOCK_BYTES)) != checksum) {
                throw new CorruptChunkException(new DamagedBlock(chunk.key, at));
            }
            checksums.putInt(checksum);
        }
        return new ChunkContent.Run(block, count, payload, checksums.flip());
    }
}
