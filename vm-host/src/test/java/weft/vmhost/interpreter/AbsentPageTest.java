package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.memory.LatePages;

import java.util.List;
import java.util.SplittableRandom;

/// A hart that needs a page which has not come yet waits for it, and goes on as if it had always
/// been there.
@Timeout(60)
class AbsentPageTest {
    private static final long PAGE = RAM + 0x10_0000;
    private static final int A1 = 11;
    private static final int A2 = 12;

    /// Runs with all pages absent; answers those that the hart asked for, one after the other.
    private static List<Long> runAbsent(BareHart it) throws InterruptedException {
        LatePages source = LatePages.of(it.memory.allPages(), it.memory, it.memory);
        Thread thread = Thread.ofPlatform().start(it::run);
        var random = new SplittableRandom(1);
        while (thread.isAlive()) {
            if (!source.deliverWanted(random)) {
                Thread.onSpinWait();
            }
        }
        thread.join();
        return source.everWanted();
    }

    /// The state at the end, but for how often the loop behind the power switch was executed.
    private static List<Object> end(BareHart it) {
        HartState state = it.hart.capture();
        return List.of(state.pc(), state.integerRegisters(), state.floatRegisters(), state.csrs());
    }

    @Test
    void everyKindOfAccessWaits() throws Exception {
        for (String access :
                List.of(
                        "ld a2, 0(a1)",
                        "sd a0, 0(a1)",
                        "lb a2, 5(a1)",
                        "fld f1, 0(a1)",
                        "amoadd.d a2, a0, (a1)",
                        "lr.d a2, (a1)\n sc.d a3, a0, (a1)",
                        "ld a2, 4(a1)",
                        "sd a0, 4(a1)",
                        "cbo.zero (a1)")) {
            String program = "li a0, 7\n" + access + "\n ld a4, 0(a1)\n ld a5, 0(a6)";
            try (BareHart present = new BareHart(program);
                    BareHart late = new BareHart(program)) {
                for (BareHart it : List.of(present, late)) {
                    it.hart.setX(A1, PAGE + 0xFF8);
                    it.hart.setX(16, PAGE + 0x1000);
                    it.memory.store64(PAGE + 0xFF8, 0x1122_3344_5566_7788L);
                    it.memory.store64(PAGE + 0x1000, 0x99AA_BBCC_DDEE_FF00L);
                    it.setCsrs(java.util.Map.of("menvcfg", 0xF0L));
                }
                present.run();
                assertEquals(List.of(RAM, PAGE, PAGE + 0x1000), runAbsent(late), access);
                assertEquals(end(present), end(late), access);
                assertEquals(present.memory.load64(PAGE + 0xFF8), late.memory.load64(PAGE + 0xFF8));
                assertEquals(
                        present.memory.load64(PAGE + 0x1000), late.memory.load64(PAGE + 0x1000));
            }
        }
    }

    @Test
    void codeAndPageTablesMayBeAbsentToo() throws Exception {
        String program =
                """
                li t0, 0x80102ffe
                jalr ra, 0(t0)
                ld a2, 0(a1)
                sd a0, 8(a1)
                """;
        try (BareHart present = new BareHart(program);
                BareHart late = new BareHart(program)) {
            for (BareHart it : List.of(present, late)) {
                it.paged();
                it.setCsrs(java.util.Map.of("menvcfg", 1L << 61)); // ADUE
                it.map(PAGE, PAGE, R | W);
                it.map(PAGE + 0x2000, PAGE + 0x2000, R | BareHart.X | A);
                it.map(PAGE + 0x3000, PAGE + 0x3000, R | BareHart.X | A);
                // addi a0, a0, 1, across two pages; jalr x0, t0 (through x5 = ra here)
                it.memory.store16(PAGE + 0x2FFE, 0x0513);
                it.memory.store16(PAGE + 0x3000, 0x0015);
                it.memory.store32(PAGE + 0x3002, 0x0000_8067);
                it.hart.setX(A1, PAGE + 0x100);
                it.memory.store64(PAGE + 0x100, 55);
                it.enter(RAM, Privilege.SUPERVISOR);
            }
            present.run();
            List<Long> asked = runAbsent(late);
            assertTrue(asked.containsAll(List.of(PAGE, PAGE + 0x2000, PAGE + 0x3000)));
            assertEquals(55, late.x(A2));
            assertEquals(end(present), end(late));
            long entry = present.entryAddress(PAGE, 0);
            assertEquals(present.memory.load64(entry), late.memory.load64(entry));
            assertEquals(A | D, late.memory.load64(entry) & (A | D));
        }
    }

