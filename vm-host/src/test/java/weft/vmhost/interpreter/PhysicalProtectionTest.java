package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.Sleep;

import java.util.List;
import java.util.Map;

/// Physical memory protection. Entry 0 opens all memory unless a test takes it; a test that does
/// puts the same into a later one.
class PhysicalProtectionTest {
    private static final long FREE = RAM + 0x10_0000;
    private static final int READ = 1;
    private static final int READ_WRITE = 3;
    private static final int EXECUTE = 4;
    private static final int ALL = 7;
    private static final int TOR = 1 << 3;
    private static final int NA4 = 2 << 3;
    private static final int NAPOT = 3 << 3;
    private static final int LOCKED = 0x80;

    /// Runs in this mode with these entries before the one that opens everything.
    private static BareHart hart(String program, Privilege mode, long... entries) {
        BareHart it = new BareHart(program + "\n ecall");
        for (int i = 0; i < entries.length; i += 2) {
            it.protect(i / 2, (int) entries[i], entries[i + 1]);
        }
        it.protect(entries.length / 2, NAPOT | ALL, -1);
        it.hart.setX(11, FREE);
        return it.enter(RAM, mode);
    }

    private static List<Long> trap(String program, Privilege mode, long... entries) {
        try (BareHart it = hart(program, mode, entries)) {
            return it.run().machineTrap();
        }
    }

    private static long napot(long address, long sizeBytes) {
        return address >>> 2 | (sizeBytes >>> 3) - 1;
    }

    private static void assertFaults(long cause, long offset, List<Long> trap) {
        assertEquals(List.of(cause, RAM, FREE + offset), trap);
    }

    private static void assertRuns(List<Long> trap) {
        assertEquals(9, trap.get(0));
    }

