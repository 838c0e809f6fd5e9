package weft.vmhost.hart;

import org.jspecify.annotations.Nullable;

import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.memory.WriteTagHolder;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// A RISC-V hardware thread. Its registers belong to the thread that is inside [#run]; when none
/// is, to whoever holds the hart. Other threads may call what says so.
public final class Hart implements WriteTagHolder {
    /// Instructions between two looks at requests and interrupts: about 0.2 ms when interpreted.
    static final int QUANTUM_INSTRUCTIONS = 50_000;

    private static final long NANOS_PER_TICK = 1_000_000_000 / TimeSource.TICKS_PER_SECOND;

    /// An upper bound of one sleep; the hart wakes, looks and sleeps again.
    private static final long SLEEP_TICKS_MAX = TimeSource.TICKS_PER_SECOND;

    private final int id;
    private final PhysicalBus bus;
    private final TimeSource time;
    private final @Nullable SupervisorCalls supervisorCalls;
    private final HartRequests requests = new HartRequests();
    private final AtomicInteger pendingInterrupts = new AtomicInteger();
    private final long[] x = new long[32];
    private final long[] f = new long[32];
    private Privilege privilege = Privilege.MACHINE;
    private long pc;
    private long retiredInstructions;
    private boolean waiting;
    private volatile long supervisorTimerTicks = -1;
    private volatile long machineTimerTicks = -1;

    public Hart(
            int id, PhysicalBus bus, TimeSource time, @Nullable SupervisorCalls supervisorCalls) {
        this.id = id;
        this.bus = bus;
        this.time = time;
        this.supervisorCalls = supervisorCalls;
        bus.memory().addWriteTagHolder(this);
    }

    public int id() {
        return id;
    }

    public PhysicalBus bus() {
        return bus;
    }

    /// The state after power-on, but for pc, privilege and the two arguments that boot protocols
    /// pass (hart id and device tree). With machine-provided SBI and entry in S-mode, everything is
    /// delegated to S-mode, as firmware would have done.
    public void reset(long pc, Privilege privilege, long a0, long a1) {
        java.util.Arrays.fill(x, 0);
        java.util.Arrays.fill(f, 0);
        this.pc = pc;
        this.privilege = privilege;
        x[10] = a0;
        x[11] = a1;
        waiting = false;
        pendingInterrupts.set(0);
        supervisorTimerTicks = -1;
        machineTimerTicks = -1;
    }

    /// Executes on the calling platform thread until [#requestStop]; returns at an instruction
    /// boundary. May be called again.
    public void run(Engine engine) {
        requests.enter(Thread.currentThread());
        try {
            requests.setExecuting(true);
            while (answerRequests()) {
                if (waiting && !isInterruptPending()) {
                    sleep();
                } else {
                    waiting = false;
                    requests.setBudgetEnd(retiredInstructions + QUANTUM_INSTRUCTIONS);
                    if (!requests.isAsked(-1)) {
                        engine.execute(this);
                    }
                }
            }
        } finally {
            requests.leave();
        }
    }

    /// Makes [#run] return soon, or at once when it is next called. From any thread.
    public void requestStop() {
        requests.ask(HartRequests.STOP);
    }

    /// Raises or lowers a line into `mip`: a bit of [Interrupt]. From any thread; wakes `wfi`.
    public void setInterrupt(int bit, boolean raised) {
        if (raised) {
            pendingInterrupts.getAndUpdate(bits -> bits | bit);
            requests.alert();
        } else {
            pendingInterrupts.getAndUpdate(bits -> bits & ~bit);
        }
    }

    /// `stimecmp`, or SBI's set_timer: the supervisor timer interrupt is pending from this tick on;
    /// -1 (the largest) means never. From any thread.
    public void setSupervisorTimer(long ticks) {
        supervisorTimerTicks = ticks;
        requests.alert();
    }

