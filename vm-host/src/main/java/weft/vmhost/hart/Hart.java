package weft.vmhost.hart;

import org.jspecify.annotations.Nullable;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.memory.WriteTagHolder;
import weft.vmhost.mmu.Tlb;

import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.concurrent.locks.LockSupport;

/// A RISC-V hardware thread. Its registers belong to the thread that is inside [#run]; when none
/// is, to whoever holds the hart. Other threads may call what says so.
public final class Hart implements WriteTagHolder {
    /// Instructions between two looks at the timers: about 0.2 ms when interpreted. Requests and
    /// interrupts of other threads end a quantum early.
    public static final int QUANTUM_INSTRUCTIONS = 50_000;

    private static final long NANOS_PER_TICK = 1_000_000_000 / TimeSource.TICKS_PER_SECOND;

    /// An upper bound of one sleep; the hart wakes, looks and sleeps again.
    private static final long SLEEP_TICKS_MAX = TimeSource.TICKS_PER_SECOND;

    private final int id;
    private final TimeSource time;
    private final @Nullable SupervisorCalls supervisorCalls;
    private final HartRequests requests;
    private final LoneSteps steps;
    private final CsrFile csrs = new CsrFile(this);
    private final VirtualMemory memory;
    private final PendingInterrupts interrupts;

    /// With the register that takes what is written to x0.
    private final long[] x = new long[Decoded.PLACES];

    private final long[] f = new long[32];
    private final Reservation reservation;
    private Privilege privilege = Privilege.MACHINE;
    private long pc;
    private long retiredInstructions;
    private volatile Sleep sleep = Sleep.AWAKE;

    public Hart(
            int id, PhysicalBus bus, TimeSource time, @Nullable SupervisorCalls supervisorCalls) {
        this.id = id;
        this.time = time;
        this.supervisorCalls = supervisorCalls;
        interrupts = new PendingInterrupts(time);
        memory = new VirtualMemory(this, csrs, bus);
        requests = new HartRequests(tlb().base());
        steps = new LoneSteps(requests, bus.memory());
        reservation = new Reservation(tlb().base());
        bus.memory().addWriteTagHolder(this);
    }

    public int id() {
        return id;
    }

    /// The state after power-on, but for pc, privilege and the two arguments that boot protocols
    /// pass (hart id and device tree); lines that devices hold stay as they are. With SBI of the
    /// machine's and entry in S-mode, all is delegated to S-mode, as firmware would have done.
    /// Nobody is inside [#run].
    public void reset(long pc, Privilege privilege, long a0, long a1) {
        Arrays.fill(x, 0);
        Arrays.fill(f, 0);
        this.pc = pc;
        this.privilege = privilege;
        x[10] = a0;
        x[11] = a1;
        sleep = Sleep.AWAKE;
        interrupts.reset();
        reservation.clear();
        csrs.reset();
        if (supervisorCalls != null && privilege == Privilege.SUPERVISOR) {
            csrs.delegateAllToSupervisor();
        }
        memory.flushAll();
    }

