package weft.storage.chunk;

import weft.wire.storage.DamagedBlock;

import java.io.IOException;

/// A chunk cannot be copied to another member, because a stored block does not have its checksum.
public final class CorruptChunkException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient DamagedBlock block;

    /// @param block the first damaged one
    public CorruptChunkException(DamagedBlock block) {
        super(block + " does not have its checksum");
        this.block = block;
    }

    /// The first damaged block.
    public DamagedBlock block() {
        return block;
    }
}
