package weft.storage.server;

import java.time.Duration;

/// How a store's chunks are verified in the background.
///
/// @param bytesPerSecond how fast they are read
/// @param period after which a group's turn comes again
public record ScrubSettings(long bytesPerSecond, Duration period) {
    /// A week, at a rate that a disk does not feel.
    public static final ScrubSettings DEFAULT = new ScrubSettings(32L << 20, Duration.ofDays(7));

    public ScrubSettings {
        if (bytesPerSecond < 1 || period.isNegative() || period.isZero()) {
            throw new IllegalArgumentException(
                    "scrubbing at %d bytes/s each %s".formatted(bytesPerSecond, period));
        }
    }
}
