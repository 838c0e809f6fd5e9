package weft.runtime;

import java.security.SecureRandom;

/// Ids that nobody had before, by chance: 62 random bits collide once in 2^31 ids.
public final class FreshIds {
    private static final SecureRandom RANDOM = new SecureRandom();

    private FreshIds() {}

    /// A positive id.
    public static long positive() {
        return (RANDOM.nextLong() >>> 2) + 1;
    }
}
