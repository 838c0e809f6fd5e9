package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.U;
import static weft.vmhost.interpreter.BareHart.V;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;

/// Walks of three, four and five levels: Sv39, Sv48, Sv57. What each does at every level.
class PageTableDepthTest {
    private static final long FREE = RAM + 0x10_0000;
    private static final long N = 1L << 63;
    private static final long MARK = 8L << 10;
    private static final int LOAD_PAGE_FAULT = 13;

    private static BareHart supervisor(int levels, String program) {
        return new BareHart(program).paged(levels).enter(RAM, Privilege.SUPERVISOR);
    }

    private static long pageBytes(int level) {
        return 0x1000L << 9 * level;
    }

    /// Bits of a virtual address.
    private static int addressBits(int levels) {
        return 12 + 9 * levels;
    }

    /// The lowest page of the upper half, where kernels live: its indexes are 256, 0, 0 and so on.
    private static long upperHalf(int levels) {
        return -1L << addressBits(levels) - 1;
    }

    /// The first and the last page of this level in either half, but for the one the program has.
    private static List<Long> pages(int levels, int level) {
        long size = pageBytes(level);
        return List.of(-upperHalf(levels) - size, upperHalf(levels), -size);
    }

    /// Loads from the address; answers mcause, or 0 if it does not trap.
    private static long causeOfLoad(BareHart it, long address) {
        it.hart.setX(11, address);
        it.run();
        long cause = it.csr("mcause");
        if (cause != 0) {
            assertEquals(List.of(cause, RAM, address), it.machineTrap());
        }
        return cause;
    }

