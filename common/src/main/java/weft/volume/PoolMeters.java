package weft.volume;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/// What the pool's client counts.
public final class PoolMeters {
    final Counter readBytes;
    final Counter writtenBytes;
    final Counter refused;
    final Counter retries;
    final Counter silences;
    final Counter checksumErrors;
    final Counter oddAnswers;

    /// Counts in the registry.
    public PoolMeters(MeterRegistry registry) {
        readBytes = registry.counter("weft.volume.bytes", "direction", "read");
        writtenBytes = registry.counter("weft.volume.bytes", "direction", "written");
        refused = registry.counter("weft.volume.refused");
        retries = registry.counter("weft.volume.retries");
        silences = registry.counter("weft.volume.silences");
        checksumErrors = registry.counter("weft.volume.checksum.errors");
        oddAnswers = registry.counter("weft.volume.odd.answers");
    }
}
