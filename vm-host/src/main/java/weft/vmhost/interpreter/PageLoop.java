package weft.vmhost.interpreter;

import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// The inner loop of [Interpreter]: what compilers emit most, within one page of decoded slots.
/// Whatever else comes (a miss of the TLB, a jump out of the page, a float) it returns at, with
/// nothing of it done but perhaps a JAL's link.
///
/// [PageRun] is the one for every host. An engine that writes machine code brings its own.
///
/// What it needs beside registers and slots stands in an array of [#FRAME_LENGTH], the *frame*:
///
/// ```
///   0  PAGE        virtual address of the page
///   1  CONTEXT     the context of loads and stores, as it stands in a tag
///   2  TLB         the host address of the TLB, with what the context changes in an entry's distance
///   3  END         the count of instructions from which on no jump back is taken
///   4  BUDGET_END  the host address of the budget's end, which other threads set to zero
///   5  PC          from the place of a slot to four times its address: see PageRun
/// ```
@FunctionalInterface
public interface PageLoop {
    int PAGE = 0;
    int CONTEXT = 1;
    int TLB = 2;
    int END = 3;
    int BUDGET_END = 4;
    int PC = 5;
    int FRAME_LENGTH = 6;

    /// Where the count of executed instructions begins in a cursor; below is the slot.
    int COUNT_SHIFT = 12;

    int SLOT_MASK = (1 << COUNT_SHIFT) - 1;

    /// The most that END may be: while a loop in machine code runs, the JVM's collector waits.
    int END_MAX = 20_000;

    /// Executes from this slot on; answers the cursor of the first instruction that it does not
    /// execute. It looks at the budget when it jumps back or by register: straight code ends with
    /// its page.
    ///
    /// @param x the hart's registers, all that [weft.vmhost.isa.Decoded] can name
    /// @param slots of a [DecodedPage]
    /// @param slot below [DecodedPage#SLOTS] + 2
    long run(long[] x, long[] slots, long slot, long[] frame);

    /// Says where instructions are executed from now on.
    ///
    /// @param page the virtual address of their page
    /// @param context of loads and stores
    static void setPage(long[] frame, long page, Tlb tlb, long context) {
        frame[PAGE] = page;
        frame[PC] = (page << 2) - HostMemory.FIRST_ELEMENT;
        frame[CONTEXT] = context;
        frame[TLB] =
                tlb.base() ^ context << 1 + Tlb.ENTRY_SHIFT & Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;
    }
}
