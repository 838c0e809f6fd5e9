package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;

/// Svnapot, Svpbmt, Svadu and Svinval.
class PageTableExtensionsTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FREE = RAM + 0x10_0000;
    private static final long N = 1L << 63;
    private static final long MARK = 8L << 10;
    private static final long PBMTE = 1L << 62;
    private static final long ADUE = 1L << 61;

    private static BareHart supervisor(String program) {
        return new BareHart(program).paged().enter(RAM, Privilege.SUPERVISOR);
    }

    private static void setBits(BareHart it, long page, long bits) {
        long entry = it.entryAddress(page, 0);
        it.memory.store64(entry, it.memory.load64(entry) | bits);
    }

    @Test
    void anEntryWithNMapsItsPartOf64KiB() {
        try (BareHart it = supervisor("ld a0, 0(a1)\n sd a0, 8(a2)")) {
            for (int i : new int[] {3, 15}) {
                it.map(PAGE + 0x1000 * i, FREE, R | W | A | D);
                setBits(it, PAGE + 0x1000 * i, N | MARK);
            }
            it.memory.store64(FREE + 0x3010, 99);
            it.hart.setX(11, PAGE + 0x3010);
            it.hart.setX(12, PAGE + 0xF000);
            it.run();
            assertEquals(99, it.x(10));
            assertEquals(99, it.memory.load64(FREE + 0xF008));
        }
    }

    @Test
    void fencingAnyAddressOf64KiBForgetsAllOfIt() {
        try (BareHart it =
                supervisor(
                        """
                            ld a0, 0(a1)
                            sd a3, 0(a2)
                            sfence.vma a4, zero
                            ld a0, 0(a1)
                        """)) {
            it.map(PAGE, FREE, R | A | D);
            setBits(it, PAGE, N | MARK);
            long entry = it.entryAddress(PAGE, 0);
            it.map(entry, entry, R | W | A | D);
            it.memory.store64(FREE, 1);
            it.memory.store64(FREE + 0x1_0000, 2);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, entry);
            it.hart.setX(13, it.memory.load64(entry) + (0x1_0000 >>> 2));
            it.hart.setX(14, PAGE + 0xF000);
            assertEquals(2, it.run().x(10));
        }
    }

    @Test
    void nIsForLeavesOfTheLastLevelOnly() {
        try (BareHart it = supervisor("ld a0, 0(a1)")) {
            it.map(PAGE, RAM, R | A | D, 1);
            long entry = it.entryAddress(PAGE, 1);
            it.memory.store64(entry, it.memory.load64(entry) | N | MARK);
            it.hart.setX(11, PAGE);
            assertEquals(List.of(13L, RAM, PAGE), it.run().machineTrap());
        }
    }

    @Test
    void aPointerHasNeitherNNorMemoryType() {
        for (long bits : new long[] {N, 1L << 61, 1L << 62}) {
            try (BareHart it = supervisor("ld a0, 0(a1)").map(PAGE, FREE, R | A | D)) {
                long pointer = it.entryAddress(PAGE, 1);
                it.memory.store64(pointer, it.memory.load64(pointer) | bits);
                it.hart.setX(11, PAGE);
                assertEquals(List.of(13L, RAM, PAGE), it.run().machineTrap());
            }
        }
    }

    @Test
    void memoryTypesAreReservedUnlessEnabled() {
        for (long type : new long[] {1, 2}) {
            for (long menvcfg : new long[] {0, PBMTE}) {
                try (BareHart it = supervisor("ld a0, 0(a1)").map(PAGE, FREE, R | A | D)) {
                    setBits(it, PAGE, type << 61);
                    it.setCsrs(Map.of("menvcfg", menvcfg));
                    it.hart.setX(11, PAGE);
                    it.run();
                    assertEquals(menvcfg == 0 ? 13 : 0, it.csr("mcause"));
                }
            }
        }
    }

    @Test
    void withoutAdueAMissingMarkIsAPageFaultAndNothingIsSet() {
        long[] cases = {R | W | X, 13, R | W | X | D, 13, R | W | X | A, 0};
        for (int i = 0; i < cases.length; i += 2) {
            assertEquals(cases[i + 1], causeWithoutAdue("ld a0, 0(a1)", (int) cases[i]));
        }
        assertEquals(15, causeWithoutAdue("sd a0, 0(a1)", R | W | A));
        assertEquals(15, causeWithoutAdue("sc.w a0, a0, (a1)", R | W | A));
        assertEquals(0, causeWithoutAdue("sd a0, 0(a1)", R | W | A | D));
        assertEquals(12, causeWithoutAdue("jr a1", R | X));
    }

    private static long causeWithoutAdue(String instruction, int rights) {
        try (BareHart it = supervisor(instruction).map(PAGE, FREE, rights)) {
            it.setCsrs(Map.of("menvcfg", 0L));
            it.hart.setX(11, PAGE);
            it.run();
            assertEquals(rights & (A | D), it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D));
            return it.csr("mcause");
        }
    }

    @Test
    void adueChangedIsHeededByTheNextWalk() {
        try (BareHart it = new BareHart("csrw menvcfg, a2\n mret")) {
            it.paged().map(PAGE, FREE, R).map(PAGE + 0x1000, RAM, R | X | A);
            it.setCsrs(Map.of("menvcfg", 0L, "mepc", PAGE + 0x1100, "mstatus", 1L << 11));
            it.memory.store32(RAM + 0x100, 0x0005_B503); // ld a0, 0(a1)
            it.hart.setX(11, PAGE);
            it.hart.setX(12, ADUE);
            it.run();
            assertEquals(A, it.memory.load64(it.entryAddress(PAGE, 0)) & A);
        }
    }

    @Test
    void anInvalidationBetweenItsFencesIsAnSfence() {
        try (BareHart it =
                supervisor(
                        """
                            ld a0, 0(a1)
                            sd a3, 0(a2)
                            sfence.w.inval
                            sinval.vma a1, zero
                            sfence.inval.ir
                            ld a0, 0(a1)
                        """)) {
            it.map(PAGE, FREE, R | A | D);
            long entry = it.entryAddress(PAGE, 0);
            it.map(entry, entry, R | W | A | D);
            it.memory.store64(FREE + 0x1000, 2);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, entry);
            it.hart.setX(13, it.memory.load64(entry) + (0x1000 >>> 2));
            assertEquals(2, it.run().x(10));
        }
    }

    @Test
    void invalidationIsNotForUserModeNorForAGuardedSupervisor() {
        long tvm = 1 << 20;
        for (String instruction :
                List.of("sinval.vma a0, a1", "sfence.w.inval", "sfence.inval.ir")) {
            try (BareHart it = new BareHart(instruction).enter(RAM, Privilege.USER)) {
                assertEquals(2, it.run().csr("mcause"), instruction);
            }
            try (BareHart it = new BareHart(instruction + "\n ecall")) {
                it.setCsrs(Map.of("mstatus", tvm)).enter(RAM, Privilege.SUPERVISOR).run();
                boolean guarded = instruction.startsWith("sinval");
                assertEquals(guarded ? 2 : 9, it.csr("mcause"), instruction);
            }
        }
    }
}
