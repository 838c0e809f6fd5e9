package weft.vmhost.hart;

import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.mmu.PageWalk;

import java.util.SortedMap;
import java.util.TreeMap;

/// The control and status registers of one hart: what they hold, who may touch them, and which
/// values they take (Privileged ISA, chapters 3 and 12; Zicsr, Zicntr, Sstc). Physical memory
/// protection has no entries: its registers read as zero.
public final class CsrFile {
    private final Hart hart;
    final FloatFlags floatFlags = new FloatFlags();
    int roundingMode;
    long mstatus;
    long medeleg;
    long mideleg;
    long mie;
    long mtvec;
    long mepc;
    long mcause;
    long mtval;
    long stvec;
    long sepc;
    long scause;
    long stval;
    long satp;
    private long mscratch;
    private long sscratch;
    private long mcounteren;
    private long scounteren;
    private long menvcfg;
    private long senvcfg;
    private long cycleOffset;
    private long instretOffset;

    CsrFile(Hart hart) {
        this.hart = hart;
    }

    void reset() {
        restore(new TreeMap<>());
    }

    /// What firmware leaves behind when it enters a supervisor.
    void delegateAllToSupervisor() {
        medeleg = TrapCause.DELEGABLE & ~(1L << TrapCause.CALL_FROM_SUPERVISOR);
        mideleg = Interrupt.SUPERVISOR;
        mcounteren = Csr.COUNTERS;
        scounteren = Csr.COUNTERS;
        menvcfg = Csr.ENVCFG_STCE | Csr.ENVCFG_ADUE;
    }

    /// CSRRW without its read, when the destination is x0.
    public void write(int number, long value) {
        checkWritable(number);
        set(number, value);
    }

    /// CSRRW.
    public long swap(int number, long value) {
        checkWritable(number);
        long old = get(number);
        set(number, value);
        return old;
    }

    /// CSRRS and CSRRC with a source of x0.
    public long read(int number) {
        checkReadable(number);
        return get(number);
    }

    /// CSRRS.
    public long setBits(int number, long mask) {
        checkWritable(number);
        long old = get(number);
        set(number, modifiable(number, old) | mask);
        return old;
    }

    /// CSRRC.
    public long clearBits(int number, long mask) {
        checkWritable(number);
        long old = get(number);
        set(number, modifiable(number, old) & ~mask);
        return old;
    }

    /// A trap into S-mode, before privilege changes; answers where it continues.
    long enterSupervisor(int cause, long value, boolean interrupt, long pc) {
        scause = interrupt ? Long.MIN_VALUE | cause : cause;
        stval = value;
        sepc = pc;
        long status = mstatus & ~(Csr.STATUS_SPIE | Csr.STATUS_SPP | Csr.STATUS_SIE);
        status |= (mstatus & Csr.STATUS_SIE) != 0 ? Csr.STATUS_SPIE : 0;
        mstatus = status | (hart.privilege() == Privilege.SUPERVISOR ? Csr.STATUS_SPP : 0);
        return vector(stvec, cause, interrupt);
    }

    /// A trap into M-mode, before privilege changes; answers where it continues.
    long enterMachine(int cause, long value, boolean interrupt, long pc) {
        mcause = interrupt ? Long.MIN_VALUE | cause : cause;
        mtval = value;
        mepc = pc;
        long status = mstatus & ~(Csr.STATUS_MPIE | Csr.STATUS_MPP | Csr.STATUS_MIE);
        status |= (mstatus & Csr.STATUS_MIE) != 0 ? Csr.STATUS_MPIE : 0;
        mstatus = status | (long) hart.privilege().level() << Csr.STATUS_MPP_SHIFT;
        return vector(mtvec, cause, interrupt);
    }

    private static long vector(long tvec, int cause, boolean interrupt) {
        boolean vectored = interrupt && (tvec & 1) != 0;
        return (tvec & ~3L) + (vectored ? 4L * cause : 0);
    }

