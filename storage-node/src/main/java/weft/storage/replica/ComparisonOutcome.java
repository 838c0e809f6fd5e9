package weft.storage.replica;

import weft.fabric.ChunkKey;

import java.util.List;
import java.util.Optional;

/// How comparing some chunks of all members ended.
public sealed interface ComparisonOutcome {
    /// All members told of them, at one point of the log.
    ///
    /// @param next those after it are to be compared next; empty: nothing follows
    /// @param chunks compared, each counted once
    record Compared(Optional<ChunkKey> next, int chunks, List<MapDifference> differences)
            implements ComparisonOutcome {
        public Compared {
            differences = List.copyOf(differences);
        }
    }

    /// Not all did; ask again.
    record NotNow(String why) implements ComparisonOutcome {}
}
