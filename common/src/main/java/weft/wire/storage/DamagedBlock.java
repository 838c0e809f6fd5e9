package weft.wire.storage;

import weft.fabric.ChunkKey;

/// A stored block whose bytes do not have their checksum.
///
/// @param blockIndex in the chunk
public record DamagedBlock(ChunkKey key, int blockIndex) {
    public DamagedBlock {
        if (blockIndex < 0 || blockIndex >= ChunkKey.CHUNK_BLOCKS) {
            throw new IllegalArgumentException("block " + blockIndex);
        }
    }

    /// Whether the content has this block's bytes, and nothing else.
    public boolean isIn(ChunkContent content) {
        return content.stamp().key().equals(key)
                && content.runs().size() == 1
                && content.runs().getFirst().firstBlock() == blockIndex
                && content.runs().getFirst().blocks() == 1
                && content.runs().getFirst().payload().hasRemaining();
    }

    @Override
    public String toString() {
        return "block %d of chunk %s".formatted(blockIndex, key);
    }
}
