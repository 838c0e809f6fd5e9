package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.VirtualMemory;

import java.util.Arrays;

/// The decoded instructions of one hart, by guest-physical page: one slot for each halfword, filled
/// when execution first comes there. A page is good as long as its code version is the one it was
/// begun with.
final class DecodedPages {
    /// Direct-mapped, at 16 KiB each: at most 32 MiB for a hart, which covers 8 MiB of code.
    private static final int PAGES_MAX = 2048;

    private final VirtualMemory memory;
    private final @Nullable DecodedPage[] pages = new DecodedPage[PAGES_MAX];

    DecodedPages(VirtualMemory memory) {
        this.memory = memory;
    }

    /// This page, all undecoded if it is new or was written since.
    DecodedPage at(long physicalPage) {
        int index = (int) (physicalPage >>> 12) & PAGES_MAX - 1;
        DecodedPage page = pages[index];
        if (page != null
                && page.physicalPage() == physicalPage
                && memory.isCodeVersion(physicalPage, page.version())) {
            return page;
        }
        page = new DecodedPage(physicalPage, memory.noteCode(physicalPage));
        pages[index] = page;
        return page;
    }

    /// Every page is decoded anew, from its next fetch on.
    void forgetAll() {
        Arrays.fill(pages, null);
    }
}
