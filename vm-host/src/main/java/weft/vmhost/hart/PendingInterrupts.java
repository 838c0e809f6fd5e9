package weft.vmhost.hart;

import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// What `mip` is made of: lines that devices and other harts hold, bits that software wrote, and
/// the two timers, which are compared with the time when somebody asks.
///
/// Lines and timers are set by any thread; the rest belongs to the hart's.
final class PendingInterrupts {
    private static final long NEVER = -1;

    private final TimeSource time;
    private final AtomicInteger lines = new AtomicInteger();

    /// SEIP and STIP as M-mode software wrote them.
    private int software;

    private volatile long supervisorTimerTicks = NEVER;
    private volatile long machineTimerTicks = NEVER;

    PendingInterrupts(TimeSource time) {
        this.time = time;
    }

    /// What devices hold is theirs: a hart that is started finds it, as they will not tell again.
    void reset() {
        setLine(Interrupt.SUPERVISOR_SOFTWARE, false);
        software = 0;
        supervisorTimerTicks = NEVER;
        machineTimerTicks = NEVER;
    }

    void setLine(int bit, boolean raised) {
        lines.getAndUpdate(bits -> raised ? bits | bit : bits & ~bit);
    }

    long supervisorTimer() {
        return supervisorTimerTicks;
    }

    void setSupervisorTimer(long ticks) {
        supervisorTimerTicks = ticks;
    }

    long machineTimer() {
        return machineTimerTicks;
    }

    void setMachineTimer(long ticks) {
        machineTimerTicks = ticks;
    }

    /// `mip`.
    ///
    /// @param sstc whether the supervisor's timer is `stimecmp` rather than a bit M-mode writes
    int pending(boolean sstc) {
        int pending = lines.get() | software;
        long machineTimer = machineTimerTicks;
        long supervisorTimer = supervisorTimerTicks;
        if (sstc) {
            pending &= ~Interrupt.SUPERVISOR_TIMER;
            if (isDue(supervisorTimer)) {
                pending |= Interrupt.SUPERVISOR_TIMER;
            }
        }
        return isDue(machineTimer) ? pending | Interrupt.MACHINE_TIMER : pending;
    }

    /// Which of them `mie` enables and the mode does not mask.
    static int enabled(int pending, CsrFile csrs, Privilege privilege) {
        int wanted = pending & (int) csrs.mie;
        if (wanted == 0) {
            return 0;
        }
        int forMachine = wanted & ~(int) csrs.mideleg;
        if (forMachine != 0
                && (privilege != Privilege.MACHINE || (csrs.mstatus & Csr.STATUS_MIE) != 0)) {
            return forMachine;
        }
        boolean supervisorOpen =
                privilege == Privilege.USER
                        || privilege == Privilege.SUPERVISOR
                                && (csrs.mstatus & Csr.STATUS_SIE) != 0;
        return supervisorOpen ? wanted & (int) csrs.mideleg : 0;
    }

    private boolean isDue(long ticks) {
        return ticks != NEVER && Long.compareUnsigned(time.ticks(), ticks) >= 0;
    }

    /// Ticks until a timer is due, at most `ticksMax` and at least 1.
    long ticksToSleep(boolean sstc, long ticksMax) {
        long due = machineTimerTicks;
        if (sstc && Long.compareUnsigned(supervisorTimerTicks, due) < 0) {
            due = supervisorTimerTicks;
        }
        long now = time.ticks();
        if (Long.compareUnsigned(due, now) <= 0) {
            return 1;
        }
        return Long.compareUnsigned(due - now, ticksMax) > 0 ? ticksMax : due - now;
    }

    /// Ticks until the first of these timers that is not due is; [Long#MAX_VALUE] if none is set.
    ///
    /// @param mask bits of [Interrupt]
    long ticksToNext(boolean sstc, long mask) {
        long now = time.ticks();
        long machine = (mask & Interrupt.MACHINE_TIMER) != 0 ? machineTimerTicks : NEVER;
        boolean supervised = sstc && (mask & Interrupt.SUPERVISOR_TIMER) != 0;
        long supervisor = supervised ? supervisorTimerTicks : NEVER;
        return Math.min(ticksAhead(machine, now), ticksAhead(supervisor, now));
    }

    private static long ticksAhead(long due, long now) {
        long ahead = due - now;
        return due == NEVER || Long.compareUnsigned(due, now) <= 0 || ahead < 0
                ? Long.MAX_VALUE
                : ahead;
    }

    /// Software wrote `mip` or `sip`. SSIP has one bit for software and for other harts; SEIP and
    /// STIP as written are held apart from the lines, so that the lines of devices stay theirs.
    void write(long value, long writable) {
        if ((writable & Interrupt.SUPERVISOR_SOFTWARE) != 0) {
            setLine(Interrupt.SUPERVISOR_SOFTWARE, (value & Interrupt.SUPERVISOR_SOFTWARE) != 0);
        }
        int held = (int) writable & (Interrupt.SUPERVISOR_EXTERNAL | Interrupt.SUPERVISOR_TIMER);
        software = software & ~held | (int) value & held;
    }

    void capture(Map<String, Long> into) {
        into.put("stimecmp", supervisorTimerTicks);
        into.put("mtimecmp", machineTimerTicks);
        into.put("mip.lines", (long) lines.get());
        into.put("mip.software", (long) software);
    }

    void restore(Map<String, Long> from) {
        supervisorTimerTicks = from.getOrDefault("stimecmp", NEVER);
        machineTimerTicks = from.getOrDefault("mtimecmp", NEVER);
        lines.set((int) (from.getOrDefault("mip.lines", 0L) & Interrupt.ALL));
        software = (int) (from.getOrDefault("mip.software", 0L) & Interrupt.ALL);
    }
}
