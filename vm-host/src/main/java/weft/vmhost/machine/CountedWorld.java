package weft.vmhost.machine;

import org.jspecify.annotations.Nullable;

import weft.runtime.Loop;
import weft.vmhost.device.DeviceTimers;
import weft.vmhost.hart.ExactRun;
import weft.vmhost.virtio.VirtioMmio;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/// A world in which nothing depends on the host: alarms go off at a count of instructions, random
/// bytes follow from it, and the hart waits until devices have done what it asked for.
///
/// Random bytes are a function of the count alone, and need not be part of the machine's state.
final class CountedWorld implements DeviceWorld, ExactRun.Surroundings {
    /// The first of January 2026, when the machine was switched on.
    private static final long EPOCH_NANOS = 1_767_225_600L * 1_000_000_000;

    private static final long SEED = 0x7765_6674L;
    private static final long NANOS_PER_TICK = 100;

    private final Loop loop;
    private final LongSupplier instructions;
    private final LongSupplier timeNanos;
    private final AtomicInteger tasks = new AtomicInteger();
    private final TreeMap<Due, Runnable> alarms = new TreeMap<>();

    /// What the instruction under way has asked for; done when it is completed.
    private final List<Runnable> held = new ArrayList<>();

    private volatile boolean settling;
    private volatile BooleanSupplier devicesIdle = () -> true;
    private volatile @Nullable Thread waiter;
    private long alarmsSet;
    private long randomAt;
    private int randomCalls;

    /// @param order of being set
    private record Due(long ticks, long order) implements Comparable<Due> {
        @Override
        public int compareTo(Due other) {
            return ticks == other.ticks
                    ? Long.compare(order, other.order)
                    : Long.compare(ticks, other.ticks);
        }
    }

    /// @param instructions that the hart has retired
    /// @param timeNanos the guest's time
    CountedWorld(Loop loop, LongSupplier instructions, LongSupplier timeNanos) {
        this.loop = loop;
        this.instructions = instructions;
        this.timeNanos = timeNanos;
    }

    /// Who knows whether requests are under way.
    void watch(BooleanSupplier devicesIdle) {
        this.devicesIdle = devicesIdle;
    }

    @Override
    public Executor loop() {
        return this::post;
    }

    private void post(Runnable task) {
        tasks.incrementAndGet();
        synchronized (held) {
            if (!settling) {
                held.add(task);
                return;
            }
        }
        submit(task);
    }

    private void submit(Runnable task) {
        loop.execute(() -> {
            try {
                task.run();
            } finally {
                if (tasks.decrementAndGet() == 0) {
                    LockSupport.unpark(waiter);
                }
            }
        });
    }

    @Override
    public DeviceTimers alarms() {
        return this::alarm;
    }

    private synchronized DeviceTimers.Alarm alarm(long delayNanos, Runnable task) {
        long ticks = Math.ceilDiv(timeNanos.getAsLong() + delayNanos, NANOS_PER_TICK);
        var due = new Due(ticks, alarmsSet++);
        alarms.put(due, task);
        return () -> callOff(due);
    }

    private synchronized void callOff(Due due) {
        alarms.remove(due);
    }

    /// On the host's clock: the guest's stands still until the request has been answered.
    @Override
    public DeviceTimers retries() {
        return (nanos, task) -> loop.schedule(Duration.ofNanos(nanos), () -> post(task))::cancel;
    }

    /// At once: the guest waits for its own devices, and takes nothing from anybody else's.
    @Override
    public DeviceTimers refills() {
        return (_, task) -> {
            post(task);
            return () -> {};
        };
    }

    @Override
    public Loop.Timer every(Duration period, Runnable task) {
        return new Repeated(period.toNanos(), task).begin();
    }

    @Override
    public void resume(VirtioMmio device) {
        device.resumeSettled();
    }

    @Override
    public synchronized void random(byte[] into) {
        long now = instructions.getAsLong();
        randomCalls = now == randomAt ? randomCalls + 1 : 0;
        randomAt = now;
        new SplittableRandom(SEED ^ now << 16 ^ randomCalls).nextBytes(into);
    }

    @Override
    public long epochNanos() {
        return EPOCH_NANOS + timeNanos.getAsLong();
    }

    @Override
    public synchronized long nextAlarmTicks() {
        return alarms.isEmpty() ? Long.MAX_VALUE : alarms.firstKey().ticks();
    }

    @Override
    public boolean settle(long nowTicks, long patienceNanos) {
        if (nextAlarmTicks() <= nowTicks) {
            postDue(nowTicks);
        }
        if (!isQuiet()) {
            waiter = Thread.currentThread();
            release();
            if (!isQuiet()) {
                LockSupport.parkNanos(this, patienceNanos);
            }
            waiter = null;
        }
        boolean settled = isQuiet();
        if (settled && settling) {
            hold();
        }
        return settled;
    }

    private void release() {
        List<Runnable> released;
        synchronized (held) {
            settling = true;
            released = List.copyOf(held);
            held.clear();
        }
        released.forEach(this::submit);
    }

    private void hold() {
        synchronized (held) {
            settling = false;
        }
    }

    private boolean isQuiet() {
        return tasks.get() == 0 && devicesIdle.getAsBoolean();
    }

    private synchronized void postDue(long nowTicks) {
        while (!alarms.isEmpty() && alarms.firstKey().ticks() <= nowTicks) {
            post(alarms.pollFirstEntry().getValue());
        }
    }

    /// At whole multiples of the period, so that a restored machine has the same ones.
    private final class Repeated implements Loop.Timer {
        private final long periodNanos;
        private final Runnable task;
        private DeviceTimers.Alarm next = () -> {};
        private boolean over;

        Repeated(long periodNanos, Runnable task) {
            this.periodNanos = periodNanos;
            this.task = task;
        }

        synchronized Repeated begin() {
            next = alarm(periodNanos - timeNanos.getAsLong() % periodNanos, this::run);
            return this;
        }

        private synchronized void run() {
            if (!over) {
                task.run();
                begin();
            }
        }

        @Override
        public synchronized void cancel() {
            over = true;
            next.cancel();
        }
    }
}
