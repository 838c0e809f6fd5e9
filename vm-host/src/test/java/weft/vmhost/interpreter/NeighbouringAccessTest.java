package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

import java.util.List;

/// Loads and stores by way of one register whose places do not lie in one page, again and again:
/// whatever an engine looks up once for all of them, each has a page of its own.
class NeighbouringAccessTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FIRST = RAM + 0x10_0000;
    private static final long SECOND = RAM + 0x20_0000;
    private static final int TIMES = 8;
    private static final String PROGRAM =
            """
            li a4, 8
            loop:
            ld a2, -8(a1)
            ld a3, 0(a1)
            addi a2, a2, 1
            addi a3, a3, 2
            sd a2, -8(a1)
            sd a3, 0(a1)
            addi a4, a4, -1
            bnez a4, loop
            """;

    private static BareHart neighbours(int rightsOfSecond) {
        BareHart it =
                new BareHart(PROGRAM)
                        .paged()
                        .map(PAGE, FIRST, R | W | A | D)
                        .map(PAGE + 0x1000, SECOND, rightsOfSecond);
        it.hart.setX(11, PAGE + 0x1000);
        it.memory.store64(FIRST + 0xFF8, 100);
        it.memory.store64(FIRST + 0x1000, 7);
        it.memory.store64(SECOND, 1000);
        return it.enter(RAM, Privilege.SUPERVISOR);
    }

    @Test
    void neighboursMayBeMappedFarApart() {
        try (BareHart it = neighbours(R | W | A | D)) {
            it.run();
            assertEquals(100 + TIMES, it.memory.load64(FIRST + 0xFF8));
            assertEquals(1000 + 2 * TIMES, it.memory.load64(SECOND));
            assertEquals(7, it.memory.load64(FIRST + 0x1000));
        }
    }

    @Test
    void aNeighbourMayBeForbidden() {
        try (BareHart it = neighbours(R | A)) {
            it.run();
            assertEquals(List.of(15L, it.csr("mepc"), PAGE + 0x1000), it.machineTrap());
            assertEquals(101, it.memory.load64(FIRST + 0xFF8));
            assertEquals(1000, it.memory.load64(SECOND));
        }
    }
}