    /// The ACLINT's `mtimecmp` of this hart. From any thread.
    public void setMachineTimer(long ticks) {
        machineTimerTicks = ticks;
        requests.alert();
    }

    public long machineTimer() {
        return machineTimerTicks;
    }

    /// A remote `sfence.vma`: every later translation sees the page tables as written so far. From
    /// any thread; returns when the hart can use no older translation any more.
    public void flushTranslations() {
        demand(HartRequests.FLUSH_TRANSLATIONS);
    }

    /// A remote `fence.i`; otherwise like [#flushTranslations].
    public void fenceInstructions() {
        demand(HartRequests.FENCE_INSTRUCTIONS);
    }

    @Override
    public void dropWriteTags() {
        demand(HartRequests.DROP_WRITE_TAGS);
    }

    @Override
    public void requestDropWriteTags() {
        requests.ask(HartRequests.DROP_WRITE_TAGS);
    }

    /// Integer register `x<index>`.
    public long x(int index) {
        return x[index];
    }

    public void setX(int index, long value) {
        if (index != 0) {
            x[index] = value;
        }
    }

    public long pc() {
        return pc;
    }

    public Privilege privilege() {
        return privilege;
    }

    /// Instructions retired since reset, up to the last return of the engine.
    public long retiredInstructions() {
        return retiredInstructions;
    }

    /// Where the engine is to return; zero as soon as another thread wants attention.
    public long budgetEnd() {
        return requests.budgetEnd();
    }

    /// Sleep until an interrupt is pending, as `wfi` does; also what SBI's retentive suspend asks.
    public void waitForInterrupt() {
        waiting = true;
        requests.alert();
    }

    /// Everything, as of an instruction boundary; nobody is inside [#run].
    public HartState capture() {
        TreeMap<String, Long> csrs = new TreeMap<>();
        csrs.put("stimecmp", supervisorTimerTicks);
        csrs.put("mtimecmp", machineTimerTicks);
        csrs.put("pending", (long) pendingInterrupts.get());
        return new HartState(pc, privilege, list(x), list(f), csrs, waiting, retiredInstructions);
    }

    /// Takes over what [#capture] gave, of this or of another machine; nobody is inside [#run].
    public void restore(HartState state) {
        for (int i = 0; i < 32; i++) {
            x[i] = state.integerRegisters().get(i);
            f[i] = state.floatRegisters().get(i);
        }
        pc = state.pc();
        privilege = state.privilege();
        waiting = state.waiting();
        retiredInstructions = state.retiredInstructions();
    }

    private void demand(int request) {
        requests.ask(request);
        requests.awaitAnswer(request);
    }

    /// Answers false when the hart is to stop.
    private boolean answerRequests() {
        requests.take(
                HartRequests.DROP_WRITE_TAGS
                        | HartRequests.FLUSH_TRANSLATIONS
                        | HartRequests.FENCE_INSTRUCTIONS);
        return requests.take(HartRequests.STOP) == 0;
    }

    private boolean isInterruptPending() {
        long now = time.ticks();
        return pendingInterrupts.get() != 0
                || Long.compareUnsigned(now, supervisorTimerTicks) >= 0
                || Long.compareUnsigned(now, machineTimerTicks) >= 0;
    }

    private void sleep() {
        long deadline = supervisorTimerTicks;
        if (Long.compareUnsigned(machineTimerTicks, deadline) < 0) {
            deadline = machineTimerTicks;
        }
        long ticks = deadline - time.ticks();
        if (Long.compareUnsigned(ticks, SLEEP_TICKS_MAX) > 0) {
            ticks = SLEEP_TICKS_MAX;
        }
        requests.setExecuting(false);
        LockSupport.parkNanos(ticks * NANOS_PER_TICK);
        requests.setExecuting(true);
    }

    private static List<Long> list(long[] values) {
        List<Long> list = new ArrayList<>(values.length);
        for (long value : values) {
            list.add(value);
        }
        return list;
    }
}
