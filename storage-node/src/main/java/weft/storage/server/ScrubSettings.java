package weft.storage.server;

import org.jspecify.annotations.Nullable;

import weft.fabric.PoolSettings;

import java.time.Duration;

/// How a store's chunks are looked at in the background.
///
/// @param bytesPerSecond how fast they are read
/// @param period after which a group is verified again
/// @param lightPeriod after which the maps of a group's members are compared again
public record ScrubSettings(long bytesPerSecond, Duration period, Duration lightPeriod) {
    /// Data weekly, at a rate that a disk does not feel; maps, which are a thousandth, daily.
    public static final ScrubSettings DEFAULT =
            new ScrubSettings(32L << 20, Duration.ofDays(7), Duration.ofDays(1));

    public ScrubSettings {
        if (bytesPerSecond < 1 || !isPositive(period) || !isPositive(lightPeriod)) {
            throw new IllegalArgumentException(
                    "scrubbing at %d bytes/s each %s, lightly each %s"
                            .formatted(bytesPerSecond, period, lightPeriod));
        }
    }

    private static boolean isPositive(Duration period) {
        return !period.isNegative() && !period.isZero();
    }

    /// The same, but for what somebody set.
    ScrubSettings with(PoolSettings set) {
        Long rate = set.scrubBytesPerSecond();
        return new ScrubSettings(
                rate == null ? bytesPerSecond : rate,
                orElse(set.scrubPeriodSeconds(), period),
                orElse(set.lightScrubPeriodSeconds(), lightPeriod));
    }

    private static Duration orElse(@Nullable Long seconds, Duration otherwise) {
        return seconds == null ? otherwise : Duration.ofSeconds(seconds);
    }
}
