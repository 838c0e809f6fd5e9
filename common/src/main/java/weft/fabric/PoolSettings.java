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
    /// Nobody said anything.
    public static final PoolSettings NONE = new PoolSettings(null, null, null, null, null, null);

    public PoolSettings {
        if (isBelow(scrubBytesPerSecond, 1)
                || isBelow(scrubPeriodSeconds, 1)
                || isBelow(lightScrubPeriodSeconds, 1)
                || isBelow(replaceAfterSeconds, 0)
                || isBelow(moves, 1)
                || isBelow(movesPerStore, 1)) {
            throw new IllegalArgumentException(
                    "a rate, period or number of moves below 1, or a patience below 0 s");
        }
    }

    private static boolean isBelow(@Nullable Number value, long least) {
        return value != null && value.longValue() < least;
    }
}
