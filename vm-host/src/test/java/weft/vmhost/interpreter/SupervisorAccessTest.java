package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.U;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;

/// SUM, MXR and MPRV: what S-mode and M-mode may touch of other modes' pages.
class SupervisorAccessTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FREE = RAM + 0x10_0000;
    private static final long SUM = 1 << 18;
    private static final long MXR = 1 << 19;

    private static BareHart machine(String program, int flags) {
        BareHart it = new BareHart(program).paged().map(PAGE, FREE, flags | A | D);
        it.memory.store64(FREE, 42);
        it.hart.setX(11, PAGE);
        it.hart.setX(12, SUM);
        it.hart.setX(13, MXR);
        return it.enter(RAM, Privilege.SUPERVISOR);
    }

    @Test
    void aUserPageIsOpenWhileSumIsSetAndClosedAgainAfterwards() {
        try (BareHart it =
                machine(
                        """
                            csrrs zero, sstatus, a2
                            ld a0, 0(a1)
                            sd a0, 8(a1)
                            csrrc zero, sstatus, a2
                        fault:
                            ld a0, 0(a1)
                        """,
                        R | W | U)) {
            it.run();
            assertEquals(List.of(13L, it.label("fault"), PAGE), it.machineTrap());
            assertEquals(42, it.memory.load64(FREE + 8));
        }
    }

    @Test
    void withoutSumAUserPageIsClosed() {
        try (BareHart it = machine("sd a0, 0(a1)", R | W | U)) {
            it.run();
            assertEquals(List.of(15L, RAM, PAGE), it.machineTrap());
        }
    }

    @Test
    void supervisorModeNeverFetchesFromAUserPage() {
        try (BareHart it = machine("csrrs zero, sstatus, a2\n jr a1", R | X | U)) {
            it.run();
            assertEquals(List.of(12L, PAGE, PAGE), it.machineTrap());
        }
    }

    @Test
    void anExecuteOnlyPageIsReadableWhileMxrIsSet() {
        try (BareHart it =
                machine(
                        """
                            csrrs zero, sstatus, a3
                            ld a0, 0(a1)
                            csrrc zero, sstatus, a3
                        fault:
                            ld a4, 0(a1)
                        """,
                        X)) {
            it.run();
            assertEquals(List.of(13L, it.label("fault"), PAGE), it.machineTrap());
            assertEquals(42, it.x(10));
        }
    }

    @Test
    void mprvLetsMachineModeLoadAsTheModeInMpp() {
        try (BareHart it =
                machine(
                        """
                            csrrs zero, mstatus, a2
                            ld a0, 0(a1)
                            csrrc zero, mstatus, a2
                        fault:
                            ld a0, 0(a1)
                        """,
                        R | W)) {
            it.hart.setX(12, 1 << 17);
            it.setCsrs(Map.of("mstatus", 1L << 11)); // MPP = S
            it.enter(RAM, Privilege.MACHINE).run();
            assertEquals(42, it.x(10));
            assertEquals(List.of(5L, it.label("fault"), PAGE), it.machineTrap());
        }
    }

    @Test
    void mprvDoesNotConcernFetches() {
        try (BareHart it = machine("csrrs zero, mstatus, a2\n li a0, 3\n j exit", R)) {
            it.hart.setX(12, 1 << 17);
            it.map(RAM, RAM, R | W | A | D); // S-mode may not execute the program itself
            it.setCsrs(Map.of("mstatus", 1L << 11));
            it.enter(RAM, Privilege.MACHINE).run();
            assertEquals(3, it.x(10));
        }
    }
}
