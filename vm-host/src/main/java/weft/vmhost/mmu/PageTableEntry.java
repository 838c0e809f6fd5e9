package weft.vmhost.mmu;

/// The bits of a page-table entry (Privileged ISA, Sv39).
///
/// ```
///   63  62 61  60  54  53       10  9 8  7 6 5 4 3 2 1 0
///    N   PBMT  zero       PPN       RSW  D A G U X W R V
/// ```
///
/// N (Svnapot) makes a leaf of the last level one of sixteen that map 64 KiB together; the low four
/// bits of its page number say so and are no address. PBMT (Svpbmt) names a memory type where
/// `menvcfg.PBMTE` allows it; all types are alike here, as nothing is cached.
final class PageTableEntry {
    static final long VALID = 1;
    static final long READ = 1 << 1;
    static final long WRITE = 1 << 2;
    static final long EXECUTE = 1 << 3;
    static final long USER = 1 << 4;
    static final long GLOBAL = 1 << 5;
    static final long ACCESSED = 1 << 6;
    static final long DIRTY = 1 << 7;

    private static final long CONTIGUOUS = 1L << 63;
    private static final long MEMORY_TYPE = 3L << 61;
    private static final long RESERVED = ~(CONTIGUOUS | MEMORY_TYPE) & -1L << 54;
    private static final int CONTIGUOUS_SHIFT = 16;
    private static final long CONTIGUOUS_MARK_BITS = 15L << 10;
    private static final long CONTIGUOUS_MARK = 8L << 10;
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
        long leafBits = READ | WRITE | EXECUTE | USER | ACCESSED | DIRTY;
        return (entry & (leafBits | CONTIGUOUS | MEMORY_TYPE)) == 0;
    }

    /// Whether the leaf's memory type is one of those that may stand there.
    static boolean hasLegalMemoryType(long entry, boolean memoryTypes) {
        long type = entry & MEMORY_TYPE;
        return type == 0 || memoryTypes && type != MEMORY_TYPE;
    }

    /// The size of what a leaf maps, as a power of two; 0 if its N is set where it must not be.
    static int leafShift(long entry, int levelShift) {
        if ((entry & CONTIGUOUS) == 0) {
            return levelShift;
        }
        boolean legal = levelShift == 12 && (entry & CONTIGUOUS_MARK_BITS) == CONTIGUOUS_MARK;
        return legal ? CONTIGUOUS_SHIFT : 0;
    }

    /// Where the range begins that a leaf of this size maps.
    static long leafAddress(long entry, int leafShift) {
        long address = pageAddress(entry);
        return leafShift == CONTIGUOUS_SHIFT ? address & -1L << CONTIGUOUS_SHIFT : address;
    }
}