    @Test
    void aPageIsMarkedWhenItIsAccessedAndNotWhenItIsMissed() throws Exception {
        try (BareHart it = new BareHart("sd a0, 0(a1)")) {
            it.paged();
            it.setCsrs(java.util.Map.of("menvcfg", 1L << 61));
            it.map(PAGE, PAGE, R | W);
            it.hart.setX(A1, PAGE);
            it.enter(RAM, Privilege.SUPERVISOR);
            var other = new weft.vmhost.memory.GuestMemory(RAM, BareHart.RAM_BYTES);
            other.store8(PAGE, 0);
            LatePages source = LatePages.of(other.touchedPages(), it.memory, it.memory);
            Thread thread = Thread.ofPlatform().start(it::run);
            source.awaitWanted();
            assertEquals(0, it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D));
            source.deliver(PAGE);
            thread.join();
            assertEquals(A | D, it.memory.load64(it.entryAddress(PAGE, 0)) & (A | D));
            other.close();
        }
    }

    @Test
    void aHartThatWaitsCanBeStoppedAndGoesOnLater() throws Exception {
        try (BareHart it = new BareHart("li a0, 7\n amoadd.d a2, a0, (a1)")) {
            it.hart.setX(A1, PAGE);
            it.memory.store64(PAGE, 100);
            LatePages source = LatePages.of(it.memory.allPages(), it.memory, it.memory);
            source.deliver(RAM);
            for (int round = 0; round < 3; round++) {
                Thread thread = Thread.ofPlatform().start(it::run);
                source.awaitWanted();
                it.hart.requestStop();
                thread.join();
                assertEquals(RAM + 4, it.hart.pc(), "it stands before the instruction");
                assertEquals(0, it.x(A2));
            }
            assertEquals(List.of(PAGE), source.wanted());
            source.deliver(PAGE);
            it.run();
            assertEquals(100, it.x(A2));
            assertEquals(107, it.memory.load64(PAGE));
        }
    }

    @Test
    void aHartThatWaitsKeepsNobodyWaiting() throws Exception {
        try (BareHart it = new BareHart("ld a2, 0(a1)")) {
            it.hart.setX(A1, PAGE);
            LatePages source = LatePages.of(it.memory.allPages(), it.memory, it.memory);
            source.deliver(RAM);
            Thread thread = Thread.ofPlatform().start(it::run);
            source.awaitWanted();
            RemoteFence.TRANSLATIONS.on(List.of(it.hart));
            RemoteFence.INSTRUCTIONS.on(List.of(it.hart));
            it.hart.dropWriteTags();
            assertFalse(it.memory.isPresent(PAGE, 8));
            assertTrue(thread.isAlive());
            source.deliver(PAGE);
            thread.join();
        }
    }

    @Test
    void oncePresentThePageIsNotAskedForAgain() throws Exception {
        try (BareHart it = new BareHart("loop: ld a2, 0(a1)\n addi a1, a1, 8\n bne a1, a3, loop")) {
            it.hart.setX(A1, PAGE);
            it.hart.setX(13, PAGE + 0x3000);
            assertEquals(List.of(RAM, PAGE, PAGE + 0x1000, PAGE + 0x2000), runAbsent(it));
            assertEquals(BareHart.RAM_BYTES / 4096 - 4, it.memory.absentPages());
        }
    }
}