    /// Executes on the calling platform thread until [#requestStop]; returns at an instruction
    /// boundary. May be called again.
    public void run(Engine engine) {
        requests.enter(Thread.currentThread());
        try {
            requests.setExecuting(true);
            memory.update();
            while (answerRequests()) {
                if (isAsleep()) {
                    sleep();
                } else {
                    // The end first, then the look at what is pending: see HartRequests.
                    requests.setBudgetEnd(retiredInstructions + QUANTUM_INSTRUCTIONS);
                    takeInterrupt();
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
        interrupts.setLine(bit, raised);
        if (raised) {
            requests.alert();
        }
    }

    /// `stimecmp`, or SBI's set_timer: the supervisor timer interrupt is pending from this tick on;
    /// -1 (the largest) means never. From any thread.
    public void setSupervisorTimer(long ticks) {
        interrupts.setSupervisorTimer(ticks);
        requests.alert();
    }

    public long supervisorTimer() {
        return interrupts.supervisorTimer();
    }

    /// The ACLINT's `mtimecmp` of this hart. From any thread.
    public void setMachineTimer(long ticks) {
        interrupts.setMachineTimer(ticks);
        requests.alert();
    }

    public long machineTimer() {
        return interrupts.machineTimer();
    }

    @Override
    public void dropWriteTags() {
        requests.ask(HartRequests.DROP_WRITE_TAGS);
        awaitAnswer(HartRequests.DROP_WRITE_TAGS);
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
        x[index == 0 ? Decoded.DISCARD : index] = value;
    }

    public long pc() {
        return pc;
    }

    public void setPc(long pc) {
        this.pc = pc;
    }

    public Privilege privilege() {
        return privilege;
    }

    /// Instructions retired since reset, as of the engine's last return or slow path.
    public long retiredInstructions() {
        return retiredInstructions;
    }

    public void setRetiredInstructions(long count) {
        retiredInstructions = count;
    }

    /// The machine's time, as the CSR shows it.
    public long time() {
        return time.ticks();
    }

    /// Sleeps from the end of this instruction on.
    public void waitForInterrupt(Sleep sleep) {
        this.sleep = sleep;
        requests.alert();
    }

    /// Whether it sleeps, and is called suspended. From any thread.
    public boolean isSuspended() {
        return sleep == Sleep.SUSPENDED;
    }

    /// Everything, as of an instruction boundary; nobody is inside [#run]. A reservation is not
    /// carried over, but by an exact run: the SC that relies on it fails, as it may.
    public HartState capture() {
        SortedMap<String, Long> values = csrs.capture();
        interrupts.capture(values);
        if (steps.areDevicesAlone()) {
            reservation.capture(values, memory);
        }
        return HartState.of(pc, privilege, x, f, values, sleep, retiredInstructions);
    }

    /// Takes over what [#capture] gave, of this or of another machine; nobody is inside [#run].
    ///
    /// @throws IllegalArgumentException if the state names a CSR that this version does not have
    public void restore(HartState state) {
        if (!capture().csrs().keySet().containsAll(state.csrs().keySet())) {
            throw new IllegalArgumentException(
                    "hart %d: CSRs of a later version: %s".formatted(id, state.csrs().keySet()));
        }
        reset(state.pc(), state.privilege(), 0, 0);
        for (int i = 0; i < 32; i++) {
            setX(i, state.integerRegisters().get(i));
            f[i] = state.floatRegisters().get(i);
        }
        SortedMap<String, Long> values = state.csrs();
        csrs.restore(values);
        interrupts.restore(values);
        reservation.restore(values, memory);
        sleep = state.sleep();
        retiredInstructions = state.retiredInstructions();
        memory.flushAll();
    }

    // --- for the engine

    /// x0 to x31 and [Decoded#DISCARD].
    public long[] integerRegisters() {
        return x;
    }

    /// f0 to f31, raw bits; a binary32 value is NaN-boxed.
    public long[] floatRegisters() {
        return f;
    }

    public VirtualMemory memory() {
        return memory;
    }

    public Tlb tlb() {
        return memory.tlb();
    }

    public CsrFile csrs() {
        return csrs;
    }

    public Reservation reservation() {
        return reservation;
    }

    public FloatFlags floatFlags() {
        return csrs.floatFlags;
    }

    /// `frm`.
    public int roundingMode() {
        return csrs.roundingMode;
    }

    public boolean isFloatEnabled() {
        return (csrs.mstatus & Csr.STATUS_FS) != 0;
    }

    /// Whether floats are enabled and known to have been written.
    public boolean isFloatDirty() {
        return (csrs.mstatus & Csr.STATUS_FS) == Csr.STATUS_FS;
    }

    public void setFloatDirty() {
        csrs.mstatus |= Csr.STATUS_FS;
    }

    /// Where the engine is to return; zero as soon as another thread wants attention.
    public long budgetEnd() {
        return requests.budgetEnd();
    }

    /// An exception of the instruction at [#pc]. Pc becomes the first of the trap's vector.
    public void take(Trap trap) {
        if (!steps.takesBack(trap)) {
            enterTrap(trap.cause(), trap.value(), false);
        }
    }

    /// `ecall`; pc is that of the instruction.
    public void environmentCall() {
        SupervisorCalls calls = supervisorCalls;
        if (privilege == Privilege.SUPERVISOR && calls != null) {
            pc += 4;
            // While it calls, the hart executes nothing: a fence it asks of another hart may wait
            // for that hart, which may be waiting for this one.
            requests.setExecuting(false);
            calls.call(this);
            requests.setExecuting(true);
            answerFences();
            steps.completedUncounted();
            return;
        }
        int cause =
                switch (privilege) {
                    case USER -> TrapCause.CALL_FROM_USER;
                    case SUPERVISOR -> TrapCause.CALL_FROM_SUPERVISOR;
                    case MACHINE -> TrapCause.CALL_FROM_MACHINE;
                };
        enterTrap(cause, 0, false);
    }

    public void supervisorReturn() {
        boolean refused =
                privilege == Privilege.USER
                        || privilege == Privilege.SUPERVISOR
                                && (csrs.mstatus & Csr.STATUS_TSR) != 0;
        refuseIf(refused);
        pc = csrs.sepc;
        privilege = csrs.returnFromSupervisor();
        contextChanged();
    }

    public void machineReturn() {
        refuseIf(privilege != Privilege.MACHINE);
        pc = csrs.mepc;
        privilege = csrs.returnFromMachine();
        contextChanged();
    }

    /// `wfi`; pc is already that of the next instruction.
    public void executeWfi() {
        boolean refused =
                privilege == Privilege.USER
                        || privilege == Privilege.SUPERVISOR && (csrs.mstatus & Csr.STATUS_TW) != 0;
        refuseIf(refused);
        waitForInterrupt(Sleep.WAITING);
    }

    /// `sfence.vma rs1, rs2`.
    public void fenceTranslations(int rs1, int rs2) {
        boolean refused =
                privilege == Privilege.USER
                        || privilege == Privilege.SUPERVISOR
                                && (csrs.mstatus & Csr.STATUS_TVM) != 0;
        refuseIf(refused);
        memory.fence(rs1 != 0, x[rs1], rs2 != 0, (int) x[rs2] & 0xFFFF);
    }

    /// `sfence.w.inval`, `sfence.inval.ir`: `sinval.vma` did at once what they would have ordered.
    public void orderInvalidations() {
        refuseIf(privilege == Privilege.USER);
        orderMemory();
    }

    /// A CSR was written, or privilege changed: translation and interrupts may have other rules.
    public void contextChanged() {
        memory.update();
        if (enabledInterrupts() != 0) {
            requests.setBudgetEnd(0);
        }
    }

    /// `fence`. Write tags that another hart asked to be dropped go now, as its look at the page
    /// may be ordered after this.
    public void orderMemory() {
        VarHandle.fullFence();
        if (requests.take(HartRequests.DROP_WRITE_TAGS) != 0) {
            memory.dropWriteTags();
        }
    }

    /// `fence.i`: every fetch from here on sees the stores before.
    public void fenceOwnInstructions() {
        orderMemory();
        memory.tlb().flushFetches();
    }

    /// What other harts asked for must hold from here on.
    private void answerFences() {
        int asked =
                requests.take(
                        HartRequests.DROP_WRITE_TAGS
                                | HartRequests.FLUSH_TRANSLATIONS
                                | HartRequests.FENCE_INSTRUCTIONS);
        if (asked == 0) {
            return;
        }
        if ((asked & HartRequests.DROP_WRITE_TAGS) != 0) {
            memory.dropWriteTags();
        }
        if ((asked & HartRequests.FLUSH_TRANSLATIONS) != 0) {
            memory.flushAll();
        }
        if ((asked & HartRequests.FENCE_INSTRUCTIONS) != 0) {
            memory.tlb().flushFetches();
        }
    }

    // --- for an exact run

    HartRequests requests() {
        return requests;
    }

    LoneSteps steps() {
        return steps;
    }

    /// Whether it waits, and nothing has come that ends it.
    boolean isAsleep() {
        if (sleep != Sleep.AWAKE && (pendingInterrupts() & csrs.mie) != 0) {
            sleep = Sleep.AWAKE;
        }
        return sleep != Sleep.AWAKE;
    }

    /// Until the next timer is due that could end a sleep; [Long#MAX_VALUE] if none is set.
    long ticksToWake() {
        return interrupts.ticksToNext(csrs.isSstcEnabled(), csrs.mie);
    }

    /// Until the next timer is due, enabled or not; [Long#MAX_VALUE] if none is set.
    long ticksToTimer() {
        return interrupts.ticksToNext(true, Interrupt.ALL);
    }

    // --- for the CSRs

    PendingInterrupts interrupts() {
        return interrupts;
    }

    /// `mip`.
    int pendingInterrupts() {
        return interrupts.pending(csrs.isSstcEnabled());
    }

    private static void refuseIf(boolean refused) {
        if (refused) {
            throw new IllegalInstruction();
        }
    }

    /// Returns when the hart has done what it was asked for, or does before it executes on.
    void awaitAnswer(int request) {
        if (requests.isOwnThread()) {
            answerFences();
        } else {
            requests.awaitAnswer(request);
        }
    }

    /// Answers false when the hart is to stop.
    boolean answerRequests() {
        steps.awaitPage();
        answerFences();
        return requests.take(HartRequests.STOP) == 0;
    }

    /// Pending, enabled and not masked by the present mode.
    private int enabledInterrupts() {
        return csrs.mie == 0 ? 0 : PendingInterrupts.enabled(pendingInterrupts(), csrs, privilege);
    }

    void takeInterrupt() {
        int enabled = enabledInterrupts();
        if (enabled != 0) {
            enterTrap(Integer.numberOfTrailingZeros(Interrupt.first(enabled)), 0, true);
        }
    }

    private void enterTrap(int cause, long value, boolean interrupt) {
        long delegated = interrupt ? csrs.mideleg : csrs.medeleg;
        if (privilege != Privilege.MACHINE && (delegated >>> cause & 1) != 0) {
            pc = csrs.enterSupervisor(cause, value, interrupt, pc);
            privilege = Privilege.SUPERVISOR;
        } else {
            pc = csrs.enterMachine(cause, value, interrupt, pc);
            privilege = Privilege.MACHINE;
        }
        memory.update();
        steps.completedUncounted();
    }

    private void sleep() {
        long ticks = interrupts.ticksToSleep(csrs.isSstcEnabled(), SLEEP_TICKS_MAX);
        requests.setExecuting(false);
        LockSupport.parkNanos(ticks * NANOS_PER_TICK);
        requests.setExecuting(true);
    }
}
