package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Interrupt;
import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

class InterruptTest {
    private static final int STIP = Interrupt.SUPERVISOR_TIMER;
    private static final int SEIP = Interrupt.SUPERVISOR_EXTERNAL;

    /// Spins until an interrupt comes; `handler` then leaves.
    private static final String SPIN =
            """
                j .+0
                .align 4
            handler:
                j exit
            """;

    private static BareHart supervisor(String program, int pending, Map<String, Long> csrs) {
        BareHart it = new BareHart(program);
        var all = new TreeMap<>(csrs);
        all.putIfAbsent("stvec", it.label("handler"));
        it.setCsrs(all).enter(RAM, Privilege.SUPERVISOR);
        for (int bit = 1; bit != 0; bit <<= 1) {
            if ((pending & bit) != 0) {
                it.hart.setInterrupt(bit, true);
            }
        }
        return it;
    }

    @Test
    void aDelegatedInterruptEntersSupervisorModeBetweenInstructions() {
        long sie = 1 << 1;
        try (BareHart it =
                supervisor(
                        SPIN,
                        SEIP,
                        Map.of(
                                "mideleg", (long) SEIP,
                                "mie", (long) SEIP,
                                "mstatus", sie))) {
            it.run();
            assertEquals(Long.MIN_VALUE | 9, it.csr("scause"));
            assertEquals(RAM, it.csr("sepc"));
            assertEquals(0, it.csr("stval"));
            // SPP = S, SPIE = 1, SIE = 0
            assertEquals(1 << 8 | 1 << 5, it.csr("mstatus"));
        }
    }

    @Test
    void notDelegatedItEntersMachineModeWhateverSieSays() {
        try (BareHart it = supervisor(SPIN, SEIP, Map.of("mie", (long) SEIP))) {
            it.run();
            assertEquals(Long.MIN_VALUE | 9, it.csr("mcause"));
        }
    }

    @Test
    void machineInterruptsComeFirstAndInTheirOrder() {
        int all = Interrupt.MACHINE_EXTERNAL | Interrupt.MACHINE_SOFTWARE | SEIP;
        try (BareHart it =
                supervisor(
                        SPIN,
                        all,
                        Map.of(
                                "mideleg", (long) SEIP,
                                "mie", (long) all,
                                "mstatus", 2L))) {
            it.run();
            assertEquals(Long.MIN_VALUE | 11, it.csr("mcause"));
            assertEquals(0, it.csr("scause"));
        }
    }

    @Test
    void enablingInterruptsDeliversWhatIsPending() {
        try (BareHart it =
                supervisor(
                        "li a0, 1\n csrrsi zero, sstatus, 2\n" + SPIN,
                        SEIP,
                        Map.of("mideleg", (long) SEIP, "mie", (long) SEIP))) {
            it.run();
            assertEquals(Long.MIN_VALUE | 9, it.csr("scause"));
            assertEquals(RAM + 8, it.csr("sepc"));
        }
    }

    @Test
    void vectoredInterruptsHaveTheirOwnEntries() {
        String program =
                """
                    j .+0
                    .align 6
                handler:
                    .zero 36
                    li a0, 99
                    j exit
                """;
        try (BareHart it =
                supervisor(
                        program,
                        SEIP,
                        Map.of("mideleg", (long) SEIP, "mie", (long) SEIP, "mstatus", 2L))) {
            it.setCsrs(Map.of("stvec", it.label("handler") | 1)).run();
            assertEquals(99, it.x(10));
        }
    }

    @Test
    void stimecmpRaisesTheTimerWhenItsTimeHasCome() {
        try (BareHart it =
                supervisor(
                        "csrw stimecmp, a1\n csrr a2, sip\n csrrsi zero, sstatus, 2\n" + SPIN,
                        0,
                        Map.of(
                                "mideleg",
                                (long) STIP,
                                "mie",
                                (long) STIP,
                                "menvcfg",
                                Long.MIN_VALUE,
                                "mcounteren",
                                2L))) {
            it.hart.setX(11, 1000);
            it.ticks.set(1000);
            it.run();
            assertEquals(STIP, it.x(12));
            assertEquals(Long.MIN_VALUE | 5, it.csr("scause"));
        }
    }

    @Test
    void sretReturnsToUserModeAndRestoresSie() {
        try (BareHart it =
                supervisor("csrw sepc, a1\n sret\n handler: nop\n user: ecall", 0, Map.of())) {
            it.hart.setX(11, it.label("user"));
            it.setCsrs(Map.of("mstatus", 1L << 5)).run(); // SPIE, SPP = U
            assertEquals(List.of(8L, it.label("user"), 0L), it.machineTrap());
            assertEquals(1 << 5 | 1 << 1, it.csr("mstatus") & 0x122);
        }
    }

    @Test
    void settingABitOfMipDoesNotHoldTheLinesOfDevices() {
        try (BareHart it = new BareHart("csrrs a0, mip, a1\n csrr a2, mip")) {
            it.hart.setX(11, 2); // SSIP
            it.hart.setInterrupt(SEIP, true);
            it.run();
            assertEquals(SEIP, it.x(10));
            assertEquals(SEIP | 2, it.x(12));
            it.hart.setInterrupt(SEIP, false);
            it.enter(RAM, Privilege.MACHINE);
            it.hart.setX(11, 0);
            it.run();
            assertEquals(2, it.x(12));
        }
    }

    /// The interrupt controller tells of changes only.
    @Test
    void aHartThatIsStartedFindsWhatDevicesHold() {
        try (BareHart it = new BareHart(SPIN)) {
            it.hart.setInterrupt(SEIP, true);
            it.hart.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, true);
            it.hart.reset(RAM, Privilege.SUPERVISOR, 0, 0);
            it.setCsrs(Map.of("mtvec", it.label("handler"), "mie", (long) SEIP, "pmpcfg0", 0x1FL));
            it.run();
            assertEquals(Long.MIN_VALUE | 9, it.csr("mcause"));
            assertEquals(SEIP, it.csr("mip.lines"));
        }
    }
}
