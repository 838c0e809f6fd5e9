package weft.vmhost.translator;

import org.jspecify.annotations.Nullable;

import weft.runtime.BrokenInvariant;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.VirtualMemory;

/// What regions are given by the hart that runs them, and what they leave behind beside registers.
/// Owned by the hart's thread; translated code accesses the fields by name.
final class RegionCall {
    final long[] x;
    final long[] f;

    /// Host address of the TLB's first entry.
    final long tlb;

    /// What floating-point instructions may do: nothing, be executed at all, round.
    int floats;

    /// The context of loads and stores, as it stands in the TLB's tags.
    long context;

    /// How many instructions may be executed; afterwards, how many of these are left, which is
    /// negative when the region's last stretch went beyond.
    int budget;

    /// Left behind: the next instruction must be interpreted, as it did not find what it needs.
    boolean interpretNext;

    /// In [#floats]: registers may be accessed, and mstatus.FS says already that they are dirty.
    static final int MOVES = 1;

    /// In [#floats]: also, results are rounded to nearest even, and fflags says inexact already.
    static final int ARITHMETIC = 2;

    private final @Nullable VirtualMemory memory;

    RegionCall(Hart hart) {
        memory = hart.memory();
        x = hart.integerRegisters();
        f = hart.floatRegisters();
        tlb = hart.tlb().base();
    }

    private RegionCall() {
        memory = null;
        x = new long[0];
        f = new long[0];
        tlb = 0;
    }

    /// For [RegionCode#DRY].
    static RegionCall dry() {
        return new RegionCall();
    }

    /// Called by checked code before each access of guest memory.
    void check(long hostAddress, int lengthBytes) {
        if (memory == null || !memory.isGuestMemory(hostAddress, lengthBytes)) {
            throw new BrokenInvariant(
                    "translated code would access the host at 0x%x".formatted(hostAddress));
        }
    }
}
