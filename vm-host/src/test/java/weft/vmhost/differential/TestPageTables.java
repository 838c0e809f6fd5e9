package weft.vmhost.differential;

import static weft.vmhost.differential.ProgramImage.RAM_BASE;
import static weft.vmhost.differential.ProgramImage.TABLES_OFFSET;
import static weft.vmhost.differential.ProgramImage.WINDOW_OFFSET;

import java.nio.ByteBuffer;

/// Two Sv39 address spaces, one for S-mode and one for U-mode programs. RAM is mapped to itself by
/// a gigapage; at [#WINDOW] stand sixteen pages of every mix of rights, and malformed entries, then
/// twelve of 64 KiB that entries with N map together, and four with other high bits.
///
/// A and D are set throughout: whether hardware sets them or faults is the implementation's choice.
final class TestPageTables {
    static final long WINDOW = 0x4000_0000L;
    static final int WINDOW_PAGES = 32;

    private static final int V = 1;
    private static final int R = 2;
    private static final int W = 4;
    private static final int X = 8;
    private static final int U = 16;
    private static final int G = 32;
    private static final int AD = 0xc0;
    private static final long SV39 = 8L << 60;
    private static final long N = 1L << 63;
    private static final long N_MARK = 8L << 10;
    private static final long PBMT_UNCACHED = 1L << 61;
    private static final long PBMT_IO = 1L << 62;

    private static final int[] WINDOW_RIGHTS = {
        V | R | W | X | U,
        V | R | W,
        V | R | U,
        V | R,
        V | R | X | U,
        V | R | X,
        V | X | U,
        V | X,
        V | R | W | U,
        V | R | W | G,
        0, // not valid
        V | W | U, // writable but not readable: reserved
        V | W | X | U, // reserved
        V, // a pointer at the last level
        R | W | X | U, // not valid
        V | R | W | U
    };

    private TestPageTables() {}

    static long supervisorSatp() {
        return SV39 | (RAM_BASE + TABLES_OFFSET) >>> 12;
    }

    static long userSatp() {
        return SV39 | (RAM_BASE + TABLES_OFFSET + 0x4000) >>> 12;
    }

    static void write(ByteBuffer ram) {
        writeSpace(ram, TABLES_OFFSET, 0);
        writeSpace(ram, TABLES_OFFSET + 0x4000, U);
    }

    private static void writeSpace(ByteBuffer ram, int root, int user) {
        int middle = root + 0x1000;
        int last = root + 0x2000;
        int all = V | R | W | X | AD | user;
        ram.putLong(root + 8, entry(RAM_BASE + middle, V));
        ram.putLong(root + 16, entry(RAM_BASE, all));
        ram.putLong(root + 24, entry(RAM_BASE + 0x1000, all)); // misaligned gigapage
        ram.putLong(middle, entry(RAM_BASE + last, V));
        ram.putLong(middle + 8, entry(RAM_BASE, all)); // 2 MiB page: an alias of low RAM
        ram.putLong(middle + 16, entry(RAM_BASE + 0x1000, all)); // misaligned
        ram.putLong(middle + 24, entry(RAM_BASE, V | W | AD)); // reserved
        for (int i = 0; i < WINDOW_RIGHTS.length; i++) {
            long page = RAM_BASE + WINDOW_OFFSET + i * 0x1000L;
            int rights = WINDOW_RIGHTS[i];
            boolean pointer = (rights & (R | W | X)) == 0;
            ram.putLong(last + 8 * i, entry(page, pointer ? rights : rights | AD));
        }
        writeHighBits(ram, last + 8 * WINDOW_RIGHTS.length, V | R | W | AD | user);
        ram.putLong(middle + 32, N | N_MARK | entry(RAM_BASE, all)); // N of a 2 MiB page
        ram.putLong(middle + 40, PBMT_IO | entry(RAM_BASE + last, V)); // PBMT of a pointer
    }

    private static void writeHighBits(ByteBuffer ram, int at, int rights) {
        long group = entry(RAM_BASE + WINDOW_OFFSET + 0x1_0000, rights);
        for (int i = 0; i < 12; i++) {
            ram.putLong(at + 8 * i, N | N_MARK | group);
        }
        ram.putLong(at + 8 * 12, N | group); // not the mark of 64 KiB
        ram.putLong(at + 8 * 13, PBMT_UNCACHED | group);
        ram.putLong(at + 8 * 14, PBMT_IO | group);
        // The reserved bits below, with which QEMU 7.2 finds nothing wrong, are PageFaultTest's.
        ram.putLong(at + 8 * 15, group);
    }

    private static long entry(long address, int bits) {
        return address >>> 12 << 10 | bits;
    }
}
