package weft.vmhost.mmu;

import org.jspecify.annotations.Nullable;

import weft.vmhost.memory.GuestMemory;

/// The walk through the page tables: Sv39, Sv48 and Sv57 (Privileged ISA, 12.3.2). Sets the
/// accessed and dirty bits itself, as Svadu does, atomically in the entry.
///
/// One per hart; the results of the last successful walk stand in its fields, so that a TLB miss
/// allocates nothing.
public final class PageWalk {
    /// The outcome of a walk.
    public enum Outcome {
        TRANSLATED,
        PAGE_FAULT,
        /// A page table lies where there is no RAM.
        ACCESS_FAULT
    }

    /// satp.MODE.
    public static final int BARE = 0;

    public static final int SV39 = 8;
    public static final int SV48 = 9;
    public static final int SV57 = 10;

    private static final int LEVEL_BITS = 9;

    private final GuestMemory memory;
    private long physicalAddress;
    private long entry;
    private int leafShift;

    public PageWalk(GuestMemory memory) {
        this.memory = memory;
    }

    /// Where the address leads.
    public long physicalAddress() {
        return physicalAddress;
    }

    /// The page's size as a power of two: 12, or 21, 30, 39, 48 for superpages.
    public int leafShift() {
        return leafShift;
    }

    public boolean isReadable(boolean executableIsReadable) {
        long bits =
                executableIsReadable
                        ? PageTableEntry.READ | PageTableEntry.EXECUTE
                        : PageTableEntry.READ;
        return (entry & bits) != 0;
    }

    public boolean isUserPage() {
        return (entry & PageTableEntry.USER) != 0;
    }

    /// Walks the tables that `satp` names; its mode is one of the paged ones.
    ///
    /// @param user whether the access is made in U-mode
    /// @param sum whether S-mode may load from and store to user pages
    /// @param mxr whether executable pages are readable
    public Outcome walk(
            long satp, long address, Access access, boolean user, boolean sum, boolean mxr) {
        Outcome outcome;
        do {
            outcome = walkOnce(satp, address, access, user, sum, mxr);
        } while (outcome == null);
        return outcome;
    }

    /// Null if somebody changed the leaf meanwhile: then what it says now decides.
    private @Nullable Outcome walkOnce(
            long satp, long address, Access access, boolean user, boolean sum, boolean mxr) {
        int levels = (int) (satp >>> 60) - SV39 + 3;
        int unusedBits = 64 - (GuestMemory.PAGE_SHIFT + LEVEL_BITS * levels);
        if (address << unusedBits >> unusedBits != address) {
            return Outcome.PAGE_FAULT;
        }
        long table = (satp & (1L << 44) - 1) << GuestMemory.PAGE_SHIFT;
        for (int level = levels - 1; level >= 0; level--) {
            int shift = GuestMemory.PAGE_SHIFT + LEVEL_BITS * level;
            long entryAddress = table + ((address >>> shift & 511) << 3);
            if (!memory.contains(entryAddress, 8)) {
                return Outcome.ACCESS_FAULT;
            }
            long entry = memory.load64(entryAddress);
            if (!PageTableEntry.isWellFormed(entry)) {
                return Outcome.PAGE_FAULT;
            }
            if (PageTableEntry.isLeaf(entry)) {
                if (!isAllowed(entry, access, user, sum, mxr) || isMisaligned(entry, shift)) {
                    return Outcome.PAGE_FAULT;
                }
                return leaf(entryAddress, entry, address, shift, access)
                        ? Outcome.TRANSLATED
                        : null;
            }
            if (!PageTableEntry.isPointer(entry)) {
                return Outcome.PAGE_FAULT;
            }
            table = PageTableEntry.pageAddress(entry);
        }
        return Outcome.PAGE_FAULT;
    }

    private static boolean isAllowed(
            long entry, Access access, boolean user, boolean sum, boolean mxr) {
        boolean userPage = (entry & PageTableEntry.USER) != 0;
        if (user != userPage && (user || !sum || access == Access.FETCH)) {
            return false;
        }
        long needed =
                switch (access) {
                    case FETCH -> PageTableEntry.EXECUTE;
                    case LOAD ->
                            mxr
                                    ? PageTableEntry.READ | PageTableEntry.EXECUTE
                                    : PageTableEntry.READ;
                    case STORE -> PageTableEntry.WRITE;
                };
        return (entry & needed) != 0;
    }

    /// Takes over the leaf; false if the accessed and dirty bits could not be set.
    private boolean leaf(long entryAddress, long entry, long address, int shift, Access access) {
        long offsetBits = (1L << shift) - 1;
        long marks =
                access == Access.STORE
                        ? PageTableEntry.ACCESSED | PageTableEntry.DIRTY
                        : PageTableEntry.ACCESSED;
        if ((entry & marks) != marks
                && !memory.compareAndSet64(entryAddress, entry, entry | marks)) {
            return false;
        }
        this.entry = entry | marks;
        leafShift = shift;
        physicalAddress = PageTableEntry.pageAddress(entry) | address & offsetBits;
        return true;
    }

    private static boolean isMisaligned(long entry, int shift) {
        return (PageTableEntry.pageAddress(entry) & (1L << shift) - 1) != 0;
    }
}
