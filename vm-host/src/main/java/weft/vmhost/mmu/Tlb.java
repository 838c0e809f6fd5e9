package weft.vmhost.mmu;

import weft.vmhost.memory.HostMemory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongConsumer;

/// The software TLB of one hart: direct-mapped, with separate tags for reading, writing and
/// fetching, so that one comparison answers whether an access needs no further thought.
///
/// Loads and stores have a table each, outside the heap: a copy whose two ends lie a multiple of
/// the table's reach apart would miss with every access otherwise. An entry has 32 bytes: tag,
/// *addend* (host address minus virtual address), guest-physical page, unused. A tag is the virtual
/// page | context << 3, see [TranslationContexts]; the fast path compares it with `(address &
/// (-4096 | size - 1)) | context << 3`, which a misaligned address cannot match. Only RAM has
/// entries, and a write tag is only filled when the page was announced as written: so a hit needs
/// no bounds check, no permission check and no dirty tracking.
///
/// Fetch entries lead to the guest-physical page; the engine keeps what it decoded beside them. An
/// engine that makes machine code keeps, behind the data entries, where the code of a page is: a
/// *code entry* of 16 bytes, tag and address, which goes whenever the fetch entry of its number
/// changes.
public final class Tlb {
    public static final int ENTRIES = 1024;
    public static final int ENTRY_SHIFT = 5;
    public static final int FETCH_ENTRIES = 512;

    /// Room in front of the first entry, which belongs to the hart.
    public static final int WINDOW_BYTES = 832;

    private static final int TABLE_BYTES = ENTRIES << ENTRY_SHIFT;

    // Where the fields of a code entry are, seen from the entry's distance.
    public static final int CODE_TAG = 2 * TABLE_BYTES;
    public static final int CODE_TABLE = 2 * TABLE_BYTES + 8;
    public static final int CODE_ENTRY_SHIFT = 4;

    private static final int TAG = 0;
    private static final int ADDEND = 8;
    private static final int PHYSICAL_PAGE = 16;

    // Where a field is, seen from the entry of a load.
    public static final int READ_TAG = TAG;
    public static final int READ_ADDEND = ADDEND;
    public static final int WRITE_TAG = TABLE_BYTES + TAG;
    public static final int WRITE_ADDEND = TABLE_BYTES + ADDEND;

    private static final long PAGE_MASK = -4096;

    /// Matches no address: its low three bits are set, as is the highest context, never given out.
    private static final long NO_TAG = -1;

    private static final int SUPERPAGE_SHIFT = 21;
    private static final int SUPERPAGE_FILTER_BITS = 4096;

    /// The window ends where a multiple of a table's size is: see [#base].
    private final MemorySegment entries =
            Arena.ofAuto()
                    .allocate(
                            3L * TABLE_BYTES + ((long) FETCH_ENTRIES << CODE_ENTRY_SHIFT),
                            TABLE_BYTES);

    private final long base = entries.address() + TABLE_BYTES;
    private final long[] fetchTags = new long[FETCH_ENTRIES];
    private final long[] fetchPages = new long[FETCH_ENTRIES];

    /// The fetch entries that were filled since the last flush of all; if it is full, any may be.
    private final int[] filled = new int[FETCH_ENTRIES];

    private int filledCount = FETCH_ENTRIES;

    /// Which 2 MiB ranges have entries from superpages: flushing an address there means flushing
    /// 512 pages and more. May say yes wrongly.
    private final long[] superpageFilter = new long[SUPERPAGE_FILTER_BITS / 64];

    /// Entries S-mode has for user pages: they go when SUM is cleared.
    private final int[] borrowed = new int[16];

    private int borrowedCount;

    public Tlb() {
        flushAll();
    }

    /// The host address of the first data entry, for the fast path, a multiple of a table's size:
    /// so the distance of an entry can be added by XOR, together with what a context changes in it.
    /// In front of it is the window.
    public long base() {
        return base;
    }

    /// The fetch tags, for the fast path.
    public long[] fetchTags() {
        return fetchTags;
    }

    public static int index(long address, long contextBits) {
        return (int) (address >>> 12 ^ contextBits << 1) & ENTRIES - 1;
    }

    public static int fetchIndex(long address, long contextBits) {
        return (int) (address >>> 12 ^ contextBits << 1) & FETCH_ENTRIES - 1;
    }

    public static long tag(long address, long contextBits) {
        return address & PAGE_MASK | contextBits;
    }

    /// The host address if the page may be read without a walk, else 0.
    public long readable(long address, long contextBits) {
        long entry = entry(index(address, contextBits));
        return HostMemory.getLong(entry + READ_TAG) == tag(address, contextBits)
                ? address + HostMemory.getLong(entry + READ_ADDEND)
                : 0;
    }

    /// The host address if the page may be written without a walk, else 0.
    public long writable(long address, long contextBits) {
        long entry = entry(index(address, contextBits));
        return HostMemory.getLong(entry + WRITE_TAG) == tag(address, contextBits)
                ? address + HostMemory.getLong(entry + WRITE_ADDEND)
                : 0;
    }

    /// Remembers a page of RAM.
    ///
    /// @param hostPage as [weft.vmhost.memory.GuestMemory#hostPage] gave it, not 0
    /// @param read whether loads are allowed
    /// @param write whether stores are allowed, and the page has been announced as written
    public void fill(
            long address,
            long contextBits,
            long hostPage,
            long physicalPage,
            boolean read,
            boolean write) {
        assert hostPage != 0;
        long entry = entry(index(address, contextBits));
        long tag = tag(address, contextBits);
        long addend = hostPage - (address & PAGE_MASK);
        if (read) {
            fill(entry, tag, addend, physicalPage);
        }
        if (write) {
            fill(entry + TABLE_BYTES, tag, addend, physicalPage);
        }
    }

