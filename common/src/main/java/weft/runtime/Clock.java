package weft.runtime;

/// A monotonic clock. Production reads CLOCK_BOOTTIME, so that a suspended machine's leases run
/// out; the simulator steps its own.
@FunctionalInterface
public interface Clock {
    /// Nanoseconds since an arbitrary origin; never goes backwards.
    long nowNanos();
}
