package weft.vmhost.nativecode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.vmhost.isa.Decoder;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.nativecode.AccessGroups.Group;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

class AccessGroupsTest {
    private static AccessGroups in(String... lines) {
        return AccessGroups.in(
                Arrays.stream(lines)
                        .mapToLong(it -> Decoder.decode(Assembler.encode(it)))
                        .toArray());
    }

    @Test
    void fieldsOfOneRecordShareALook() {
        AccessGroups groups = in("lw a1, 4(a0)", "ld a2, 8(a0)", "sb a3, 23(a0)");
        Group group = Objects.requireNonNull(groups.at(0));
        assertSame(group, groups.at(2));
        assertEquals(4, group.low());
        // The last aligned doubleword that is touched: if it lies in the page, all does.
        assertEquals(16, group.high());
        assertEquals(8, group.sizeBytes());
        assertTrue(group.stores());
        assertFalse(group.isKept());
        assertEquals(0, groups.first());
        assertEquals(2, groups.last());
    }

    @Test
    void aBaseThatChangesIsAnotherOne() {
        assertTrue(in("ld a1, 0(a0)", "addi a0, a0, 8", "ld a2, 0(a0)").isEmpty());
        assertTrue(in("ld a0, 0(a0)", "ld a0, 0(a0)").isEmpty());
        assertFalse(in("ld a1, 0(a0)", "ld a0, 8(a0)").isEmpty(), "it changes behind the last");
        assertFalse(in("ld a1, 0(a0)", "fadd.d fa0, fa1, fa2", "ld a2, 8(a0)").isEmpty());
        assertTrue(in("ld a1, 0(a0)", "feq.d a0, fa1, fa2", "ld a2, 8(a0)").isEmpty());
    }

    @Test
    void whatOrdersOrLeavesForGoodSeparates() {
        for (String line : new String[] {"fence", "amoadd.w a3, a4, (a5)", "cbo.zero (a5)"}) {
            assertTrue(in("ld a1, 0(a0)", line, "ld a2, 8(a0)").isEmpty(), line);
        }
    }

    @Test
    void alignmentOfOneMustFollowFromThatOfTheOther() {
        assertTrue(in("ld a1, 0(a0)", "ld a2, 12(a0)").isEmpty());
        assertFalse(in("ld a1, 0(a0)", "lw a2, 12(a0)").isEmpty());
        assertTrue(in("lw a1, 2(a0)", "lw a2, 4(a0)").isEmpty());
        Group group = Objects.requireNonNull(in("lh a1, 2(a0)", "ld a2, 8(a0)").at(0));
        assertEquals(8, group.high());
    }

    @Test
    void whatIsFarApartMayBeInTwoPages() {
        assertTrue(in("ld a1, -2048(a0)", "ld a2, 2040(a0)").isEmpty());
    }

    @Test
    void anAddendIsKeptWhereRcxIsNeededInBetween() {
        AccessGroups groups =
                in(
                        "ld a1, 0(a0)",
                        "ld a3, 0(s0)",
                        "ld a2, 8(a0)",
                        "add a1, a1, a2",
                        "sd a1, 16(a0)");
        assertTrue(Objects.requireNonNull(groups.at(0)).isKept());
        assertNull(groups.at(1));
        assertTrue(groups.reloads(2));
        assertFalse(groups.reloads(4), "an addition leaves rcx alone");
    }

    @Test
    void groupsForWhichThereIsNoPlaceAreDissolved() {
        int[] bases = IntStream.range(1, 32).filter(it -> it != 5).toArray();
        String[] lines =
                (Arrays.stream(bases)
                                        .mapToObj("lw x5, 0(x%d)"::formatted)
                                        .collect(Collectors.joining(";"))
                                + ";"
                                + Arrays.stream(bases)
                                        .mapToObj("lw x5, 4(x%d)"::formatted)
                                        .collect(Collectors.joining(";")))
                        .split(";");
        AccessGroups groups = in(lines);
        long members = IntStream.range(0, lines.length).filter(it -> groups.at(it) != null).count();
        // The last one before the second row is still in rcx; the others need a place.
        assertEquals(
                AccessGroups.KEPT_MAX,
                IntStream.range(0, lines.length).filter(groups::reloads).count());
        assertTrue(members >= 2 * AccessGroups.KEPT_MAX, members + " members");
    }
}
