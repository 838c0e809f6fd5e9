package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.POWER;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;

/// Zicbom and Zicboz: who may, and what faults.
class CacheBlockTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FREE = RAM + 0x10_0000;
    private static final List<String> ALL =
            List.of("cbo.inval (a1)", "cbo.clean (a1)", "cbo.flush (a1)", "cbo.zero (a1)");

    /// mcause of one instruction on a page with these rights, made in S-mode.
    private static List<Long> trapOn(String instruction, int rights, int offset) {
        try (BareHart it = new BareHart(instruction + "\n ecall").paged()) {
            it.map(PAGE, FREE, rights).setCsrs(Map.of("menvcfg", 0xF0L));
            it.hart.setX(11, PAGE + offset);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            return it.machineTrap();
        }
    }

    private static long causeIn(Privilege mode, String instruction, long menvcfg, long senvcfg) {
        try (BareHart it = new BareHart(instruction + "\n ecall")) {
            it.setCsrs(Map.of("menvcfg", menvcfg, "senvcfg", senvcfg));
            it.hart.setX(11, FREE);
            return it.enter(RAM, mode).run().csr("mcause");
        }
    }

    @Test
    void eachModeLendsThemToTheNext() {
        for (String instruction : ALL) {
            assertEquals(11, causeIn(Privilege.MACHINE, instruction, 0, 0), instruction);
            assertEquals(2, causeIn(Privilege.SUPERVISOR, instruction, 0, 0xF0), instruction);
            assertEquals(9, causeIn(Privilege.SUPERVISOR, instruction, 0xF0, 0), instruction);
            assertEquals(2, causeIn(Privilege.USER, instruction, 0xF0, 0), instruction);
            assertEquals(2, causeIn(Privilege.USER, instruction, 0, 0xF0), instruction);
            assertEquals(8, causeIn(Privilege.USER, instruction, 0xF0, 0xF0), instruction);
        }
    }

    @Test
    void eachHasItsOwnBit() {
        assertEquals(9, causeIn(Privilege.SUPERVISOR, "cbo.inval (a1)", 1 << 4, 0));
        assertEquals(9, causeIn(Privilege.SUPERVISOR, "cbo.clean (a1)", 1 << 6, 0));
        assertEquals(9, causeIn(Privilege.SUPERVISOR, "cbo.zero (a1)", 1 << 7, 0));
        assertEquals(2, causeIn(Privilege.SUPERVISOR, "cbo.inval (a1)", 3 << 6, 0));
        assertEquals(2, causeIn(Privilege.SUPERVISOR, "cbo.clean (a1)", 0xB0, 0));
        assertEquals(2, causeIn(Privilege.SUPERVISOR, "cbo.zero (a1)", 0x70, 0));
    }

    @Test
    void zeroNeedsAWritablePageAndTheOthersAReadableOne() {
        for (String instruction : ALL) {
            List<Long> pageFault = List.of(15L, RAM, PAGE + 77);
            boolean isZero = instruction.startsWith("cbo.zero");
            assertEquals(9, trapOn(instruction, R | W | A | D, 77).get(0), instruction);
            assertEquals(pageFault, trapOn(instruction, X | A | D, 77), instruction);
            assertEquals(isZero ? 15 : 9, trapOn(instruction, R | A | D, 77).get(0), instruction);
        }
    }

    @Test
    void zeroOfADeviceIsAnAccessFaultAndTheOthersAreNot() {
        for (String instruction : ALL) {
            try (BareHart it = new BareHart(instruction + "\n ecall")) {
                it.hart.setX(11, POWER + 128);
                it.run();
                long expected = instruction.startsWith("cbo.zero") ? 7 : 11;
                assertEquals(expected, it.csr("mcause"), instruction);
            }
        }
    }

    @Test
    void protectionThatMeetsPartOfTheBlockForbidsIt() {
        for (String instruction : ALL) {
            try (BareHart it = new BareHart(instruction + "\n ecall")) {
                it.setCsrs(Map.of("menvcfg", 0xF0L));
                it.protect(0, 0x17, FREE + 60 >>> 2).protect(1, 0x1F, -1); // one word, all rights
                it.hart.setX(11, FREE);
                it.enter(RAM, Privilege.SUPERVISOR).run();
                assertEquals(List.of(7L, RAM, FREE), it.machineTrap(), instruction);
            }
        }
    }

    @Test
    void zeroSetsDirtyAndIsSeenByMigration() {
        try (BareHart it = new BareHart("cbo.zero (a1)").paged().map(PAGE, FREE, R | W)) {
            it.hart.setX(11, PAGE + 0x740);
            it.enter(RAM, Privilege.SUPERVISOR).setCsrs(Map.of("menvcfg", 1L << 61 | 0xF0));
            it.memory.store64(FREE + 0x740, 5);
            it.memory.store64(FREE + 0x780, 5);
            it.memory.startDirtyTracking();
            it.run();
            assertEquals(0, it.memory.load64(FREE + 0x740));
            assertEquals(5, it.memory.load64(FREE + 0x780));
            assertEquals(A | D, it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D));
            var dirty = it.memory.drainDirty();
            assertTrue(dirty.contains(FREE));
            assertFalse(dirty.contains(FREE + 0x1000));
        }
    }
}