    /// `sret`; answers the privilege it returns to.
    Privilege returnFromSupervisor() {
        long status = mstatus & ~(Csr.STATUS_SPP | Csr.STATUS_SIE | Csr.STATUS_MPRV);
        status |= (mstatus & Csr.STATUS_SPIE) != 0 ? Csr.STATUS_SIE : 0;
        Privilege to = (mstatus & Csr.STATUS_SPP) != 0 ? Privilege.SUPERVISOR : Privilege.USER;
        mstatus = status | Csr.STATUS_SPIE;
        return to;
    }

    /// `mret`; answers the privilege it returns to.
    Privilege returnFromMachine() {
        long status = mstatus & ~(Csr.STATUS_MPP | Csr.STATUS_MIE);
        status |= (mstatus & Csr.STATUS_MPIE) != 0 ? Csr.STATUS_MIE : 0;
        Privilege to = previousMachinePrivilege();
        if (to != Privilege.MACHINE) {
            status &= ~Csr.STATUS_MPRV;
        }
        mstatus = status | Csr.STATUS_MPIE;
        return to;
    }

    /// mstatus.MPP.
    Privilege previousMachinePrivilege() {
        return Privilege.of((int) (mstatus >>> Csr.STATUS_MPP_SHIFT) & 3);
    }

    boolean isSstcEnabled() {
        return (menvcfg & Csr.ENVCFG_STCE) != 0;
    }

    SortedMap<String, Long> capture() {
        TreeMap<String, Long> csrs = new TreeMap<>();
        csrs.put("fcsr", (long) roundingMode << 5 | floatFlags.accrued);
        csrs.put("mstatus", mstatus);
        csrs.put("medeleg", medeleg);
        csrs.put("mideleg", mideleg);
        csrs.put("mie", mie);
        csrs.put("mtvec", mtvec);
        csrs.put("mepc", mepc);
        csrs.put("mcause", mcause);
        csrs.put("mtval", mtval);
        csrs.put("stvec", stvec);
        csrs.put("sepc", sepc);
        csrs.put("scause", scause);
        csrs.put("stval", stval);
        csrs.put("satp", satp);
        csrs.put("mscratch", mscratch);
        csrs.put("sscratch", sscratch);
        csrs.put("mcounteren", mcounteren);
        csrs.put("scounteren", scounteren);
        csrs.put("menvcfg", menvcfg);
        csrs.put("senvcfg", senvcfg);
        csrs.put("mcycle.offset", cycleOffset);
        csrs.put("minstret.offset", instretOffset);
        return csrs;
    }

    /// Registers the map does not name become zero.
    void restore(SortedMap<String, Long> csrs) {
        long fcsr = csrs.getOrDefault("fcsr", 0L);
        floatFlags.accrued = (int) fcsr & 31;
        roundingMode = (int) fcsr >>> 5 & 7;
        mstatus = 0;
        setStatus(csrs.getOrDefault("mstatus", 0L), Csr.MSTATUS_WRITABLE);
        medeleg = csrs.getOrDefault("medeleg", 0L) & TrapCause.DELEGABLE;
        mideleg = csrs.getOrDefault("mideleg", 0L) & Interrupt.SUPERVISOR;
        mie = csrs.getOrDefault("mie", 0L) & Interrupt.ALL;
        mtvec = csrs.getOrDefault("mtvec", 0L) & ~2L;
        mepc = csrs.getOrDefault("mepc", 0L) & ~1L;
        mcause = csrs.getOrDefault("mcause", 0L);
        mtval = csrs.getOrDefault("mtval", 0L);
        stvec = csrs.getOrDefault("stvec", 0L) & ~2L;
        sepc = csrs.getOrDefault("sepc", 0L) & ~1L;
        scause = csrs.getOrDefault("scause", 0L);
        stval = csrs.getOrDefault("stval", 0L);
        satp = 0;
        setSatp(csrs.getOrDefault("satp", 0L));
        mscratch = csrs.getOrDefault("mscratch", 0L);
        sscratch = csrs.getOrDefault("sscratch", 0L);
        mcounteren = csrs.getOrDefault("mcounteren", 0L) & Csr.COUNTERS;
        scounteren = csrs.getOrDefault("scounteren", 0L) & Csr.COUNTERS;
        setMenvcfg(csrs.getOrDefault("menvcfg", 0L));
        senvcfg = csrs.getOrDefault("senvcfg", 0L) & Csr.ENVCFG_FIOM;
        cycleOffset = csrs.getOrDefault("mcycle.offset", 0L);
        instretOffset = csrs.getOrDefault("minstret.offset", 0L);
    }

