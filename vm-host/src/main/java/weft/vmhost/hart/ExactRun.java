package weft.vmhost.hart;

import java.util.concurrent.locks.LockSupport;

/// Runs a hart so that its state after n instructions depends on n alone: not on the engine, its
/// quanta, or the host. Of one hart; the machine's only one.
///
/// Time counts instructions ([InstructionClock]), so it is known when a timer is due: the engine
/// stops well before, as it may run over its budget, and the rest is executed one by one. A load or
/// store of a device, which may ask for the time or raise an interrupt, is executed alone as well:
/// the first attempt gives up as a trap would ([LoneSteps]) and lets the engine come back. Whatever
/// else can make an interrupt possible ends the engine's run at that instruction. Devices finish
/// what an instruction has asked of them before the next one.
///
/// An interrupt is taken, and a sleep begins, behind a stop at the same count.
public final class ExactRun {
    /// What an engine executes at most beyond the budget's end: a page of straight code, and some.
    static final int OVERSHOOT_MAX = 4096;

    /// A pause does not wait longer for a disk that does not answer: 20 ms. What it still has to do
    /// is done when the hart runs again, before it does anything.
    private static final int LAST_SETTLES = 20;

    private static final long LAST_SETTLE_NANOS = 1_000_000;

    /// Thousands of years.
    private static final long FOR_EVER_TICKS = Long.MAX_VALUE >> 4;

    /// The devices beside the hart. On the hart's thread, which executes nothing meanwhile.
    public interface Surroundings {
        /// The tick at which a device wants to do something by itself; [Long#MAX_VALUE] if none.
        long nextAlarmTicks();

        /// Lets devices do what they were asked for, and what is due by now, and waits for the end
        /// of it, but comes back early when the thread is unparked.
        ///
        /// @return whether there is nothing left to do
        boolean settle(long nowTicks, long patienceNanos);
    }

    private final Hart hart;
    private final InstructionClock clock;
    private final Surroundings surroundings;
    private final int quantumInstructions;
    private volatile Stop stop = new Stop(Long.MAX_VALUE, () -> {});

    private record Stop(long instructions, Runnable reached) {}

    /// @param clock what the hart's time source shows
    /// @param quantumInstructions what an engine is given at a time; makes no difference
    public ExactRun(
            Hart hart, InstructionClock clock, Surroundings surroundings, int quantumInstructions) {
        this.hart = hart;
        hart.steps().setDevicesAlone();
        this.clock = clock;
        this.surroundings = surroundings;
        this.quantumInstructions = quantumInstructions;
    }

    /// From now on the hart goes no further than to this count of retired instructions.
    ///
    /// @param reached called on the hart's thread, perhaps more than once
    public void stopAt(long instructions, Runnable reached) {
        stop = new Stop(instructions, reached);
    }

    /// As [Hart#run].
    public void run(Engine engine) {
        HartRequests requests = hart.requests();
        requests.enter(Thread.currentThread());
        try {
            requests.setExecuting(true);
            hart.memory().update();
            while (hart.answerRequests()) {
                turn(engine);
            }
            settleBeforeItStops();
        } finally {
            requests.leave();
        }
    }

    private void turn(Engine engine) {
        if (!settle(Long.MAX_VALUE)) {
            return;
        }
        Stop stop = this.stop;
        long left = stop.instructions - hart.retiredInstructions();
        if (left <= 0) {
            stop.reached.run();
            pause();
        } else if (hart.isAsleep()) {
            sleep();
        } else {
            hart.takeInterrupt();
            execute(engine, Math.min(left, instructionsToNextEvent()));
        }
    }

    /// @param left until when the hart has to stand at an exact count; more than 0
    private void execute(Engine engine, long left) {
        if (hart.steps().takeDeviceAhead() || left <= OVERSHOOT_MAX) {
            hart.steps().step(hart, engine);
            return;
        }
        HartRequests requests = hart.requests();
        long quantum = Math.min(left - OVERSHOOT_MAX, quantumInstructions);
        requests.setBudgetEnd(hart.retiredInstructions() + quantum);
        if (!requests.isAsked(-1)) {
            engine.execute(hart);
        }
    }

    private long instructionsToNextEvent() {
        return clock.instructionsUntil(Math.min(hart.ticksToTimer(), ticksToAlarm()));
    }

    private long ticksToAlarm() {
        return surroundings.nextAlarmTicks() - hart.time();
    }

    private void sleep() {
        long ticks = Math.min(hart.ticksToWake(), ticksToAlarm());
        if (ticks >= FOR_EVER_TICKS) {
            pause();
        } else {
            clock.sleep(ticks);
        }
    }

    private void pause() {
        hart.requests().setExecuting(false);
        LockSupport.park(hart);
        hart.requests().setExecuting(true);
    }

    /// What devices were asked for by the last instruction is done, if they answer at all.
    private void settleBeforeItStops() {
        for (int i = 0; i < LAST_SETTLES && !settle(LAST_SETTLE_NANOS); i++) {
            Thread.onSpinWait();
        }
    }

    private boolean settle(long patienceNanos) {
        hart.requests().setExecuting(false);
        boolean settled = surroundings.settle(hart.time(), patienceNanos);
        hart.requests().setExecuting(true);
        return settled;
    }
}
