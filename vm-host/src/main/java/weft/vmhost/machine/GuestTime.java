package weft.vmhost.machine;

import weft.runtime.Clock;
import weft.vmhost.hart.TimeSource;

/// The guest's `time`: the host's monotonic clock plus an offset, at 10 MHz. It never goes
/// backwards and stands still while the machine is paused; a move can add what the blackout lasted.
public final class GuestTime implements TimeSource {
    private static final long NANOS_PER_TICK = 1_000_000_000 / TICKS_PER_SECOND;

    private final Clock clock;

    /// Written only while no hart runs.
    private volatile State state = new State(false, 0);

    /// @param ticks while stopped the ticks themselves; while running what to add to the clock's
    private record State(boolean running, long ticks) {}

    GuestTime(Clock clock) {
        this.clock = clock;
    }

    @Override
    public long ticks() {
        State now = state;
        return now.running() ? clock.nowNanos() / NANOS_PER_TICK + now.ticks() : now.ticks();
    }

    /// The same in nanoseconds.
    public long nanos() {
        return ticks() * NANOS_PER_TICK;
    }

    void stop() {
        state = new State(false, ticks());
    }

    void run() {
        state = new State(true, ticks() - clock.nowNanos() / NANOS_PER_TICK);
    }

    /// Goes on from this reading. Only while stopped.
    void set(long ticks) {
        assert !state.running();
        state = new State(false, ticks);
    }
}
