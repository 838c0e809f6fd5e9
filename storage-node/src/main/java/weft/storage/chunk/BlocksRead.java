package weft.storage.chunk;

import weft.wire.storage.DamagedBlock;

import java.nio.ByteBuffer;

/// How a read of committed blocks ended.
public sealed interface BlocksRead {
    /// Every block is what was written.
    ///
    /// @param checksums one CRC32C (4 bytes, big-endian) per block
    record Intact(ByteBuffer blocks, ByteBuffer checksums) implements BlocksRead {}

    /// A stored block does not have its checksum.
    record Corrupt(DamagedBlock block) implements BlocksRead {}
}
