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

/// Instructions of 32 bits whose halves lie in different pages.
class CrossingInstructionTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FIRST = RAM + 0x10_0000;
    private static final long SECOND = RAM + 0x20_0000;

    private static BareHart crossing(int instruction) {
        BareHart it =
                new BareHart("jr a1")
                        .paged()
                        .map(PAGE, FIRST, R | W | X | A | D)
                        .map(PAGE + 0x1000, SECOND, R | W | X | A | D);
        it.memory.store16(FIRST + 0xFFE, instruction);
        it.memory.store16(SECOND, instruction >>> 16);
        it.memory.store16(SECOND + 2, 0x9002); // c.ebreak
        it.hart.setX(11, PAGE + 0xFFE);
        return it.enter(RAM, Privilege.SUPERVISOR);
    }

    @Test
    void theHalvesAreJoined() {
        try (BareHart it = crossing(0x1234_5537)) { // lui a0, 0x12345
            it.run();
            assertEquals(0x1234_5000, it.x(10));
            assertEquals(List.of(3L, PAGE + 0x1002, PAGE + 0x1002), it.machineTrap());
        }
    }

    @Test
    void aJumpBackContinuesInTheFirstPage() {
        try (BareHart it = crossing(0xFF9F_F06F)) { // j .-8
            it.memory.store16(FIRST + 0xFF6, 0x4509); // c.li a0, 2
            it.memory.store16(FIRST + 0xFF8, 0x9002); // c.ebreak
            it.run();
            assertEquals(2, it.x(10));
            assertEquals(PAGE + 0xFF8, it.csr("mepc"));
        }
    }

    /// The same place of two pages: what was decoded for one must not serve the other.
    @Test
    void jumpsBackFromTwoPagesDoNotMeet() {
        long third = RAM + 0x30_0000;
        try (BareHart it = crossing(0xFF9F_F06F)) {
            it.memory.store16(FIRST + 0xFF6, 0x0505); // c.addi a0, 1
            it.memory.store16(FIRST + 0xFF8, 0x8602); // c.jr a2
            long other = PAGE + 0x10_0000;
            it.map(other, third, R | X | A | D).map(other + 0x1000, SECOND, R | X | A | D);
            it.memory.store16(third + 0xFFE, 0xF06F);
            it.memory.store16(third + 0xFF6, 0x0541); // c.addi a0, 16
            it.memory.store16(third + 0xFF8, 0x9002);
            it.hart.setX(12, other + 0xFFE);
            it.run();
            assertEquals(17, it.x(10));
        }
    }

    @Test
    void aLoopAcrossTheBorderEnds() {
        try (BareHart it = crossing(0xFEB5_1EE3)) { // bne a0, a1, .-4
            it.memory.store16(FIRST + 0xFFA, 0x0505); // c.addi a0, 1
            it.memory.store16(FIRST + 0xFFC, 0x0001); // c.nop
            it.hart.setX(10, PAGE);
            it.run();
            assertEquals(PAGE + 0xFFE, it.x(10));
            assertEquals(PAGE + 0x1002, it.csr("mepc"));
        }
    }
}