    private void checkWritable(int number) {
        if (number >>> 10 == 3) {
            throw new IllegalInstruction();
        }
        checkReadable(number);
    }

    private void checkReadable(int number) {
        int level = hart.privilege().level();
        boolean refused = (number >>> 8 & 3) > level;
        if (number >= Csr.FFLAGS && number <= Csr.FCSR) {
            refused = (mstatus & Csr.STATUS_FS) == 0;
        } else if (number == Csr.SATP) {
            refused |= level == 1 && (mstatus & Csr.STATUS_TVM) != 0;
        } else if (number == Csr.STIMECMP && level == 1) {
            refused = !isSstcEnabled() || (mcounteren & Csr.COUNTER_TIME) == 0;
        } else if (number >>> 5 == Csr.CYCLE >>> 5) {
            long bit = 1L << (number & 31);
            refused = level < 3 && (mcounteren & bit) == 0 || level < 1 && (scounteren & bit) == 0;
        }
        if (refused) {
            throw new IllegalInstruction();
        }
    }

    /// What a read-modify-write starts from: of `mip`, without the lines that devices hold up.
    private long modifiable(int number, long old) {
        return number == Csr.MIP ? hart.interrupts().softwareBits() : old;
    }

    private long get(int number) {
        return switch (number) {
            case Csr.FFLAGS -> floatFlags.accrued;
            case Csr.FRM -> roundingMode;
            case Csr.FCSR -> (long) roundingMode << 5 | floatFlags.accrued;
            case Csr.SSTATUS -> status() & Csr.SSTATUS_VISIBLE;
            case Csr.SIE -> mie & mideleg;
            case Csr.STVEC -> stvec;
            case Csr.SCOUNTEREN -> scounteren;
            case Csr.SENVCFG -> senvcfg;
            case Csr.SSCRATCH -> sscratch;
            case Csr.SEPC -> sepc;
            case Csr.SCAUSE -> scause;
            case Csr.STVAL -> stval;
            case Csr.SIP -> hart.pendingInterrupts() & mideleg;
            case Csr.STIMECMP -> hart.supervisorTimer();
            case Csr.SATP -> satp;
            case Csr.MSTATUS -> status();
            case Csr.MISA -> Csr.MISA_VALUE;
            case Csr.MEDELEG -> medeleg;
            case Csr.MIDELEG -> mideleg;
            case Csr.MIE -> mie;
            case Csr.MTVEC -> mtvec;
            case Csr.MCOUNTEREN -> mcounteren;
            case Csr.MENVCFG -> menvcfg;
            case Csr.MSCRATCH -> mscratch;
            case Csr.MEPC -> mepc;
            case Csr.MCAUSE -> mcause;
            case Csr.MTVAL -> mtval;
            case Csr.MIP -> hart.pendingInterrupts();
            case Csr.MCYCLE, Csr.CYCLE -> hart.retiredInstructions() + cycleOffset;
            case Csr.MINSTRET, Csr.INSTRET -> hart.retiredInstructions() + instretOffset;
            case Csr.TIME -> hart.time();
            case Csr.MHARTID -> hart.id();
            default -> zero(number);
        };
    }

    /// Registers that exist and hold nothing: hardware counters, protection entries, identity.
    private static long zero(int number) {
        boolean exists =
                number >= Csr.MCOUNTINHIBIT && number < Csr.MSCRATCH && number != 0x321
                        || number > Csr.MINSTRET && number < Csr.MINSTRET + 30
                        || number > Csr.INSTRET && number < Csr.INSTRET + 30
                        || number >= 0x3A0 && number < 0x3F0
                        || number >= Csr.MVENDORID && number <= Csr.MCONFIGPTR;
        if (!exists) {
            throw new IllegalInstruction();
        }
        return 0;
    }

