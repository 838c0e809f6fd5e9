package weft.vmhost.memory;

import java.util.function.LongConsumer;

/// A set of 4 KiB pages of guest memory, taken at one moment. Pages are named by the guest-physical
/// address of their first byte.
public final class DirtyPages {
    private final long baseAddress;
    private final long[] words;

    DirtyPages(long baseAddress, long[] words) {
        this.baseAddress = baseAddress;
        this.words = words;
    }

    public long count() {
        long count = 0;
        for (long word : words) {
            count += Long.bitCount(word);
        }
        return count;
    }

    public boolean isEmpty() {
        return count() == 0;
    }

    public boolean contains(long address) {
        long page = address - baseAddress >>> GuestMemory.PAGE_SHIFT;
        return page < words.length * 64L && (words[(int) (page >>> 6)] >>> page & 1) != 0;
    }

    /// Calls `consumer` with the address of each page, in rising order.
    public void forEach(LongConsumer consumer) {
        for (int i = 0; i < words.length; i++) {
            for (long rest = words[i]; rest != 0; rest &= rest - 1) {
                long page = i * 64L + Long.numberOfTrailingZeros(rest);
                consumer.accept(baseAddress + (page << GuestMemory.PAGE_SHIFT));
            }
        }
    }

    /// The same as bits, the page at the first byte of RAM first.
    PageBits bits() {
        return new PageBits(words.clone());
    }

    boolean isOf(long ramAddress, long ramPages) {
        return baseAddress == ramAddress && words.length == ramPages + 63 >>> 6;
    }

    /// The pages that are in this set, in `other`, or in both; both of the same memory.
    public DirtyPages or(DirtyPages other) {
        assert baseAddress == other.baseAddress && words.length == other.words.length;
        long[] union = words.clone();
        for (int i = 0; i < union.length; i++) {
            union[i] |= other.words[i];
        }
        return new DirtyPages(baseAddress, union);
    }
}
