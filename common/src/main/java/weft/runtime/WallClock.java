package weft.runtime;

import java.time.Instant;

/// The time of day, for people and for guests' clocks. It may jump; nothing that must be right
/// depends on it.
public final class WallClock {
    private WallClock() {}

    /// Nanoseconds since 1970, UTC.
    public static long epochNanos() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000 + now.getNano();
    }
}
