package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.wire.storage.Mutation;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/// Blocks that entries above the last checkpoint touch: after a crash their bytes may be later than
/// their checksums, until those entries are applied again.
final class UnsettledBlocks {
    /// For readers that must not accept any such block. Never added to.
    static final UnsettledBlocks NONE = new UnsettledBlocks();

    private final Map<ChunkKey, BitSet> blocks = new HashMap<>();

    void add(Mutation.OfChunk mutation) {
        int from = mutation.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int last = (mutation.offsetInChunk() + mutation.lengthBytes() - 1) / ChunkKey.BLOCK_BYTES;
        blocks.computeIfAbsent(mutation.chunk(), key -> new BitSet()).set(from, last + 1);
    }

    boolean contains(ChunkKey key, int block) {
        BitSet marked = blocks.get(key);
        return marked != null && marked.get(block);
    }

    boolean containsAny(ChunkKey key) {
        return blocks.containsKey(key);
    }

    void forget(ChunkKey key) {
        blocks.remove(key);
    }

    void clear() {
        blocks.clear();
    }
}
