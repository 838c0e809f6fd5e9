package weft.fabric;

/// A piece of 4 MiB of one layer: the unit of placement and of catch-up.
///
/// @param chunkIndex offset in the volume divided by [#CHUNK_BYTES]
public record ChunkKey(VolumeId layer, long chunkIndex) implements Comparable<ChunkKey> {
    /// Size of a chunk.
    public static final int CHUNK_BYTES = 4 << 20;

    /// Size of a block: the unit of checksums and of maps.
    public static final int BLOCK_BYTES = 4096;

    /// Blocks of a chunk.
    public static final int CHUNK_BLOCKS = CHUNK_BYTES / BLOCK_BYTES;

    /// The largest index: volumes are smaller than 2^62 bytes.
    public static final long INDEX_MAX = (1L << 40) - 1;

    public ChunkKey {
        if (chunkIndex < 0 || chunkIndex > INDEX_MAX) {
            throw new IllegalArgumentException(
                    "chunk index " + chunkIndex + " is not in 0..2^40-1");
        }
    }

    @Override
    public int compareTo(ChunkKey other) {
        int byLayer = Long.compare(layer.value(), other.layer.value());
        return byLayer != 0 ? byLayer : Long.compare(chunkIndex, other.chunkIndex);
    }

    @Override
    public String toString() {
        return layer + "/" + chunkIndex;
    }
}
