package weft.vmhost.hart;

/// CSR numbers and the bits of `mstatus`.
final class Csr {
    static final int FFLAGS = 0x001;
    static final int FRM = 0x002;
    static final int FCSR = 0x003;
    static final int SSTATUS = 0x100;
    static final int SIE = 0x104;
    static final int STVEC = 0x105;
    static final int SCOUNTEREN = 0x106;
    static final int SENVCFG = 0x10A;
    static final int SSCRATCH = 0x140;
    static final int SEPC = 0x141;
    static final int SCAUSE = 0x142;
    static final int STVAL = 0x143;
    static final int SIP = 0x144;
    static final int STIMECMP = 0x14D;
    static final int SATP = 0x180;
    static final int MSTATUS = 0x300;
    static final int MISA = 0x301;
    static final int MEDELEG = 0x302;
    static final int MIDELEG = 0x303;
    static final int MIE = 0x304;
    static final int MTVEC = 0x305;
    static final int MCOUNTEREN = 0x306;
    static final int MENVCFG = 0x30A;
    static final int MCOUNTINHIBIT = 0x320;
    static final int MHPMEVENT3 = 0x323;
    static final int MSCRATCH = 0x340;
    static final int MEPC = 0x341;
    static final int MCAUSE = 0x342;
    static final int MTVAL = 0x343;
    static final int MIP = 0x344;
    static final int PMPCFG0 = 0x3A0;
    static final int PMPADDR0 = 0x3B0;
    static final int MCYCLE = 0xB00;
    static final int MINSTRET = 0xB02;
    static final int CYCLE = 0xC00;
    static final int TIME = 0xC01;
    static final int INSTRET = 0xC02;
    static final int MVENDORID = 0xF11;
    static final int MARCHID = 0xF12;
    static final int MIMPID = 0xF13;
    static final int MHARTID = 0xF14;
    static final int MCONFIGPTR = 0xF15;

    static final long STATUS_SIE = 1 << 1;
    static final long STATUS_MIE = 1 << 3;
    static final long STATUS_SPIE = 1 << 5;
    static final long STATUS_MPIE = 1 << 7;
    static final long STATUS_SPP = 1 << 8;
    static final int STATUS_MPP_SHIFT = 11;
    static final long STATUS_MPP = 3L << STATUS_MPP_SHIFT;
    static final long STATUS_FS = 3 << 13;
    static final long STATUS_MPRV = 1 << 17;
    static final long STATUS_SUM = 1 << 18;
    static final long STATUS_MXR = 1 << 19;
    static final long STATUS_TVM = 1 << 20;
    static final long STATUS_TW = 1 << 21;
    static final long STATUS_TSR = 1 << 22;
    static final long STATUS_UXL_SXL_64 = 2L << 32 | 2L << 34;
    static final long STATUS_SD = 1L << 63;

    static final long SSTATUS_WRITABLE =
            STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_FS | STATUS_SUM | STATUS_MXR;
    static final long MSTATUS_WRITABLE =
            SSTATUS_WRITABLE
                    | STATUS_MIE
                    | STATUS_MPIE
                    | STATUS_MPP
                    | STATUS_MPRV
                    | STATUS_TVM
                    | STATUS_TW
                    | STATUS_TSR;
    static final long SSTATUS_VISIBLE = SSTATUS_WRITABLE | 2L << 32 | STATUS_SD;

    // menvcfg and, from CBZE down, senvcfg. FIOM is kept and changes nothing: every fence orders
    // I/O.
    static final long ENVCFG_STCE = 1L << 63;
    static final long ENVCFG_PBMTE = 1L << 62;
    static final long ENVCFG_ADUE = 1L << 61;
    static final long ENVCFG_CBZE = 1 << 7;
    static final long ENVCFG_CBCFE = 1 << 6;
    static final int ENVCFG_CBIE_SHIFT = 4;
    static final long ENVCFG_CBIE = 3 << ENVCFG_CBIE_SHIFT;
    static final long ENVCFG_FIOM = 1;
    static final long SENVCFG_WRITABLE = ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;
    static final long MENVCFG_WRITABLE =
            SENVCFG_WRITABLE | ENVCFG_STCE | ENVCFG_PBMTE | ENVCFG_ADUE;

    /// mcounteren and scounteren: cycle, time, instret.
    static final int COUNTER_TIME = 2;

    static final long COUNTERS = 7;
    static final long COUNTER_CYCLE = 1;
    static final long COUNTER_INSTRET = 4;

    /// RV64, and the letters A C D F I M S U.
    static final long MISA_VALUE =
            2L << 62 | 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 12 | 1 << 18 | 1 << 20;

    private Csr() {}
}
