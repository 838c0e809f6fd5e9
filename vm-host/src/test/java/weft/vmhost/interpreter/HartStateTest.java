package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.satp;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.hart.Privilege;

import java.util.Map;

class HartStateTest {
    private static final String PROGRAM =
            """
            loop:
                mul a0, a0, a2
                addi a0, a0, 7
                fcvt.d.l f1, a0
                fdiv.d f2, f1, f2
                fadd.d f2, f2, f1
                csrrw a3, mscratch, a0
                sd a3, 0(a1)
                addi a4, a4, -1
                bnez a4, loop
            """;

    private static BareHart machine() {
        BareHart it = new BareHart(PROGRAM);
        it.hart.setX(10, 3);
        it.hart.setX(11, RAM + 0x10_0000);
        it.hart.setX(12, 0x5DEE_CE66DL);
        it.hart.setX(14, 300_000);
        return it;
    }

    /// Stops wherever the hart happens to be, moves everything to another, goes on there.
    @Test
    void aHartMovedAtAnyMomentEndsAsIfItHadNotBeen() throws Exception {
        try (BareHart whole = machine();
                BareHart first = machine();
                BareHart second = new BareHart(PROGRAM)) {
            whole.run();
            Thread thread = Thread.ofPlatform().start(first::run);
            first.hart.requestStop();
            thread.join();
            second.hart.restore(first.hart.capture());
            second.run();
            HartState expected = whole.hart.capture();
            HartState actual = second.hart.capture();
            assertEquals(expected.integerRegisters(), actual.integerRegisters());
            assertEquals(expected.floatRegisters(), actual.floatRegisters());
            assertEquals(expected.csrs(), actual.csrs());
        }
    }

    @Test
    void whatIsRestoredIsCapturedAgain() {
        try (BareHart it = machine();
                BareHart other = new BareHart("nop")) {
            it.hart.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, true);
            it.hart.setSupervisorTimer(12345);
            it.setCsrs(Map.of("satp", satp(3), "medeleg", 0xB109L, "fcsr", 0x65L, "sscratch", -2L));
            it.enter(RAM + 2, Privilege.USER);
            other.hart.restore(it.hart.capture());
            assertEquals(it.hart.capture(), other.hart.capture());
        }
    }

    @Test
    void aCsrOfALaterVersionIsRefused() {
        try (BareHart it = machine()) {
            assertThrows(IllegalArgumentException.class, () -> it.setCsrs(Map.of("hstatus", 1L)));
        }
    }
}
