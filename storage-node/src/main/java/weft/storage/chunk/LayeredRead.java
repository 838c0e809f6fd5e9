package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.wire.storage.BlockState;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One read of blocks through a chain of layers: the topmost layer that maps a block has it; a
/// block that none maps is zeroes.
final class LayeredRead {
    private final Map<ChunkKey, Chunk> chunks;
    private final ChunkCache cache;
    private final UnsettledBlocks accepted;
    private final ByteBuffer blocks;
    private final ByteBuffer checksums;

    /// @param accepted blocks whose checksum is not believed
    /// @param blocks gets the bytes
    /// @param checksums gets 4 bytes for each block
    LayeredRead(
            Map<ChunkKey, Chunk> chunks,
            ChunkCache cache,
            UnsettledBlocks accepted,
            ByteBuffer blocks,
            ByteBuffer checksums) {
        this.chunks = chunks;
        this.cache = cache;
        this.accepted = accepted;
        this.blocks = blocks;
        this.checksums = checksums;
    }

    /// What the layers say of each block of a chunk.
    static ByteBuffer statesOf(
            Map<ChunkKey, Chunk> chunks, ChunkCache cache, List<VolumeId> layers, long chunkIndex)
            throws IOException {
        byte[] states = new byte[ChunkKey.CHUNK_BLOCKS];
        for (VolumeId layer : layers) {
            Chunk chunk = chunks.get(new ChunkKey(layer, chunkIndex));
            if (chunk != null) {
                BlockMap map = cache.map(chunk);
                for (int block = 0; block < states.length; block++) {
                    if (states[block] == BlockState.UNMAPPED.code() && map.isMapped(block)) {
                        states[block] =
                                (map.isStored(block) ? BlockState.DATA : BlockState.ZERO).code();
                    }
                }
            }
        }
        return ByteBuffer.wrap(states).asReadOnlyBuffer();
    }

    /// Reads blocks `[first, end)`; answers the first damaged one, if any.
    Optional<BlocksRead.Corrupt> read(List<VolumeId> layers, long chunkIndex, int first, int end)
            throws IOException {
        int block = first;
        while (block < end) {
            int runEnd = end;
            Chunk holder = null;
            for (VolumeId layer : layers) {
                Chunk chunk = chunks.get(new ChunkKey(layer, chunkIndex));
                if (chunk == null) {
                    continue;
                }
                BlockMap map = cache.map(chunk);
                runEnd = map.runEnd(block, runEnd);
                if (map.isMapped(block)) {
                    holder = map.isStored(block) ? chunk : null;
                    break;
                }
            }
            if (holder == null) {
                zeroes(runEnd - block);
            } else {
                Optional<BlocksRead.Corrupt> damage = stored(holder, block, runEnd);
                if (damage.isPresent()) {
                    return damage;
                }
            }
            block = runEnd;
        }
        return Optional.empty();
    }

    private void zeroes(int count) {
        // The buffers were made for this read: what is skipped is zero.
        blocks.position(blocks.position() + count * ChunkKey.BLOCK_BYTES);
        for (int i = 0; i < count; i++) {
            checksums.putInt(BlockMap.ZERO_BLOCK_CRC);
        }
    }

    private Optional<BlocksRead.Corrupt> stored(Chunk chunk, int block, int runEnd)
            throws IOException {
        int start = blocks.position();
        int lengthBytes = (runEnd - block) * ChunkKey.BLOCK_BYTES;
        ByteBuffer run = blocks.slice(start, lengthBytes);
        BlockMap map = cache.map(chunk);
        readRun(cache.file(chunk), map, block, runEnd, run);
        for (int at = block; at < runEnd; at++) {
            int offset = (at - block) * ChunkKey.BLOCK_BYTES;
            int found = BlockMap.checksum(run.slice(offset, ChunkKey.BLOCK_BYTES));
            if (found != map.checksum(at) && !accepted.contains(chunk.key, at)) {
                return Optional.of(new BlocksRead.Corrupt(new DamagedBlock(chunk.key, at)));
            }
            checksums.putInt(map.checksum(at));
        }
        blocks.position(start + lengthBytes);
        return Optional.empty();
    }

    /// Fills the buffer with stored blocks `[block, runEnd)`: one read for each row in the file.
    static void readRun(ChunkFile file, BlockMap map, int block, int runEnd, ByteBuffer into)
            throws IOException {
        int at = block;
        while (at < runEnd) {
            int end = map.fileRunEnd(at, runEnd);
            int lengthBytes = (end - at) * ChunkKey.BLOCK_BYTES;
            file.read(map.place(at), into.slice(into.position(), lengthBytes));
            into.position(into.position() + lengthBytes);
            at = end;
        }
    }
}
