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

class SuperpageTest {
    private static final long REGION = 0x4000_0000L;

    @Test
    void everyPartOfAMegapageLeadsToItsPartOfRam() {
        try (BareHart it =
                new BareHart(
                                """
                                    ld a0, 0(a1)
                                    ld a2, 0(a3)
                                    sd a2, 8(a3)
                                """)
                        .paged()
                        .map(REGION, RAM + 0x20_0000, R | W | A | D, 1)) {
            it.memory.store64(RAM + 0x20_0000, 1);
            it.memory.store64(RAM + 0x3F_F000, 2);
            it.hart.setX(11, REGION);
            it.hart.setX(13, REGION + 0x1F_F000);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(1, it.x(10));
            assertEquals(2, it.x(12));
            assertEquals(2, it.memory.load64(RAM + 0x3F_F008));
        }
    }

    @Test
    void aMegapageThatIsNotAlignedFaults() {
        try (BareHart it =
                new BareHart("ld a0, 0(a1)").paged().map(REGION, RAM + 0x20_1000, R | A | D, 1)) {
            it.hart.setX(11, REGION);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(13L, RAM, REGION), it.machineTrap());
        }
    }

    @Test
    void fencingOneAddressForgetsTheWholeMegapage() {
        try (BareHart it =
                new BareHart(
                                """
                                    ld a0, 0(a1)        # fills the TLB far from what is fenced
                                    sd zero, 0(a4)      # the megapage's entry goes
                                    sfence.vma a3, zero
                                fault:
                                    ld a0, 0(a1)
                                """)
                        .paged()
                        .map(REGION, RAM + 0x20_0000, R | W | A | D, 1)) {
            long entry = it.entryAddress(REGION, 1);
            it.map(entry & -4096, entry & -4096, R | W | A | D);
            it.hart.setX(11, REGION + 0x10_0000);
            it.hart.setX(13, REGION);
            it.hart.setX(14, entry);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(13L, it.label("fault"), REGION + 0x10_0000), it.machineTrap());
        }
    }
}
