package weft.storage.chunk;

import weft.fabric.ChunkKey;

/// Where the whole blocks of a large write are: blocks in a row of one chunk file.
///
/// @param generation of the chunk file
/// @param firstBlock in the file
/// @param blocks how many
public record FilePlace(ChunkKey key, long generation, int firstBlock, int blocks) {
    public FilePlace {
        if (firstBlock < 0 || blocks < 1 || firstBlock > FileBlocks.BLOCKS_MAX - blocks) {
            throw new IllegalArgumentException("place %d+%d".formatted(firstBlock, blocks));
        }
    }
}
