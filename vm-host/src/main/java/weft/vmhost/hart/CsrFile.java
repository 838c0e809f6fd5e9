package weft.vmhost.hart;

import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.mmu.PageWalk;
import weft.vmhost.mmu.PhysicalProtection;

import java.util.SortedMap;
import java.util.TreeMap;

/// The control and status registers of one hart: what they hold, who may touch them, and which
/// values they take (Privileged ISA, chapters 3 and 12; Zicsr, Zicntr, Sstc, Zicbom, Zicboz, Svadu,
/// Svpbmt).
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
    private final Counters counters = new Counters();

    CsrFile(Hart hart) {
        this.hart = hart;
    }

    void reset() {
        TreeMap<String, Long> initial = new TreeMap<>();
        // As QEMU: software that never heard of the two gets what their absence used to mean.
        initial.put("menvcfg", Csr.ENVCFG_ADUE | Csr.ENVCFG_PBMTE);
        initial.put("pmpcfg0", 0L);
        restore(initial);
    }

    /// What firmware leaves behind when it enters a supervisor.
    void delegateAllToSupervisor() {
        medeleg = TrapCause.DELEGABLE & ~(1L << TrapCause.CALL_FROM_SUPERVISOR);
        mideleg = Interrupt.SUPERVISOR;
        mcounteren = Csr.COUNTERS;
        scounteren = Csr.COUNTERS;
        menvcfg = Csr.MENVCFG_WRITABLE & ~Csr.ENVCFG_FIOM;
        protection().openAll();
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
        if (isPending(number)) {
            setPending(number, mask, mask);
        } else {
            set(number, old | mask);
        }
        return old;
    }

    /// CSRRC.
    public long clearBits(int number, long mask) {
        checkWritable(number);
        long old = get(number);
        if (isPending(number)) {
            setPending(number, 0, mask);
        } else {
            set(number, old & ~mask);
        }
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

    /// Svpbmt.
    boolean hasMemoryTypes() {
        return (menvcfg & Csr.ENVCFG_PBMTE) != 0;
    }

    /// Svadu.
    boolean updatesMarks() {
        return (menvcfg & Csr.ENVCFG_ADUE) != 0;
    }

    /// `cbo.inval` is lent out mode by mode; whether it discards or flushes makes no difference.
    public void checkBlockInvalidate() {
        checkEnvironment(Csr.ENVCFG_CBIE);
    }

    /// `cbo.clean`, `cbo.flush`.
    public void checkBlockClean() {
        checkEnvironment(Csr.ENVCFG_CBCFE);
    }

    /// `cbo.zero`.
    public void checkBlockZero() {
        checkEnvironment(Csr.ENVCFG_CBZE);
    }

    /// Whether `cbo.zero` may be executed at present.
    public boolean isBlockZeroAllowed() {
        return allows(Csr.ENVCFG_CBZE);
    }

    private void checkEnvironment(long field) {
        if (!allows(field)) {
            throw new IllegalInstruction();
        }
    }

    private boolean allows(long field) {
        int level = hart.privilege().level();
        return (level == 3 || (menvcfg & field) != 0) && (level >= 1 || (senvcfg & field) != 0);
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
        counters.capture(csrs);
        PhysicalProtection protection = protection();
        csrs.put("pmpcfg0", protection.configurations(0));
        csrs.put("pmpcfg2", protection.configurations(1));
        for (int entry = 0; entry < PhysicalProtection.ENTRIES; entry++) {
            csrs.put("pmpaddr" + entry, protection.address(entry));
        }
        return csrs;
    }

    /// Registers the map does not name become zero; but a state without physical memory protection
    /// is of a machine that had none, and goes on unprotected.
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
        menvcfg = environment(0, csrs.getOrDefault("menvcfg", 0L), Csr.MENVCFG_WRITABLE);
        senvcfg = environment(0, csrs.getOrDefault("senvcfg", 0L), Csr.SENVCFG_WRITABLE);
        counters.restore(csrs);
        restoreProtection(csrs);
    }

    private void restoreProtection(SortedMap<String, Long> csrs) {
        PhysicalProtection protection = protection();
        if (!csrs.containsKey("pmpcfg0")) {
            protection.openAll();
            return;
        }
        for (int entry = 0; entry < PhysicalProtection.ENTRIES; entry++) {
            String register = entry < 8 ? "pmpcfg0" : "pmpcfg2";
            int configuration = (int) (csrs.getOrDefault(register, 0L) >>> 8 * (entry & 7)) & 0xFF;
            protection.restore(entry, configuration, csrs.getOrDefault("pmpaddr" + entry, 0L));
        }
    }

    private PhysicalProtection protection() {
        return hart.memory().protection();
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

    private static boolean isPending(int number) {
        return number == Csr.MIP || number == Csr.SIP;
    }

    /// Bits that are not named stay as they are *now*: others raise them at any time.
    private void setPending(int number, long value, long mask) {
        long writable =
                number == Csr.MIP ? Interrupt.SUPERVISOR : mideleg & Interrupt.SUPERVISOR_SOFTWARE;
        hart.interrupts().write(value, writable & mask);
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
            case Csr.MCOUNTINHIBIT -> counters.inhibited();
            case Csr.MCYCLE, Csr.CYCLE -> counters.cycle(hart.retiredInstructions());
            case Csr.MINSTRET, Csr.INSTRET -> counters.instret(hart.retiredInstructions());
            case Csr.TIME -> hart.time();
            case Csr.MHARTID -> hart.id();
            default -> isProtection(number) ? protection(number) : zero(number);
        };
    }

    /// `pmpcfg0`, `pmpcfg2` and the addresses; on RV64 there are no odd configuration registers.
    private static boolean isProtection(int number) {
        int entry = number - Csr.PMPADDR0;
        return number == Csr.PMPCFG0
                || number == Csr.PMPCFG0 + 2
                || entry >= 0 && entry < PhysicalProtection.ENTRIES;
    }

    private long protection(int number) {
        return number >= Csr.PMPADDR0
                ? protection().address(number - Csr.PMPADDR0)
                : protection().configurations(number - Csr.PMPCFG0 >> 1);
    }

    private void setProtection(int number, long value) {
        if (number >= Csr.PMPADDR0) {
            protection().setAddress(number - Csr.PMPADDR0, value);
        } else {
            protection().setConfigurations(number - Csr.PMPCFG0 >> 1, value);
        }
        hart.memory().flushAll();
    }

    /// Registers that exist and hold nothing: hardware counters, identity.
    private static long zero(int number) {
        boolean exists =
                number >= Csr.MHPMEVENT3 && number < Csr.MSCRATCH
                        || number > Csr.MINSTRET && number < Csr.MINSTRET + 30
                        || number > Csr.INSTRET && number < Csr.INSTRET + 30
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
            case Csr.SENVCFG -> senvcfg = environment(senvcfg, value, Csr.SENVCFG_WRITABLE);
            case Csr.SSCRATCH -> sscratch = value;
            case Csr.SEPC -> sepc = value & ~1L;
            case Csr.SCAUSE -> scause = value;
            case Csr.STVAL -> stval = value;
            case Csr.SIP, Csr.MIP -> setPending(number, value, -1);
            case Csr.STIMECMP -> hart.setSupervisorTimer(value);
            case Csr.SATP -> setSatp(value);
            case Csr.MSTATUS -> setStatus(value, Csr.MSTATUS_WRITABLE);
            case Csr.MEDELEG -> medeleg = value & TrapCause.DELEGABLE;
            case Csr.MIDELEG -> mideleg = value & Interrupt.SUPERVISOR;
            case Csr.MIE -> mie = value & Interrupt.ALL;
            case Csr.MTVEC -> mtvec = value & ~2L;
            case Csr.MCOUNTEREN -> mcounteren = value & Csr.COUNTERS;
            case Csr.MENVCFG -> menvcfg = environment(menvcfg, value, Csr.MENVCFG_WRITABLE);
            case Csr.MSCRATCH -> mscratch = value;
            case Csr.MEPC -> mepc = value & ~1L;
            case Csr.MCAUSE -> mcause = value;
            case Csr.MTVAL -> mtval = value;
            case Csr.MCOUNTINHIBIT -> counters.setInhibited(value, hart.retiredInstructions());
            case Csr.MCYCLE -> counters.setCycle(value, hart.retiredInstructions());
            case Csr.MINSTRET -> counters.setInstret(value, hart.retiredInstructions());
            case Csr.MISA -> {}
            default -> {
                if (isProtection(number)) {
                    setProtection(number, value);
                } else {
                    zero(number);
                }
            }
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

    /// menvcfg or senvcfg after a write; CBIE = 2 is reserved and leaves CBIE as it was.
    private static long environment(long old, long value, long writable) {
        long next = value & writable;
        boolean reserved = (next & Csr.ENVCFG_CBIE) == 2L << Csr.ENVCFG_CBIE_SHIFT;
        return reserved ? next & ~Csr.ENVCFG_CBIE | old & Csr.ENVCFG_CBIE : next;
    }
}