    private static void fill(long entry, long tag, long addend, long physicalPage) {
        HostMemory.putLong(entry + TAG, tag);
        HostMemory.putLong(entry + ADDEND, addend);
        HostMemory.putLong(entry + PHYSICAL_PAGE, physicalPage);
    }

    /// Notes a page instructions are fetched from; answers its index.
    ///
    /// @param keep whether later fetches may take it from here; if not, only the present one may
    public int fillFetch(long address, long contextBits, long physicalPage, boolean keep) {
        int index = fetchIndex(address, contextBits);
        if (filledCount < FETCH_ENTRIES) {
            filled[filledCount++] = index;
        }
        fetchTags[index] = keep ? tag(address, contextBits) : NO_TAG;
        setCode(index, NO_TAG, 0);
        fetchPages[index] = physicalPage;
        return index;
    }

    /// Where the machine code of the page of a fetch entry is, as its engine keeps it.
    public void noteCode(int index, long table) {
        setCode(index, fetchTags[index], table);
    }

    private void forgetFetch(int index) {
        fetchTags[index] = NO_TAG;
        setCode(index, NO_TAG, 0);
    }

    private void setCode(int index, long tag, long table) {
        long entry = base + ((long) index << CODE_ENTRY_SHIFT);
        HostMemory.putLong(entry + CODE_TAG, tag);
        HostMemory.putLong(entry + CODE_TABLE, table);
    }

    /// The guest-physical page of a fetch entry.
    public long fetchPage(int index) {
        return fetchPages[index];
    }

    /// The entries of this address come from a superpage.
    public void noteSuperpage(long address) {
        int bit = superpageBit(address);
        superpageFilter[bit >>> 6] |= 1L << bit;
    }

    /// S-mode got an entry for a user page, by SUM.
    public void noteBorrowed(long address, long contextBits) {
        if (borrowedCount == borrowed.length) {
            returnBorrowed();
        }
        borrowed[borrowedCount++] = index(address, contextBits);
    }

    /// SUM was cleared.
    public void returnBorrowed() {
        for (int i = 0; i < borrowedCount; i++) {
            invalidate(entry(borrowed[i]));
        }
        borrowedCount = 0;
    }

    public void flushAll() {
        for (int i = 0; i < ENTRIES; i++) {
            invalidate(entry(i));
        }
        Arrays.fill(superpageFilter, 0);
        borrowedCount = 0;
        flushFetches();
    }

    /// Every later fetch has to ask anew whether its page still is as decoded.
    public void flushFetches() {
        if (filledCount < FETCH_ENTRIES) {
            // The usual case, as code that changes is fenced often: only what was filled since.
            for (int i = 0; i < filledCount; i++) {
                forgetFetch(filled[i]);
            }
        } else {
            for (int i = 0; i < FETCH_ENTRIES; i++) {
                forgetFetch(i);
            }
        }
        filledCount = 0;
    }

    /// Whether flushing this one address cannot be told from flushing a superpage.
    public boolean mayBeSuperpage(long address) {
        int bit = superpageBit(address);
        return (superpageFilter[bit >>> 6] >>> bit & 1) != 0;
    }

    /// Forgets one page in one context.
    public void flushPage(long address, long contextBits) {
        long tag = tag(address, contextBits);
        long entry = entry(index(address, contextBits));
        if (HostMemory.getLong(entry + READ_TAG) == tag) {
            HostMemory.putLong(entry + READ_TAG, NO_TAG);
        }
        if (HostMemory.getLong(entry + WRITE_TAG) == tag) {
            HostMemory.putLong(entry + WRITE_TAG, NO_TAG);
        }
        int fetchIndex = fetchIndex(address, contextBits);
        if (fetchTags[fetchIndex] == tag) {
            forgetFetch(fetchIndex);
        }
    }

    /// Drops all write tags, after handing the guest-physical page of each to the consumer.
    public void dropWriteTags(LongConsumer physicalPages) {
        for (int i = 0; i < ENTRIES; i++) {
            long entry = entry(i);
            if (HostMemory.getLong(entry + WRITE_TAG) != NO_TAG) {
                physicalPages.accept(HostMemory.getLong(entry + TABLE_BYTES + PHYSICAL_PAGE));
                HostMemory.putLong(entry + WRITE_TAG, NO_TAG);
            }
        }
    }

    /// Drops the write tags of one page, under whatever addresses it is mapped.
    public void dropWriteTagsOf(long physicalPage) {
        for (int i = 0; i < ENTRIES; i++) {
            long entry = entry(i);
            if (HostMemory.getLong(entry + TABLE_BYTES + PHYSICAL_PAGE) == physicalPage) {
                HostMemory.putLong(entry + WRITE_TAG, NO_TAG);
            }
        }
    }

    private long entry(int index) {
        return base + ((long) index << ENTRY_SHIFT);
    }

    private static void invalidate(long entry) {
        HostMemory.putLong(entry + READ_TAG, NO_TAG);
        HostMemory.putLong(entry + WRITE_TAG, NO_TAG);
    }

    private static int superpageBit(long address) {
        long range = address >>> SUPERPAGE_SHIFT;
        return (int) (range ^ range >>> 12) & SUPERPAGE_FILTER_BITS - 1;
    }
}