    @Test
    void withoutAMatchingEntryOnlyMachineModeGoesAnywhere() {
        try (BareHart it = new BareHart("ecall").protect(0, 0, 0)) {
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(1L, RAM, RAM), it.machineTrap());
        }
        try (BareHart it = new BareHart("ecall").protect(0, 0, 0)) {
            assertEquals(11, it.run().csr("mcause"));
        }
    }

    @Test
    void theLowestEntryThatMatchesDecides() {
        long range = napot(FREE, 4096);
        var user = Privilege.SUPERVISOR;
        assertFaults(7, 0, trap("sd a0, 0(a1)", user, NAPOT | READ, range, NAPOT | ALL, range));
        assertRuns(trap("sd a0, 0(a1)", user, NAPOT | ALL, range, NAPOT, range));
    }

    @Test
    void rightsAreByKindOfAccess() {
        long range = napot(FREE, 4096);
        var mode = Privilege.SUPERVISOR;
        assertRuns(trap("ld a0, 0(a1)", mode, NAPOT | READ, range));
        assertFaults(7, 0, trap("amoadd.d a0, a0, (a1)", mode, NAPOT | READ, range));
        assertFaults(7, 0, trap("sc.w a0, a0, (a1)", mode, NAPOT | READ, range));
        assertFaults(5, 0, trap("ld a0, 0(a1)", mode, NAPOT | EXECUTE, range));
        assertFaults(5, 0, trap("lr.d a0, (a1)", mode, NAPOT | EXECUTE, range));
        assertEquals(List.of(1L, FREE, FREE), trap("jr a1", mode, NAPOT | READ_WRITE, range));
    }

    @Test
    void aRightFoundByALoadIsNotOneToStore() {
        long range = napot(FREE, 4096);
        assertEquals(
                List.of(7L, RAM + 4, FREE),
                trap("ld a0, 0(a1)\n sd a0, 0(a1)", Privilege.USER, NAPOT | READ, range));
        assertEquals(
                List.of(7L, RAM + 4, FREE + 8),
                trap("sd a0, 0(a1)\n sd a0, 8(a1)", Privilege.USER, NA4 | READ, FREE + 8 >>> 2));
    }

    @Test
    void anEntryMayBeFourBytesAndItsNeighboursAreFree() {
        long[] word = {NA4, FREE + 4 >>> 2};
        var mode = Privilege.SUPERVISOR;
        assertRuns(trap("lw a0, 0(a1)\n lw a0, 8(a1)\n lw a0, 0(a1)", mode, word));
        assertFaults(5, 4, trap("lw a0, 4(a1)", mode, word));
        assertFaults(5, 7, trap("lbu a0, 7(a1)", mode, word));
        assertFaults(5, 0, trap("ld a0, 0(a1)", mode, word));
        assertFaults(5, 2, trap("lw a0, 2(a1)", mode, word));
    }

    @Test
    void anEntryThatMeetsPartOfAnAccessForbidsItWhateverItAllows() {
        var mode = Privilege.SUPERVISOR;
        assertFaults(5, 0, trap("ld a0, 0(a1)", mode, NA4 | ALL, FREE >>> 2));
        assertFaults(5, 0, trap("ld a0, 0(a1)", mode, NA4 | ALL, FREE + 4 >>> 2));
    }

    @Test
    void aRangeGoesFromTheEntryBeforeToItsOwnAddress() {
        long[] range = {0, FREE + 0x10 >>> 2, TOR | READ, FREE + 0x20 >>> 2};
        var mode = Privilege.SUPERVISOR;
        assertRuns(trap("sw a0, 12(a1)\n sw a0, 32(a1)\n lw a0, 16(a1)", mode, range));
        assertFaults(7, 16, trap("sw a0, 16(a1)", mode, range));
        assertFaults(7, 28, trap("sw a0, 28(a1)", mode, range));
        assertFaults(7, 28, trap("sd a0, 28(a1)", mode, range));
    }

    @Test
    void theFirstRangeBeginsAtZeroAndAnEmptyOneMatchesNothing() {
        assertFaults(
                7, 0, trap("sd a0, 0(a1)", Privilege.USER, TOR | READ | EXECUTE, FREE + 8 >>> 2));
        long[] backwards = {0, FREE + 0x20 >>> 2, TOR, FREE >>> 2};
        assertEquals(8, trap("sd a0, 0(a1)", Privilege.USER, backwards).get(0));
    }

    @Test
    void machineModeIsBoundByLockedEntriesOnly() {
        long range = napot(FREE, 64);
        assertEquals(11, trap("sd a0, 0(a1)", Privilege.MACHINE, NAPOT | READ, range).get(0));
        assertFaults(7, 0, trap("sd a0, 0(a1)", Privilege.MACHINE, LOCKED | NAPOT | READ, range));
        assertFaults(5, 0, trap("ld a0, 0(a1)", Privilege.MACHINE, LOCKED | NAPOT, range));
    }

    @Test
    void mprvMakesMachineModeAccessAsTheOtherMode() {
        String program = "ld a0, 0(a1)\n csrrs zero, mstatus, a2\n ld a0, 0(a1)";
        try (BareHart it = hart(program, Privilege.MACHINE, NAPOT, napot(FREE, 4096))) {
            it.hart.setX(12, 1 << 17);
            it.run();
            assertEquals(List.of(5L, RAM + 8, FREE), it.machineTrap());
        }
    }

    @Test
    void aLockedEntryCannotBeWrittenNorTheLowerBoundOfALockedRange() {
        String program =
                """
                    csrw pmpcfg0, zero
                    csrw pmpaddr0, zero
                    csrw pmpaddr1, zero
                    csrw 0x3b2, zero
                    csrr a2, pmpcfg0
                    csrr a3, pmpaddr0
                    csrr a4, pmpaddr1
                    csrr a5, 0x3b2
                """;
        try (BareHart it = hart(program, Privilege.MACHINE, 0, 55, LOCKED | TOR | ALL, 66)) {
            it.run();
            assertEquals((LOCKED | TOR | ALL) << 8, it.x(12));
            assertEquals(55, it.x(13));
            assertEquals(66, it.x(14));
            assertEquals(0, it.x(15));
        }
    }

    @Test
    void writableButNotReadableIsReservedAndBecomesNeither() {
        try (BareHart it = hart("csrw pmpcfg2, a2\n csrr a0, pmpcfg2", Privilege.MACHINE)) {
            it.hart.setX(12, 0x7E06);
            assertEquals(0x1C04, it.run().x(10));
        }
    }

    @Test
    void aChangeHoldsForTheNextAccess() {
        String program = "sd a0, 0(a1)\n csrw pmpcfg0, a2\n sd a0, 0(a1)";
        try (BareHart it = hart(program, Privilege.MACHINE, NAPOT | ALL, napot(FREE, 4096))) {
            it.hart.setX(12, LOCKED | NAPOT | READ);
            assertEquals(List.of(7L, RAM + 8, FREE), it.run().machineTrap());
        }
    }

    @Test
    void aPageTableThatSupervisorModeMayNotReadIsAnAccessFaultOfTheAccess() {
        for (int rights : new int[] {0, READ}) {
            try (BareHart it = new BareHart("amoadd.w a0, a0, (a1)").paged()) {
                long page = 0x4000_0000L;
                it.map(page, FREE, R | W); // A and D have to be set
                long entry = it.entryAddress(page, 0);
                it.protect(0, NAPOT | rights, napot(entry, 8)).protect(1, NAPOT | ALL, -1);
                it.hart.setX(11, page);
                it.enter(RAM, Privilege.SUPERVISOR).run();
                assertEquals(List.of(7L, RAM, page), it.machineTrap());
                assertEquals(0, it.memory.load64(entry) & (A | D));
            }
        }
    }

    @Test
    void codeRunsUpToTheWordThatForbidsIt() {
        String program =
                """
                    addi a0, a0, 1
                    c.nop
                loop:
                    addi a0, a0, 1
                    addi a2, a2, -1
                    bnez a2, loop
                    addi a0, a0, 1
                """;
        // The last addi ends in the forbidden word.
        try (BareHart it = hart(program, Privilege.USER, NA4 | READ, RAM + 20 >>> 2)) {
            it.hart.setX(10, 0);
            it.hart.setX(12, 5);
            it.run();
            assertEquals(List.of(1L, RAM + 18, RAM + 20), it.machineTrap());
            assertEquals(6, it.x(10));
            int exit = 4;
            assertEquals(2 + 15 + exit, it.hart.retiredInstructions());
        }
    }

    @Test
    void anInstructionAcrossPagesNeedsBothHalves() {
        try (BareHart it = hart("jr a1", Privilege.SUPERVISOR, NA4, FREE + 0x1000 >>> 2)) {
            it.memory.store32(FREE + 0xFFE, 0x0010_0513); // li a0, 1
            it.hart.setX(11, FREE + 0xFFE);
            it.run();
            assertEquals(List.of(1L, FREE + 0xFFE, FREE + 0x1000), it.machineTrap());
        }
    }

    @Test
    void itSurvivesCaptureAndRestore() {
        try (BareHart it = hart("sd a0, 0(a1)", Privilege.USER, NAPOT | READ, napot(FREE, 32))) {
            it.hart.restore(it.hart.capture());
            assertFaults(7, 0, it.run().machineTrap());
        }
    }

    @Test
    void aStateOfAMachineWithoutItGoesOnUnprotected() {
        try (BareHart it = new BareHart("ecall")) {
            var state = it.hart.capture();
            var csrs = new java.util.TreeMap<>(state.csrs());
            csrs.keySet().removeIf(name -> name.startsWith("pmp"));
            it.hart.restore(
                    new weft.vmhost.hart.HartState(
                            RAM,
                            Privilege.USER,
                            state.integerRegisters(),
                            state.floatRegisters(),
                            csrs,
                            Sleep.AWAKE,
                            0));
            assertEquals(8, it.run().csr("mcause"));
            assertEquals(Map.of("pmpcfg0", 0x1FL).get("pmpcfg0"), it.csr("pmpcfg0"));
        }
    }
}
