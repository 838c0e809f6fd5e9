package weft.vmhost.nativecode;

import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.memory.HostMemory;

import java.util.BitSet;

/// Where the translated code of one guest-physical page, in one version, begins: for each slot the
/// distance from the cache's first byte, or 0. It stands in the cache, where translated code looks
/// things up itself. Written by whoever translates, read by all harts.
final class CodePage {
    static final int TABLE_BYTES = 4 * DecodedPage.SLOTS;

    private final CodeCache cache;
    private final long table;
    private final long writable;

    CodePage(CodeCache cache) {
        this.cache = cache;
        table = cache.reserve(TABLE_BYTES);
        writable = cache.toWritable(table);
    }

    CodeCache cache() {
        return cache;
    }

    /// Address of the table, for translated code.
    long table() {
        return table;
    }

    long entryAddress(int slot) {
        return table + 4L * slot;
    }

    boolean hasCode(int slot) {
        return distance(slot) != 0;
    }

    /// Where the code of this slot is executed; there is some.
    long address(int slot) {
        assert hasCode(slot);
        return cache.base() + distance(slot);
    }

    /// All slots that code begins at.
    BitSet heads() {
        var heads = new BitSet(DecodedPage.SLOTS);
        for (int slot = 0; slot < DecodedPage.SLOTS; slot++) {
            heads.set(slot, hasCode(slot));
        }
        return heads;
    }

    /// Whoever sees the entry sees the code that it leads to.
    void publish(int slot, long address) {
        HostMemory.putVolatile(writable + 4L * slot, 4, address - cache.base());
    }

    private int distance(int slot) {
        return HostMemory.getInt(writable + 4L * slot);
    }
}
