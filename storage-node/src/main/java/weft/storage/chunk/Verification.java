package weft.storage.chunk;

import weft.wire.storage.DamagedBlock;

import java.util.List;

/// What a look at some blocks of a chunk on the device found.
///
/// @param nextBlock where the next look begins; [weft.fabric.ChunkKey#CHUNK_BLOCKS] if this was the
///   last, also where there is no such chunk
/// @param blocks how many were read and compared with their checksums
/// @param damaged those that do not have theirs
public record Verification(int nextBlock, int blocks, List<DamagedBlock> damaged) {
    public Verification {
        damaged = List.copyOf(damaged);
    }
}
