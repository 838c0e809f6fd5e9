package weft.vmhost.interpreter;

import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Op;

/// The decoded instructions of one hart, by guest-physical page: one slot for each halfword, filled
/// when execution first comes there. A page is good as long as its code version is the one it was
/// begun with.
final class DecodedPages {
    /// A slot for each halfword; one beyond, and one more where an instruction that crosses the
    /// page's end would go on.
    static final int SLOTS = 2048;

    private static final int SLOTS_WITH_END = SLOTS + 2;

    /// Direct-mapped, at 16 KiB each: at most 32 MiB for a hart, which covers 8 MiB of code.
    private static final int PAGES_MAX = 2048;

    private final VirtualMemory memory;
    private final long[][] slots = new long[PAGES_MAX][];
    private final long[] pages = new long[PAGES_MAX];
    private final int[] versions = new int[PAGES_MAX];

    DecodedPages(VirtualMemory memory) {
        this.memory = memory;
        java.util.Arrays.fill(pages, -1);
    }

    /// The slots of this page, all undecoded if it is new or was written since.
    long[] at(long physicalPage) {
        int index = (int) (physicalPage >>> 12) & PAGES_MAX - 1;
        if (pages[index] == physicalPage && memory.isCodeVersion(physicalPage, versions[index])) {
            return slots[index];
        }
        pages[index] = physicalPage;
        versions[index] = memory.noteCode(physicalPage);
        slots[index] = emptyPage();
        return slots[index];
    }

    static long[] emptyPage() {
        long[] page = new long[SLOTS_WITH_END];
        page[SLOTS] = Op.PAGE_END;
        page[SLOTS + 1] = Op.PAGE_END;
        return page;
    }
}
