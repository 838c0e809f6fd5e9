package weft.vmhost.mmu;

import org.jspecify.annotations.Nullable;

import weft.vmhost.memory.GuestMemory;

/// The walk through the page tables: Sv39, Sv48 and Sv57 (Privileged ISA, 12.3.2), with Svnapot and
/// Svpbmt. Sets the accessed and dirty bits itself, atomically in the entry, if `menvcfg.ADUE` says
/// so (Svadu); otherwise their absence is a page fault (Svade).
///
/// One per hart; the results of the last successful walk stand in its fields, so that a TLB miss
/// allocates nothing.
public final class PageWalk {
    /// The outcome of a walk.
    public enum Outcome {
        TRANSLATED,
        PAGE_FAULT,
        /// A page table lies where there is no RAM, or where S-mode may not go.
        ACCESS_FAULT,
        /// What [#physicalAddress] names has to come before the walk can go on.
        ABSENT
    }

    /// satp.MODE.
    public static final int BARE = 0;

    public static final int SV39 = 8;
    public static final int SV48 = 9;
    public static final int SV57 = 10;

    private static final int LEVEL_BITS = 9;

    private final GuestMemory memory;
    private final PhysicalProtection protection;
    private boolean memoryTypes;
    private boolean updatesMarks;
    private long physicalAddress;
    private long entry;
    private int leafShift;
    private boolean global;

    public PageWalk(GuestMemory memory, PhysicalProtection protection) {
        this.memory = memory;
        this.protection = protection;
    }

    /// What `menvcfg` says.
    ///
    /// @param memoryTypes whether PBMT is a field or reserved
    /// @param updatesMarks whether accessed and dirty bits are set or asked for
    public void setRules(boolean memoryTypes, boolean updatesMarks) {
        this.memoryTypes = memoryTypes;
        this.updatesMarks = updatesMarks;
    }

    /// Where the address leads, or which entry or page is absent.
    public long physicalAddress() {
        return physicalAddress;
    }

    /// The page's size as a power of two: 12, or 16 (Svnapot), or 21, 30, 39, 48 for superpages.
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

    /// Whether the page is mapped so in all address spaces: the leaf says so, or a pointer to it.
    public boolean isGlobal() {
        return global;
    }

    /// What a walk answers where nothing is translated.
    public Outcome identity(long address) {
        physicalAddress = address;
        return Outcome.TRANSLATED;
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
        boolean anyGlobal = false;
        long table = (satp & (1L << 44) - 1) << GuestMemory.PAGE_SHIFT;
        for (int level = levels - 1; level >= 0; level--) {
            int shift = GuestMemory.PAGE_SHIFT + LEVEL_BITS * level;
            long entryAddress = table + ((address >>> shift & 511) << 3);
            if (!isTable(entryAddress, Access.LOAD)) {
                return Outcome.ACCESS_FAULT;
            }
            if (!memory.isPresent(entryAddress, 8)) {
                physicalAddress = entryAddress;
                return Outcome.ABSENT;
            }
            long entry = memory.load64(entryAddress);
            if (!PageTableEntry.isWellFormed(entry)) {
                return Outcome.PAGE_FAULT;
            }
            anyGlobal |= (entry & PageTableEntry.GLOBAL) != 0;
            if (PageTableEntry.isLeaf(entry)) {
                if (!isAllowed(entry, access, user, sum, mxr)
                        || !PageTableEntry.hasLegalMemoryType(entry, memoryTypes)
                        || isMisaligned(entry, shift)) {
                    return Outcome.PAGE_FAULT;
                }
                global = anyGlobal;
                return leaf(entryAddress, entry, address, shift, access);
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

    private boolean isTable(long entryAddress, Access access) {
        return memory.contains(entryAddress, 8)
                && protection.allows(entryAddress, 8, access, false);
    }

    /// Takes over the leaf; null if somebody changed it before its marks could be set.
    private @Nullable Outcome leaf(
            long entryAddress, long entry, long address, int levelShift, Access access) {
        int shift = PageTableEntry.leafShift(entry, levelShift);
        if (shift == 0) {
            return Outcome.PAGE_FAULT;
        }
        long offsetBits = (1L << shift) - 1;
        long marks =
                access == Access.STORE
                        ? PageTableEntry.ACCESSED | PageTableEntry.DIRTY
                        : PageTableEntry.ACCESSED;
        long physical = PageTableEntry.leafAddress(entry, shift) | address & offsetBits;
        if ((entry & marks) != marks) {
            if (!updatesMarks) {
                return Outcome.PAGE_FAULT;
            }
            if (!isTable(entryAddress, Access.STORE)) {
                return Outcome.ACCESS_FAULT;
            }
            if (!memory.isPresent(physical, 1)) {
                // No mark without the access.
                physicalAddress = physical;
                return Outcome.ABSENT;
            }
            if (!memory.compareAndSet64(entryAddress, entry, entry | marks)) {
                return null;
            }
        }
        this.entry = entry | marks;
        leafShift = shift;
        physicalAddress = physical;
        return Outcome.TRANSLATED;
    }

    private static boolean isMisaligned(long entry, int shift) {
        return (PageTableEntry.pageAddress(entry) & (1L << shift) - 1) != 0;
    }
}
