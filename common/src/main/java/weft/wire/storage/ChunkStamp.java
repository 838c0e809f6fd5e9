package weft.wire.storage;

import weft.fabric.ChunkKey;

/// A chunk and the last entry applied to it. Equal stamps mean equal bytes, because only committed
/// entries are applied, in order.
public record ChunkStamp(ChunkKey key, long version, long sequence) {}
