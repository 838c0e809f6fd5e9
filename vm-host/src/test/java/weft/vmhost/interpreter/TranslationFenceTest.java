package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.G;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.U;
import static weft.vmhost.interpreter.BareHart.V;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;
import static weft.vmhost.interpreter.BareHart.satp;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;

import java.util.List;
import java.util.Map;

/// `sfence.vma` in its four forms, and address spaces that share the TLB.
class TranslationFenceTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long ONE = RAM + 0x10_0000;
    private static final long TWO = RAM + 0x11_0000;

    /// Loads through a page, has it lead elsewhere, fences as given, and loads again.
    private static long secondLoad(String fence) {
        String program =
                """
                    ld a0, 0(a1)
                    sd a3, 0(a2)
                    %s
                    ld a0, 0(a1)
                """
                        .formatted(fence);
        try (BareHart it = new BareHart(program).paged().map(PAGE, ONE, R | W | A | D)) {
            it.memory.store64(ONE, 1);
            it.memory.store64(TWO, 2);
            long entry = it.entryAddress(PAGE, 0);
            it.map(entry & -4096, entry & -4096, R | W | A | D);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, entry);
            it.hart.setX(13, TWO >>> 12 << 10 | R | A | D | V);
            it.hart.setX(14, 5);
            it.setCsrs(Map.of("satp", satp(5))).enter(RAM, Privilege.SUPERVISOR).run();
            return it.x(10);
        }
    }

    @Test
    void eachFormMakesTheNewEntryVisible() {
        assertEquals(2, secondLoad("sfence.vma zero, zero"));
        assertEquals(2, secondLoad("sfence.vma a1, zero"));
        assertEquals(2, secondLoad("sfence.vma zero, a4"));
        assertEquals(2, secondLoad("sfence.vma a1, a4"));
    }

    @Test
    void addressSpacesDoNotSeeEachOthersPages() {
        doNotShare(R | A | D, 0);
    }

    /// Pages of U-mode that S-mode reads, while SUM stays set.
    @Test
    void addressSpacesDoNotSeeEachOthersUserPages() {
        doNotShare(R | A | D | U, 1 << 18);
    }

    private static void doNotShare(int flags, long status) {
        try (BareHart it =
                new BareHart(
                        """
                            csrw satp, a2
                            ld a0, 0(a1)
                            csrw satp, a3
                            ld a4, 0(a1)
                            csrw satp, a2
                            ld a5, 0(a1)
                        """)) {
            globalProgram(it).map(PAGE, ONE, flags);
            it.memory.store64(ONE, 1);
            it.memory.store64(TWO, 2);
            // A second tree, equal but for the page: copy the root, and give it its own branch.
            long other = RAM + 0x70_0000;
            for (int i = 0; i < 512; i++) {
                it.memory.store64(other + 8 * i, it.memory.load64(RAM + 0x80_0000 + 8 * i));
            }
            it.memory.store64(other + 8, (other + 0x1000) >>> 12 << 10 | V);
            it.memory.store64(other + 0x1000, (other + 0x2000) >>> 12 << 10 | V);
            it.memory.store64(other + 0x2000, TWO >>> 12 << 10 | flags | V);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, satp(1));
            it.hart.setX(13, 8L << 60 | 2L << 44 | other >>> 12);
            it.setCsrs(Map.of("mstatus", it.csr("mstatus") | status));
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(1L, 2L, 1L), List.of(it.x(10), it.x(14), it.x(15)));
        }
    }

    /// A kernel as kernels are: nothing of its own ties what S-mode has found to an address space.
    private static BareHart globalProgram(BareHart it) {
        it.paged();
        for (long page = RAM; page < RAM + 0x4000; page += 0x1000) {
            it.map(page, page, R | W | X | A | D | G);
        }
        return it;
    }

    /// A global page (G) is found once for all address spaces, and until a fence that is meant for
    /// all of them.
    @Test
    void globalPagesOutliveTheAddressSpaceAndItsFences() {
        String program =
                """
                    ld a0, 0(a1)
                    sd a3, 0(a2)
                    csrw satp, a6
                    ld a4, 0(a1)
                    sfence.vma zero, a7
                    ld a5, 0(a1)
                    sfence.vma a1, zero
                    ld a1, 0(a1)
                """;
        try (BareHart it = new BareHart(program)) {
            globalProgram(it).map(PAGE, ONE, R | A | D | G);
            long entry = it.entryAddress(PAGE, 0);
            it.map(entry & -4096, entry & -4096, R | W | A | D | G);
            it.memory.store64(ONE, 1);
            it.memory.store64(TWO, 2);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, entry);
            it.hart.setX(13, TWO >>> 12 << 10 | R | A | D | G | V);
            it.hart.setX(16, satp(2));
            it.hart.setX(17, 2);
            it.setCsrs(Map.of("satp", satp(1))).enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(1L, 1L, 1L, 2L), List.of(it.x(10), it.x(14), it.x(15), it.x(11)));
        }
    }

    /// More address spaces than the TLB has numbers for.
    @Test
    void numbersOfAddressSpacesMayRunOut() {
        try (BareHart it =
                new BareHart(
                        """
                            li a4, 0
                        loop:
                            slli a5, a4, 44
                            or a5, a5, a2
                            csrw satp, a5
                            ld a0, 0(a1)
                            addi a4, a4, 1
                            bne a4, a3, loop
                        """)) {
            it.paged().map(PAGE, ONE, R | A | D);
            it.memory.store64(ONE, 77);
            it.hart.setX(11, PAGE);
            it.hart.setX(12, satp(0));
            it.hart.setX(13, 2000);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(77, it.x(10));
            assertEquals(2000, it.x(14));
        }
    }

    @Test
    void aFenceFromAnotherThreadHoldsBeforeTheNextInstruction() {
        try (BareHart it = new BareHart("ld a0, 0(a1)").paged().map(PAGE, ONE, R | A | D)) {
            it.memory.store64(TWO, 2);
            it.hart.setX(11, PAGE);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            it.map(PAGE, TWO, R | A | D);
            RemoteFence.TRANSLATIONS.on(List.of(it.hart));
            it.hart.setPc(RAM);
            it.run();
            assertEquals(2, it.x(10));
        }
    }
}