    private static void change(BareHart it, long page, int level, long bits) {
        long entry = it.entryAddress(page, level);
        it.memory.store64(entry, it.memory.load64(entry) ^ bits);
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void aPageOfAnyLevelLeadsToItsPartOfRam(int levels) {
        for (int level = 0; level < levels; level++) {
            long physical = FREE & -pageBytes(level);
            for (long page : pages(levels, level)) {
                try (BareHart it = supervisor(levels, "ld a0, 8(a1)\n sd a0, 0(a2)")) {
                    it.map(page, physical, R | W | A | D, level);
                    it.memory.store64(FREE + 8, page);
                    long address = page + FREE - physical;
                    it.hart.setX(12, address + 0xFF8);
                    assertEquals(0, causeOfLoad(it, address));
                    assertEquals(page, it.x(10));
                    assertEquals(page, it.memory.load64(FREE + 0xFF8));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void aSuperpageHasNoBitsBelowItsSize(int levels) {
        for (int level = 1; level < levels; level++) {
            for (int bit = 12; bit < 12 + 9 * level; bit++) {
                try (BareHart it = supervisor(levels, "ld a0, 0(a1)")) {
                    long page = upperHalf(levels);
                    it.map(page, FREE & -pageBytes(level) | 1L << bit, R | A | D, level);
                    assertEquals(LOAD_PAGE_FAULT, causeOfLoad(it, page));
                }
            }
        }
    }

    /// The upper bits repeat the highest that is translated; the tables would lead somewhere.
    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void anAddressThatIsNotSignExtendedFaultsThoughItIsMapped(int levels) {
        int top = levels - 1;
        long physical = RAM & -pageBytes(top);
        long inPage = FREE - physical;
        long low = -upperHalf(levels) - pageBytes(top);
        for (int bit = addressBits(levels); bit < 64; bit++) {
            for (long page : new long[] {upperHalf(levels), low}) {
                long address = (page ^ 1L << bit) + inPage;
                assertNotCanonical("ld a0, 0(a1)", LOAD_PAGE_FAULT, levels, page, address);
                assertNotCanonical("sd a0, 0(a1)", 15, levels, page, address);
            }
        }
        long above = -upperHalf(levels);
        assertNotCanonical("ld a0, 0(a1)", 13, levels, upperHalf(levels), above + inPage);
        assertNotCanonical("jr a1", 12, levels, upperHalf(levels), above + inPage);
    }

    private static void assertNotCanonical(
            String instruction, int cause, int levels, long page, long address) {
        int top = levels - 1;
        try (BareHart it = supervisor(levels, instruction)) {
            it.map(page, RAM & -pageBytes(top), R | W | X | A | D, top);
            it.hart.setX(11, address);
            it.run();
            long pc = cause == 12 ? address : RAM;
            assertEquals(List.of((long) cause, pc, address), it.machineTrap());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void marksAreSetInTheLeafOfAnyLevelAndNowhereElse(int levels) {
        for (int level = 0; level < levels; level++) {
            assertEquals(A, marksAfter("ld a0, 0(a1)", levels, level));
            assertEquals(A | D, marksAfter("sd a0, 0(a1)", levels, level));
            assertEquals(A | D, marksAfter("amoadd.d a0, a0, (a1)", levels, level));
        }
    }

    private static long marksAfter(String instruction, int levels, int level) {
        try (BareHart it = supervisor(levels, instruction)) {
            long page = upperHalf(levels);
            long physical = FREE & -pageBytes(level);
            it.map(page, physical, R | W, level);
            assertEquals(0, causeOfLoad(it, page + FREE - physical));
            for (int above = level + 1; above < levels; above++) {
                long pointer = it.memory.load64(it.entryAddress(page, above));
                assertEquals(V, pointer & 0x3FF);
            }
            return it.memory.load64(it.entryAddress(page, level)) & (A | D);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void withoutAdueAMissingMarkFaultsAtAnyLevelAndNothingIsSet(int levels) {
        for (int level = 0; level < levels; level++) {
            assertEquals(13, causeWithoutAdue("ld a0, 0(a1)", R | W | D, levels, level));
            assertEquals(15, causeWithoutAdue("sd a0, 0(a1)", R | W | A, levels, level));
            assertEquals(0, causeWithoutAdue("ld a0, 0(a1)", R | W | A, levels, level));
            assertEquals(0, causeWithoutAdue("sd a0, 0(a1)", R | W | A | D, levels, level));
        }
    }

    private static long causeWithoutAdue(String instruction, int rights, int levels, int level) {
        try (BareHart it = supervisor(levels, instruction)) {
            long page = upperHalf(levels);
            long physical = FREE & -pageBytes(level);
            it.map(page, physical, rights, level).setCsrs(Map.of("menvcfg", 0L));
            long cause = causeOfLoad(it, page + FREE - physical);
            long entry = it.memory.load64(it.entryAddress(page, level));
            assertEquals(rights & (A | D), entry & (A | D));
            return cause;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void nMakes64KiBAtTheLastLevelOnly(int levels) {
        long page = upperHalf(levels);
        for (int level = 0; level < levels; level++) {
            try (BareHart it = supervisor(levels, "ld a0, 0(a1)")) {
                long address = page + 0x3000;
                it.map(address, FREE & -0x1_0000L & -pageBytes(level), R | A | D, level);
                change(it, address, level, level == 0 ? N | MARK : N);
                it.memory.store64(FREE + 0x3000, 64);
                assertEquals(level == 0 ? 0 : LOAD_PAGE_FAULT, causeOfLoad(it, address));
                assertEquals(level == 0 ? 64 : 0, it.x(10));
            }
        }
        // 8 KiB, 16 KiB and so on are reserved.
        for (long size : new long[] {0, 1, 2, 4, 3, 9, 15}) {
            try (BareHart it = supervisor(levels, "ld a0, 0(a1)").map(page, FREE, R | A | D)) {
                change(it, page, 0, N | size << 10);
                assertEquals(LOAD_PAGE_FAULT, causeOfLoad(it, page));
            }
        }
    }

    /// Of a table in the middle of the walk: it is no table, or one whose entry has what only
    /// leaves may have.
    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void aBrokenPointerAtAnyLevelFaults(int levels) {
        long page = upperHalf(levels);
        for (int level = 1; level < levels; level++) {
            for (long bits : new long[] {V, W, U, A, D, N, 1L << 61, 1L << 54, 1L << 60}) {
                try (BareHart it = supervisor(levels, "ld a0, 0(a1)").map(page, FREE, R | A)) {
                    change(it, page, level, bits);
                    assertEquals(
                            LOAD_PAGE_FAULT, causeOfLoad(it, page), () -> "0x%x".formatted(bits));
                }
            }
        }
        try (BareHart it = supervisor(levels, "ld a0, 0(a1)").map(page, FREE, R | A)) {
            change(it, page, 0, R | A);
            assertEquals(
                    LOAD_PAGE_FAULT, causeOfLoad(it, page), "a pointer where no level is left");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void aTableOutsideOfRamIsAnAccessFaultAtAnyLevel(int levels) {
        long page = upperHalf(levels);
        for (int level = 1; level < levels; level++) {
            try (BareHart it = supervisor(levels, "ld a0, 0(a1)").map(page, FREE, R | A)) {
                it.memory.store64(it.entryAddress(page, level), 0x4000_0000L >>> 2 | V);
                assertEquals(5, causeOfLoad(it, page));
            }
        }
    }
}
