package weft.storage.chunk;

import weft.fabric.ChunkKey;

import java.io.IOException;

/// A chunk cannot be copied to another member, because a stored block does not have its checksum.
public final class CorruptChunkException extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param key the chunk
    /// @param blockIndex its first damaged block
    public CorruptChunkException(ChunkKey key, int blockIndex) {
        super("chunk %s: block %d does not have its checksum".formatted(key, blockIndex));
    }
}
