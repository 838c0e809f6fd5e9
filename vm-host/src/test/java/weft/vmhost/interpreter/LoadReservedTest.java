package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;

import java.util.ArrayList;
import java.util.List;

class LoadReservedTest {
    private static final long WORD = RAM + 0x10_0000;

    private static BareHart run(String program) {
        BareHart it = new BareHart(program);
        it.memory.store64(WORD, 5);
        it.hart.setX(11, WORD);
        it.hart.setX(12, 9);
        return it.run();
    }

    @Test
    void theStoreSucceedsWhenNobodyWrote() {
        try (BareHart it = run("lr.w a0, (a1)\n sc.w a3, a2, (a1)")) {
            assertEquals(List.of(5L, 0L, 9L), List.of(it.x(10), it.x(13), word(it)));
        }
    }

    @Test
    void theStoreFailsWithoutAReservation() {
        try (BareHart it = run("li a3, 7\n sc.w a3, a2, (a1)")) {
            assertEquals(List.of(1L, 5L), List.of(it.x(13), word(it)));
        }
    }

    @Test
    void theStoreFailsWhenTheWordChangedMeanwhile() {
        try (BareHart it = run("lr.d a0, (a1)\n sd a2, 0(a1)\n sc.d a3, a1, (a1)")) {
            assertEquals(List.of(1L, 9L), List.of(it.x(13), word(it)));
        }
    }

    @Test
    void theStoreFailsElsewhereAndSpendsTheReservation() {
        try (BareHart it =
                run(
                        """
                            addi a4, a1, 8
                            lr.d a0, (a1)
                            sc.d a3, a2, (a4)
                            sc.d a5, a2, (a1)
                        """)) {
            assertEquals(List.of(1L, 1L, 5L), List.of(it.x(13), it.x(15), word(it)));
        }
    }

    /// Two harts add to one word, 20,000 times each.
    @Test
    void twoHartsLoseNoUpdate() throws Exception {
        try (BareHart it =
                new BareHart(
                        """
                        loop:
                            lr.w a0, (a1)
                            addi a0, a0, 1
                            sc.w a3, a0, (a1)
                            bnez a3, loop
                            amoadd.d zero, a4, (a5)
                            addi a2, a2, -1
                            bnez a2, loop
                            j .+0
                        """)) {
            var second = new Hart(1, it.bus, it.ticks::get, null);
            second.reset(RAM, Privilege.MACHINE, 0, 0);
            var threads = new ArrayList<Thread>();
            for (Hart hart : List.of(it.hart, second)) {
                hart.setX(11, WORD);
                hart.setX(12, 20_000);
                hart.setX(14, 1);
                hart.setX(15, WORD + 8);
                threads.add(Thread.ofPlatform().start(() -> hart.run(it.engineFor(hart))));
            }
            while (it.memory.load64(WORD + 8) < 40_000) {
                Thread.onSpinWait();
            }
            it.hart.requestStop();
            second.requestStop();
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(40_000, word(it));
        }
    }

    private static long word(BareHart it) {
        return it.memory.load64(WORD);
    }
}
