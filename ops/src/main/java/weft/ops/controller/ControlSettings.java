package weft.ops.controller;

import weft.fabric.PoolSettings;

import java.time.Duration;

/// How control treats the pool.
///
/// @param replaceAfter a store that is away for so long is gone: its copies are made elsewhere
/// @param movesMax placement groups that are copied at once
/// @param movesPerStoreMax of those, how many from one store, and how many to one
public record ControlSettings(Duration replaceAfter, int movesMax, int movesPerStoreMax) {
    /// Ten minutes are longer than the restart of a machine. One group at a time and store leaves a
    /// store's disk to its clients; 32 in all is as much as 64 stores do in pairs.
    public static final ControlSettings DEFAULT =
            new ControlSettings(Duration.ofMinutes(10), 32, 1);

    public ControlSettings {
        if (replaceAfter.isNegative() || movesMax < 1 || movesPerStoreMax < 1) {
            throw new IllegalArgumentException(
                    "replaceAfter %s, %d moves, %d for each store: needed is at least 0 s and 1"
                            .formatted(replaceAfter, movesMax, movesPerStoreMax));
        }
    }

    /// The same, but for what somebody set for the whole pool.
    public ControlSettings with(PoolSettings set) {
        Long patience = set.replaceAfterSeconds();
        Integer moves = set.moves();
        Integer perStore = set.movesPerStore();
        return new ControlSettings(
                patience == null ? replaceAfter : Duration.ofSeconds(patience),
                moves == null ? movesMax : moves,
                perStore == null ? movesPerStoreMax : perStore);
    }

    /// The same with another patience.
    public ControlSettings withReplaceAfter(Duration patience) {
        return new ControlSettings(patience, movesMax, movesPerStoreMax);
    }
}
