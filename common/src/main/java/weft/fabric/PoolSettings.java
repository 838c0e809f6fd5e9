package weft.fabric;

import org.jspecify.annotations.Nullable;

/// How the pool is looked after, as far as somebody said so; null where nobody did. Every process
/// sees changes in its picture of the fabric and goes by them from then on.
///
/// @param scrubBytesPerSecond how fast each store reads what it verifies
/// @param scrubPeriodSeconds after which data are verified again
/// @param lightScrubPeriodSeconds after which replicas' maps are compared again
/// @param replaceAfterSeconds a store that is away for so long is replaced
/// @param moves placement groups that are copied at once
/// @param movesPerStore of those, how many from one store, and how many to one
public record PoolSettings(
        @Nullable Long scrubBytesPerSecond,
        @Nullable Long scrubPeriodSeconds,
        @Nullable Long lightScrubPeriodSeconds,
        @Nullable Long replaceAfterSeconds,
        @Nullable Integer moves,
        @Nullable Integer movesPerStore) {
    /// Ten years: who wants a thing never to happen says so much.
    public static final long SECONDS_MAX = 3_650L * 86_400;

    /// The most groups that are copied at once.
    public static final int MOVES_MAX = 10_000;

    /// Nobody said anything.
    public static final PoolSettings NONE = new PoolSettings(null, null, null, null, null, null);

    public PoolSettings {
        if (isOutside(scrubBytesPerSecond, 1, Long.MAX_VALUE)
                || isOutside(scrubPeriodSeconds, 1, SECONDS_MAX)
                || isOutside(lightScrubPeriodSeconds, 1, SECONDS_MAX)
                || isOutside(replaceAfterSeconds, 0, SECONDS_MAX)
                || isOutside(moves, 1, MOVES_MAX)
                || isOutside(movesPerStore, 1, MOVES_MAX)) {
            throw new IllegalArgumentException(
                    "a rate, period or number of moves below 1, a patience below 0 s, more than"
                            + " ten years, or more than 10,000 moves");
        }
    }

    private static boolean isOutside(@Nullable Number value, long least, long most) {
        return value != null && (value.longValue() < least || value.longValue() > most);
    }
}
