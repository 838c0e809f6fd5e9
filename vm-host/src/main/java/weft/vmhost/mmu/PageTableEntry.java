package weft.vmhost.mmu;

/// The bits of a page-table entry (Privileged ISA, Sv39).
///
/// ```
///   63  62 61  60  54  53       10  9 8  7 6 5 4 3 2 1 0
///    N   PBMT  zero       PPN       RSW  D A G U X W R V
/// ```
///
/// N and PBMT belong to extensions the machine does not have: they must be zero.
final class PageTableEntry {
    static final long VALID = 1;
    static final long READ = 1 << 1;
    static final long WRITE = 1 << 2;
    static final long EXECUTE = 1 << 3;
    static final long USER = 1 << 4;
    static final long ACCESSED = 1 << 6;
    static final long DIRTY = 1 << 7;

    private static final long RESERVED = -1L << 54;
    private static final long PAGE_NUMBER_BITS = (1L << 44) - 1;

    private PageTableEntry() {}

    static long pageAddress(long entry) {
        return (entry >>> 10 & PAGE_NUMBER_BITS) << 12;
    }

    static boolean isLeaf(long entry) {
        return (entry & (READ | EXECUTE)) != 0;
    }

    /// Valid, nothing reserved set, and not writable without being readable.
    static boolean isWellFormed(long entry) {
        return (entry & (VALID | RESERVED)) == VALID && (entry & (READ | WRITE)) != WRITE;
    }

    /// A pointer to the next level must have none of the leaf's bits.
    static boolean isPointer(long entry) {
        return (entry & (READ | WRITE | EXECUTE | USER | ACCESSED | DIRTY)) == 0;
    }
}
