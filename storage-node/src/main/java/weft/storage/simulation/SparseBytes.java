package weft.storage.simulation;

import java.nio.ByteBuffer;
import java.util.Arrays;

/// A file's contents in memory, by pages: one that is all zeroes takes nothing, and copies share
/// what they have in common.
final class SparseBytes {
    static final int PAGE_BYTES = 4096;

    private static final byte[] ZEROES = new byte[PAGE_BYTES];

    /// None of them is ever changed, only replaced; those of zeroes are all the same one.
    private byte[][] pages = {};

    private int lengthBytes;
    private int stored;

    int lengthBytes() {
        return lengthBytes;
    }

    /// What it takes.
    long storedBytes() {
        return (long) stored * PAGE_BYTES;
    }

    SparseBytes copy() {
        var copy = new SparseBytes();
        copy.pages = pages.clone();
        copy.lengthBytes = lengthBytes;
        copy.stored = stored;
        return copy;
    }

    /// Fills the buffer from there on, up to the end; answers how many bytes it got.
    int read(long position, ByteBuffer into) {
        int at = (int) Math.min(position, lengthBytes);
        int count = Math.min(into.remaining(), lengthBytes - at);
        for (int end = at + count; at < end; ) {
            int inPage = at % PAGE_BYTES;
            int part = Math.min(PAGE_BYTES - inPage, end - at);
            into.put(page(at / PAGE_BYTES), inPage, part);
            at += part;
        }
        return count;
    }

    private byte[] page(int index) {
        return index < pages.length ? pages[index] : ZEROES;
    }

    /// Writes a part of those bytes; it grows if needed.
    void write(long position, byte[] from, int offset, int count) {
        int at = Math.toIntExact(position);
        int done = 0;
        while (done < count) {
            int inPage = (at + done) % PAGE_BYTES;
            int part = Math.min(PAGE_BYTES - inPage, count - done);
            int index = (at + done) / PAGE_BYTES;
            byte[] page = page(index).clone();
            System.arraycopy(from, offset + done, page, inPage, part);
            put(index, page);
            done += part;
        }
        lengthBytes = Math.max(lengthBytes, at + count);
    }

    /// What it would take after that write.
    long storedBytesOf(long position, byte[] bytes) {
        SparseBytes written = copy();
        written.write(position, bytes, 0, bytes.length);
        return written.storedBytes();
    }

    private void put(int index, byte[] page) {
        byte[] kept = page == ZEROES || Arrays.equals(page, ZEROES) ? ZEROES : page;
        int before = pages.length;
        if (index >= before) {
            pages = Arrays.copyOf(pages, Math.max(index + 1, 2 * before));
            Arrays.fill(pages, before, pages.length, ZEROES);
        }
        stored += (kept == ZEROES ? 0 : 1) - (pages[index] == ZEROES ? 0 : 1);
        pages[index] = kept;
    }

    /// Becomes like the other where that was written.
    void takePages(SparseBytes other, long position, int count) {
        int last = Math.toIntExact((position + count - 1) / PAGE_BYTES);
        for (int index = (int) (position / PAGE_BYTES); index <= last; index++) {
            put(index, other.page(index));
        }
        lengthBytes = Math.max(lengthBytes, Math.toIntExact(position + count));
    }

    void flip(long position, int bit) {
        byte[] one = {
            (byte) (page((int) (position / PAGE_BYTES))[(int) position % PAGE_BYTES] ^ bit)
        };
        write(position, one, 0, 1);
    }

    byte[] toBytes() {
        ByteBuffer all = ByteBuffer.allocate(lengthBytes);
        var _ = read(0, all);
        return all.array();
    }
}
