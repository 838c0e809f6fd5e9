package weft.volume;

/// How long a request has been silent, and when another member is to be asked.
///
/// Silence for a second means asking another member too: long beside a disk's worst write, short
/// beside the 5 s that a pause may take. After [#SHORT_ONES] of these it is no reconfiguration that
/// it waits for, and it asks more rarely: who stands still is not helped by hearing everything
/// again each second. Any thread.
final class Patience {
    private static final long NANOS = 1_000_000_000L;
    private static final long NANOS_MAX = 8 * NANOS;
    private static final int SHORT_ONES = 6;

    private volatile long askedNanos;
    private volatile long patienceNanos = NANOS;
    private volatile int silences;

    /// It is asked now.
    void asked(long nowNanos) {
        askedNanos = nowNanos;
    }

    /// Whether another member is to be asked; if so, the next silence may be longer.
    boolean isOver(long nowNanos) {
        if (nowNanos - askedNanos < patienceNanos) {
            return false;
        }
        int before = silences;
        silences = before + 1;
        if (before >= SHORT_ONES) {
            patienceNanos = Math.min(patienceNanos * 2, NANOS_MAX);
        }
        return true;
    }
}
