package weft.vmhost.hart;

/// The machine's `time`: what the CSR of that name and the timers' comparisons read. Called by hart
/// threads, many times a millisecond.
@FunctionalInterface
public interface TimeSource {
    long TICKS_PER_SECOND = 10_000_000;

    /// Ticks since the machine's own origin; never goes backwards while the machine runs.
    long ticks();
}
