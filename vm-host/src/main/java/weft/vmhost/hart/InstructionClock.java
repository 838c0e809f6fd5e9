package weft.vmhost.hart;

import weft.runtime.Clock;

import java.util.function.LongSupplier;

/// Virtual time: a clock that counts a hart's instructions, a nanosecond each, and what the hart
/// has slept. It moves by whole ticks, at every hundredth instruction.
public final class InstructionClock implements Clock {
    static final int INSTRUCTIONS_PER_TICK = 100;

    private static final long NANOS_PER_TICK = 1_000_000_000 / TimeSource.TICKS_PER_SECOND;

    private final LongSupplier instructions;
    private long sleptTicks;

    /// @param instructions that the hart has retired; asked on its own thread, or while it executes
    ///   nothing
    public InstructionClock(LongSupplier instructions) {
        this.instructions = instructions;
    }

    @Override
    public long nowNanos() {
        return (instructions.getAsLong() / INSTRUCTIONS_PER_TICK + sleptTicks) * NANOS_PER_TICK;
    }

    /// The hart sleeps, and executes nothing meanwhile.
    void sleep(long ticks) {
        sleptTicks += ticks;
    }

    /// How many instructions there are until so many ticks have passed; a very large number rather
    /// than none.
    long instructionsUntil(long ticks) {
        long phase = instructions.getAsLong() % INSTRUCTIONS_PER_TICK;
        return Math.min(ticks, Long.MAX_VALUE >> 10) * INSTRUCTIONS_PER_TICK - phase;
    }
}
