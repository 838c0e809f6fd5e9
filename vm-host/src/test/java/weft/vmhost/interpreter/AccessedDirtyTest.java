package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

class AccessedDirtyTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FREE = RAM + 0x10_0000;

    private static long flagsAfter(String program) {
        try (BareHart it = new BareHart(program).paged().map(PAGE, FREE, R | W)) {
            it.hart.setX(11, PAGE);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            return it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D);
        }
    }

    @Test
    void aLoadSetsAccessedOnly() {
        assertEquals(A, flagsAfter("ld a0, 0(a1)"));
    }

    @Test
    void aStoreSetsBoth() {
        assertEquals(A | D, flagsAfter("sd a0, 0(a1)"));
    }

    @Test
    void aStoreSetsDirtyThoughALoadHasFilledTheTlb() {
        assertEquals(A | D, flagsAfter("ld a0, 0(a1)\n sd a0, 0(a1)"));
    }

    @Test
    void anAmoSetsBoth() {
        assertEquals(A | D, flagsAfter("amoadd.w a0, a0, (a1)"));
    }

    @Test
    void aFaultingStoreSetsNothing() {
        try (BareHart it = new BareHart("sd a0, 0(a1)").paged().map(PAGE, FREE, R)) {
            it.hart.setX(11, PAGE);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(0, it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D));
        }
    }

    @Test
    void settingThemMakesThePageTableDirty() {
        try (BareHart it = new BareHart("ld a0, 0(a1)").paged().map(PAGE, FREE, R | W)) {
            it.hart.setX(11, PAGE);
            it.enter(RAM, Privilege.SUPERVISOR);
            it.memory.startDirtyTracking();
            it.run();
            assertTrue(it.memory.drainDirty().contains(it.entryAddress(PAGE, 0)));
        }
    }
}
