package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;
import weft.vmhost.isa.asm.Assembler;

import java.util.List;
import java.util.Map;

/// Who may touch which register, and which values it takes.
class CsrAccessTest {
    private static final long TVM = 1 << 20;
    private static final long TSR = 1 << 22;

    private static List<Long> trapOf(String instruction, Privilege from, Map<String, Long> csrs) {
        try (BareHart it = new BareHart(instruction).setCsrs(csrs)) {
            it.enter(RAM, from).run();
            return it.machineTrap();
        }
    }

    private static void assertIllegal(String instruction, Privilege from, Map<String, Long> csrs) {
        List<Long> trap = trapOf(instruction, from, csrs);
        assertEquals(2L, trap.get(0), instruction);
        assertEquals(RAM, trap.get(1), instruction);
        int bits = Assembler.encode(instruction);
        assertEquals(Integer.toUnsignedLong(bits), trap.get(2), instruction);
    }

    private static long value(String instruction) {
        try (BareHart it = new BareHart(instruction + "\n csrr a0, " + instruction.split(" ")[1])) {
            it.hart.setX(11, -1);
            return it.run().x(10);
        }
    }

    @Test
    void aModeTouchesOnlyItsOwnRegisters() {
        assertIllegal("csrr a0, mstatus", Privilege.SUPERVISOR, Map.of());
        assertIllegal("csrr a0, sstatus", Privilege.USER, Map.of());
        assertIllegal("csrw mhartid, a0", Privilege.MACHINE, Map.of());
        assertIllegal("csrr a0, 0x7c0", Privilege.MACHINE, Map.of());
        assertIllegal("mret", Privilege.SUPERVISOR, Map.of());
        assertIllegal("sret", Privilege.USER, Map.of());
        assertIllegal("sfence.vma zero, zero", Privilege.USER, Map.of());
        assertIllegal("wfi", Privilege.USER, Map.of());
    }

    @Test
    void machineModeMayKeepTranslationAndReturnsForItself() {
        assertIllegal("csrr a0, satp", Privilege.SUPERVISOR, Map.of("mstatus", TVM));
        assertIllegal("sfence.vma zero, zero", Privilege.SUPERVISOR, Map.of("mstatus", TVM));
        assertIllegal("sret", Privilege.SUPERVISOR, Map.of("mstatus", TSR));
    }

    @Test
    void countersAreLentOutModeByMode() {
        assertIllegal("csrr a0, time", Privilege.SUPERVISOR, Map.of());
        assertIllegal("csrr a0, cycle", Privilege.USER, Map.of("mcounteren", 7L));
        assertIllegal("csrr a0, stimecmp", Privilege.SUPERVISOR, Map.of("mcounteren", 7L));
        long call = 8;
        assertEquals(
                call,
                trapOf(
                                "csrr a0, instret\n ecall",
                                Privilege.USER,
                                Map.of("mcounteren", 7L, "scounteren", 7L))
                        .get(0));
    }

    @Test
    void floatRegistersAndInstructionsAreIllegalWhileFsIsOff() {
        assertIllegal("csrr a0, fcsr", Privilege.MACHINE, Map.of("mstatus", 0L));
        assertIllegal("fld f0, 0(a0)", Privilege.MACHINE, Map.of("mstatus", 0L));
        assertIllegal("fadd.d f0, f1, f2, rne", Privilege.MACHINE, Map.of("mstatus", 0L));
    }

    @Test
    void aReservedRoundingModeIsIllegal() {
        assertIllegal("fadd.d f0, f1, f2, 5", Privilege.MACHINE, Map.of());
        assertIllegal("fadd.s f0, f1, f2, dyn", Privilege.MACHINE, Map.of("fcsr", 0xE0L));
    }

    @Test
    void aFloatInstructionMakesTheStateDirty() {
        try (BareHart it = new BareHart("fmv.d.x f0, a0\n csrr a0, sstatus")) {
            it.setCsrs(Map.of("mstatus", 1L << 13)).run();
            assertEquals(Long.MIN_VALUE | 3 << 13, it.x(10) & (Long.MIN_VALUE | 3 << 13));
        }
    }

    @Test
    void registersTakeOnlyLegalValues() {
        assertEquals(-3, value("csrw mtvec, a1"));
        assertEquals(-2, value("csrw sepc, a1"));
        assertEquals(-1L >>> 10, value("csrw pmpaddr0, a1"));
        assertEquals(5, value("csrw mcountinhibit, a1"));
        assertEquals(0xE000_0000_0000_00F1L, value("csrw menvcfg, a1"));
        assertEquals(0xF1, value("csrw senvcfg, a1"));
        assertEquals(0x222, value("csrw mideleg, a1"));
        assertEquals(0xB3FF, value("csrw medeleg, a1"));
        assertEquals(7, value("csrw mcounteren, a1"));
        assertEquals(0, value("csrw satp, a1")); // mode 15 is reserved: no effect at all
    }

    @Test
    void aReservedWriteOfCbieKeepsCbie() {
        try (BareHart it = new BareHart("csrw senvcfg, a1\n csrw senvcfg, a2\n csrr a0, senvcfg")) {
            it.hart.setX(11, 1 << 4);
            it.hart.setX(12, 2 << 4 | 1 << 6);
            assertEquals(1 << 4 | 1 << 6, it.run().x(10));
        }
    }

    @Test
    void registersThatAreNotThereAreIllegal() {
        for (String csr : List.of("0x3a1", "0x3a4", "0x3c0", "0x321", "0x747", "0xc80", "0x30c")) {
            assertIllegal("csrr a0, " + csr, Privilege.MACHINE, Map.of());
        }
    }

    @Test
    void eventCountersStandAtZero() {
        assertEquals(0, value("csrw 0xb03, a1"));
        assertEquals(0, value("csrw 0xb1f, a1"));
        assertEquals(0, value("csrw 0x323, a1"));
        assertIllegal("csrr a0, 0xc03", Privilege.SUPERVISOR, Map.of("mcounteren", 7L));
    }

    @Test
    void whatIsWrittenToACounterTheNextInstructionReads() {
        try (BareHart it = new BareHart("li a1, 100\n csrw minstret, a1\n csrr a0, minstret")) {
            assertEquals(100, it.run().x(10));
        }
    }

    @Test
    void anInhibitedCounterStandsStillAndGoesOnFromThere() {
        try (BareHart it =
                new BareHart(
                        """
                            li a1, 4
                            csrw mcountinhibit, a1
                            csrr a2, minstret
                            csrr a3, minstret
                            csrr a4, mcycle
                            csrw mcountinhibit, zero
                            csrr a5, minstret
                            csrr a6, minstret
                        """)) {
            it.run();
            assertEquals(2, it.x(12));
            assertEquals(2, it.x(13));
            assertEquals(4, it.x(14));
            assertEquals(2, it.x(15));
            assertEquals(3, it.x(16));
        }
    }

    @Test
    void instretCountsTheInstructionsBefore() {
        try (BareHart it = new BareHart("nop\n nop\n csrr a0, minstret\n csrr a1, minstret")) {
            it.run();
            assertEquals(2, it.x(10));
            assertEquals(3, it.x(11));
        }
    }

    @Test
    void anEcallNamesTheModeItComesFrom() {
        assertEquals(8, trapOf("ecall", Privilege.USER, Map.of()).get(0));
        assertEquals(9, trapOf("ecall", Privilege.SUPERVISOR, Map.of()).get(0));
        assertEquals(11, trapOf("ecall", Privilege.MACHINE, Map.of()).get(0));
    }
}
