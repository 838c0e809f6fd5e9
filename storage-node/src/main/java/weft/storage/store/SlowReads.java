package weft.storage.store;

import weft.runtime.Clock;
import weft.storage.disk.SlowShare;

/// How much of the last seconds clients waited for reads that took the disk too long. A read that
/// does not come back at all holds its replicas' loop, which is noticed otherwise.
///
/// Safe from any thread. A read costs two looks at the clock.
final class SlowReads {
    /// What is read at once may lie in 256 places of a disk that turns, beside its writes.
    private static final long SLOW_NANOS = 500_000_000;

    private final Clock clock;
    private final SlowShare share = new SlowShare(SLOW_NANOS);

    SlowReads(Clock clock) {
        this.clock = clock;
    }

    /// A read begins. Answers what [#end] is to be told.
    long begin() {
        return clock.nowNanos();
    }

    /// It is over, however it ended.
    void end(long begunNanos) {
        share.note(begunNanos, clock.nowNanos());
    }

    /// See [SlowShare#percent].
    int percent(long nowNanos) {
        return share.percent(nowNanos);
    }
}