    private long status() {
        long dirty = (mstatus & Csr.STATUS_FS) == Csr.STATUS_FS ? Csr.STATUS_SD : 0;
        return mstatus | Csr.STATUS_UXL_SXL_64 | dirty;
    }

    private void set(int number, long value) {
        switch (number) {
            case Csr.FFLAGS, Csr.FRM, Csr.FCSR -> setFloatState(number, (int) value);
            case Csr.SSTATUS -> setStatus(value, Csr.SSTATUS_WRITABLE);
            case Csr.SIE -> mie = mie & ~mideleg | value & mideleg;
            case Csr.STVEC -> stvec = value & ~2L;
            case Csr.SCOUNTEREN -> scounteren = value & Csr.COUNTERS;
            case Csr.SENVCFG -> senvcfg = value & Csr.ENVCFG_FIOM;
            case Csr.SSCRATCH -> sscratch = value;
            case Csr.SEPC -> sepc = value & ~1L;
            case Csr.SCAUSE -> scause = value;
            case Csr.STVAL -> stval = value;
            case Csr.SIP -> hart.interrupts().write(value, mideleg & Interrupt.SUPERVISOR_SOFTWARE);
            case Csr.STIMECMP -> hart.setSupervisorTimer(value);
            case Csr.SATP -> setSatp(value);
            case Csr.MSTATUS -> setStatus(value, Csr.MSTATUS_WRITABLE);
            case Csr.MEDELEG -> medeleg = value & TrapCause.DELEGABLE;
            case Csr.MIDELEG -> mideleg = value & Interrupt.SUPERVISOR;
            case Csr.MIE -> mie = value & Interrupt.ALL;
            case Csr.MTVEC -> mtvec = value & ~2L;
            case Csr.MCOUNTEREN -> mcounteren = value & Csr.COUNTERS;
            case Csr.MENVCFG -> setMenvcfg(value);
            case Csr.MSCRATCH -> mscratch = value;
            case Csr.MEPC -> mepc = value & ~1L;
            case Csr.MCAUSE -> mcause = value;
            case Csr.MTVAL -> mtval = value;
            case Csr.MIP -> hart.interrupts().write(value, Interrupt.SUPERVISOR);
            // The instruction that writes a counter does not count itself (Zicntr).
            case Csr.MCYCLE -> cycleOffset = value - hart.retiredInstructions();
            case Csr.MINSTRET -> instretOffset = value - hart.retiredInstructions();
            case Csr.MISA -> {}
            default -> zero(number);
        }
    }

    private void setFloatState(int number, int value) {
        switch (number) {
            case Csr.FFLAGS -> floatFlags.accrued = value & 31;
            case Csr.FRM -> roundingMode = value & 7;
            default -> {
                floatFlags.accrued = value & 31;
                roundingMode = value >>> 5 & 7;
            }
        }
        mstatus |= Csr.STATUS_FS;
    }

    private void setStatus(long value, long writable) {
        long next = mstatus & ~writable | value & writable;
        if ((next & Csr.STATUS_MPP) == 2L << Csr.STATUS_MPP_SHIFT) {
            next = next & ~Csr.STATUS_MPP | mstatus & Csr.STATUS_MPP;
        }
        if ((mstatus & ~next & Csr.STATUS_SUM) != 0) {
            hart.tlb().returnBorrowed();
        }
        mstatus = next;
    }

    private void setSatp(long value) {
        int mode = (int) (value >>> 60);
        if (mode == PageWalk.BARE
                || mode == PageWalk.SV39
                || mode == PageWalk.SV48
                || mode == PageWalk.SV57) {
            satp = value;
        }
    }

    private void setMenvcfg(long value) {
        menvcfg = value & (Csr.ENVCFG_STCE | Csr.ENVCFG_ADUE | Csr.ENVCFG_FIOM);
    }
}
