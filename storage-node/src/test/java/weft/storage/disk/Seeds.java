package weft.storage.disk;

import java.util.Random;

/// Seeds of random tests: printed with every failure, replayed with -Dweft.seed=N.
public final class Seeds {
    private Seeds() {}

    /// One run of a law.
    @FunctionalInterface
    public interface Law {
        void check(Random random) throws Exception;
    }

    /// Runs the law for seeds 1..count, or for the one that -Dweft.seed names.
    public static void forEach(int count, Law law) throws Exception {
        Long only = Long.getLong("weft.seed");
        long first = only == null ? 1 : only;
        long last = only == null ? count : only;
        for (long seed = first; seed <= last; seed++) {
            try {
                law.check(new Random(seed * 0x9E3779B97F4A7C15L));
            } catch (Exception | AssertionError e) {
                throw new AssertionError("replay with -Dweft.seed=" + seed + ": " + e, e);
            }
        }
    }
}
