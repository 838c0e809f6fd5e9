package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.VirtualMemory;

import java.util.Arrays;

/// The decoded instructions of one hart, by guest-physical page: one slot for each halfword, filled
/// when execution first comes there. A page is good as long as its code version is the one it was
/// begun with.
final class DecodedPages {
    /// At 16 KiB each: at most 32 MiB for a hart, which covers 8 MiB of code.
    private static final int SETS = 512;

    /// Places of a set, the one used last in front. With one, a kernel's pages and a program's kept
    /// taking each other's.
    private static final int WAYS = 4;

    private final VirtualMemory memory;
    private final @Nullable DecodedPage[] pages = new DecodedPage[SETS * WAYS];

    DecodedPages(VirtualMemory memory) {
        this.memory = memory;
    }

    /// This page, all undecoded if it is new or was written since.
    DecodedPage at(long physicalPage) {
        long number = physicalPage >>> 12;
        int front = ((int) (number ^ number >>> 9) & SETS - 1) * WAYS;
        DecodedPage page = pages[front];
        if (page == null || page.physicalPage() != physicalPage) {
            page = toFront(front, physicalPage);
        }
        if (page == null || !memory.isCodeVersion(physicalPage, page.version())) {
            page = new DecodedPage(physicalPage, memory.noteCode(physicalPage));
            pages[front] = page;
        }
        page.used = true;
        return page;
    }

    /// Moves a page to the front of its set, or makes room there if it is in none of its places.
    private @Nullable DecodedPage toFront(int front, long physicalPage) {
        int way = 1;
        while (way < WAYS - 1 && !isAt(front + way, physicalPage)) {
            way++;
        }
        DecodedPage found = isAt(front + way, physicalPage) ? pages[front + way] : null;
        System.arraycopy(pages, front, pages, front + 1, way);
        pages[front] = found;
        return found;
    }

    private boolean isAt(int place, long physicalPage) {
        DecodedPage page = pages[place];
        return page != null && page.physicalPage() == physicalPage;
    }

    /// Forgets the pages that were not asked for since the last call.
    void forgetUnused() {
        for (int i = 0; i < pages.length; i++) {
            DecodedPage page = pages[i];
            if (page != null && !page.used) {
                pages[i] = null;
            } else if (page != null) {
                page.used = false;
            }
        }
    }

    /// Every page is decoded anew, from its next fetch on.
    void forgetAll() {
        Arrays.fill(pages, null);
    }
}
