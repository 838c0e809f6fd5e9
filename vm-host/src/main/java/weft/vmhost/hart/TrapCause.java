package weft.vmhost.hart;

/// Exception codes of `mcause` and `scause` (Privileged ISA, table 15).
public final class TrapCause {
    public static final int INSTRUCTION_ACCESS_FAULT = 1;
    public static final int ILLEGAL_INSTRUCTION = 2;
    public static final int BREAKPOINT = 3;
    public static final int LOAD_MISALIGNED = 4;
    public static final int LOAD_ACCESS_FAULT = 5;
    public static final int STORE_MISALIGNED = 6;
    public static final int STORE_ACCESS_FAULT = 7;
    public static final int CALL_FROM_USER = 8;
    public static final int CALL_FROM_SUPERVISOR = 9;
    public static final int CALL_FROM_MACHINE = 11;
    public static final int INSTRUCTION_PAGE_FAULT = 12;
    public static final int LOAD_PAGE_FAULT = 13;
    public static final int STORE_PAGE_FAULT = 15;

    /// Those a machine without firmware hands to S-mode: all but its calls and M-mode's own.
    static final long DELEGABLE = 0xB3FF;

    private TrapCause() {}
}
