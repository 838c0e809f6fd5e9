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

class MisalignedAccessTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FIRST = RAM + 0x10_0000;
    private static final long SECOND = RAM + 0x20_0000;

    @Test
    void withinAPageTheBytesCount() {
        try (BareHart it =
                new BareHart(
                        """
                            li a0, 0x1122334455667788
                            sd a0, 1(a1)
                            lw a2, 3(a1)
                            lhu a3, 7(a1)
                            ld a4, 1(a1)
                        """)) {
            it.hart.setX(11, FIRST);
            it.run();
            assertEquals(0x3344_5566, it.x(12));
            assertEquals(0x1122, it.x(13));
            assertEquals(0x1122_3344_5566_7788L, it.x(14));
        }
    }

    @Test
    void acrossPagesThatAreNoNeighboursInRam() {
        try (BareHart it =
                new BareHart(
                                """
                                    li a0, 0x1122334455667788
                                    sd a0, 0(a1)
                                    ld a2, 0(a1)
                                    lw a3, 2(a1)
                                """)
                        .paged()
                        .map(PAGE, FIRST, R | W | A | D)
                        .map(PAGE + 0x1000, SECOND, R | W | A | D)) {
            it.hart.setX(11, PAGE + 0xFFB);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(0x1122_3344_5566_7788L, it.x(12));
            assertEquals(0x3344_5566, it.x(13));
            assertEquals(0x112233, it.memory.load32(SECOND));
            assertEquals(0x8800_0000L, Integer.toUnsignedLong(it.memory.load32(FIRST + 0xFF8)));
        }
    }

    @Test
    void anAtomicOperationTrapsInstead() {
        try (BareHart it = new BareHart("amoadd.w a0, a0, (a1)")) {
            it.hart.setX(11, FIRST + 2);
            it.run();
            assertEquals(List.of(6L, RAM, FIRST + 2), it.machineTrap());
        }
    }

    @Test
    void aLoadReservedTrapsInstead() {
        try (BareHart it = new BareHart("lr.d a0, (a1)")) {
            it.hart.setX(11, FIRST + 4);
            it.run();
            assertEquals(List.of(4L, RAM, FIRST + 4), it.machineTrap());
        }
    }
}
