package weft.vmhost.hart;

import weft.vmhost.mmu.Tlb;

/// What a hart shares with machine code of its own: fields outside the heap, in front of its TLB,
/// so that one register of the host leads to both.
///
/// ```
///   -8    context of data accesses, as it stands in a tag
///   -16   the same, as it enters the number of an entry
///   -24   context of fetches
///   -32   the same, as it enters the number of an entry
///   -40   virtual address of the page that is executed
///   -48   left behind: pc, if execution went where no code is
///   -56   instructions that may be executed; left behind: how many of these are left
///   -64   left behind: address of what describes the exit, or 0
///   -72   host address of the floating-point registers, while code runs
///   -80   MXCSR for the guest; left behind: what it has raised
///   -84   MXCSR of the host
///   -88   whether floats may be executed: 0 no, 1 yes, 2 MXCSR is the guest's
///   -92   what other threads ask of the hart
///   -96   1 if `cbo.zero` may be executed
///   -104  host address that LR reserved, or 0
///   -112  the value it saw
///   -120  first byte of guest memory, as the host sees it: for checked code
///   -128  first byte behind it
///   -192  eight places for addends that a block of machine code keeps
///   -448  for each register, the addend of the last load by way of it
///   -704  floating-point registers, while code uses them
///   -768  what code needs to compute with them
///   -776  count of retired instructions where the engine is to return
///   0     the TLB's entries
/// ```
public final class HartWindow {
    public static final int CONTEXT = -8;
    public static final int CONTEXT_INDEX = -16;
    public static final int FETCH_CONTEXT = -24;
    public static final int FETCH_CONTEXT_INDEX = -32;
    public static final int PAGE = -40;
    public static final int PC = -48;
    public static final int BUDGET = -56;
    public static final int EXIT = -64;
    public static final int FLOAT_REGISTERS = -72;
    public static final int GUEST_MXCSR = -80;
    public static final int HOST_MXCSR = -84;
    public static final int FLOATS = -88;
    public static final int REQUESTS = -92;
    public static final int BLOCK_ZERO = -96;
    public static final int RESERVED_ADDRESS = -104;
    public static final int RESERVED_VALUE = -112;
    public static final int RAM_BEGIN = -120;
    public static final int RAM_END = -128;

    public static final int ADDENDS = -192;
    public static final int USUAL_ADDENDS = -448;
    public static final int FLOAT_VALUES = -704;
    public static final int FLOAT_CONSTANTS = -768;
    public static final int BUDGET_END = -776;

    static {
        assert BUDGET_END >= -Tlb.WINDOW_BYTES;
    }

    private HartWindow() {}
}
