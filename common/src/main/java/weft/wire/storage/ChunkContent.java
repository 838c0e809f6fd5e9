package weft.wire.storage;

import weft.fabric.ChunkKey;

import java.nio.ByteBuffer;
import java.util.List;

/// All that is mapped in one chunk of one layer, as it was right after the stamp's entry.
///
/// @param runs ascending, not overlapping; what is in none of them is unmapped (reads through)
public record ChunkContent(ChunkStamp stamp, List<Run> runs) {
    /// The most runs: every second block.
    public static final int RUNS_MAX = ChunkKey.CHUNK_BLOCKS / 2;

    public ChunkContent {
        runs = List.copyOf(runs);
    }

    /// Mapped blocks in a row.
    ///
    /// @param firstBlock index in the chunk
    /// @param blocks how many
    /// @param payload their bytes, or empty if all of them are mapped as zeroes
    /// @param checksums one CRC32C (4 bytes, big-endian) for each, or empty for zeroes
    public record Run(int firstBlock, int blocks, ByteBuffer payload, ByteBuffer checksums) {
        public Run {
            boolean zeroes = payload.remaining() == 0 && checksums.remaining() == 0;
            boolean full =
                    payload.remaining() == blocks * ChunkKey.BLOCK_BYTES
                            && checksums.remaining() == blocks * 4;
            if (firstBlock < 0 || blocks < 1 || firstBlock > ChunkKey.CHUNK_BLOCKS - blocks) {
                throw new IllegalArgumentException("run %d+%d".formatted(firstBlock, blocks));
            }
            if (!zeroes && !full) {
                throw new IllegalArgumentException(
                        "%d blocks with %d bytes".formatted(blocks, payload.remaining()));
            }
        }
    }
}
