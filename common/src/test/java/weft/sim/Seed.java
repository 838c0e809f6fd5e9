package weft.sim;

import java.util.List;
import java.util.stream.LongStream;

/// Which random runs a test makes: `count` of them, or the one that `-Dweft.seed=N` names.
public final class Seed {
    private Seed() {}

    /// The seeds to run.
    public static List<Long> runs(int count) {
        Long named = Long.getLong("weft.seed");
        return named != null ? List.of(named) : LongStream.rangeClosed(1, count).boxed().toList();
    }

    /// Runs the body and, if it fails, says how to do so again.
    public static void replayable(long seed, Runnable body) {
        try {
            body.run();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("replay with -Dweft.seed=" + seed + ": " + e.getMessage(), e);
        }
    }
}
