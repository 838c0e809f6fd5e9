package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.Map;
import java.util.function.Predicate;

/// RVWMO as several harts see it (Unprivileged ISA, chapter "RVWMO", and its litmus tests): what
/// the model forbids never comes; what it allows may.
///
/// Outcomes are "a3 a4 | a3 a4 | … | x y", harts in order, the locations' last values behind.
class LitmusTest {
    private static final String FENCE_RW_RW = ".word 0x0330000f\n";
    private static final String FENCE_W_W = ".word 0x0110000f\n";
    private static final String FENCE_R_R = ".word 0x0220000f\n";

    private final LitmusMachine machine = new LitmusMachine();

    private void neverComes(Predicate<String> forbidden, String... linesOfHarts)
            throws InterruptedException {
        Map<String, Integer> outcomes = machine.run(linesOfHarts);
        System.out.println("litmus: " + outcomes);
        assertTrue(outcomes.keySet().stream().noneMatch(forbidden), () -> "forbidden: " + outcomes);
    }

    @Test
    void aMessageIsCompleteWhenItsFlagIsSeen() throws InterruptedException {
        Predicate<String> flagWithoutMessage = outcome -> outcome.startsWith("0 0 | 1 0 |");
        neverComes(
                flagWithoutMessage,
                "sd a5, 0(a1)\n" + FENCE_W_W + "sd a5, 0(a2)",
                "ld a3, 0(a2)\n" + FENCE_R_R + "ld a4, 0(a1)");
        // The reader's order comes from the address instead of a fence.
        neverComes(
                flagWithoutMessage,
                "sd a5, 0(a1)\n" + FENCE_W_W + "sd a5, 0(a2)",
                "ld a3, 0(a2)\n xor t0, a3, a3\n add t0, t0, a1\n ld a4, 0(t0)");
        // Release and acquire.
        neverComes(
                flagWithoutMessage,
                "sd a5, 0(a1)\n amoswap.d.rl zero, a5, (a2)",
                "lr.d.aq a3, (a2)\n ld a4, 0(a1)");
    }

    @Test
    void twoStoresBetweenFencesAreNotBothOverlooked() throws InterruptedException {
        Predicate<String> bothOld = outcome -> outcome.startsWith("0 0 | 0 0 |");
        neverComes(
                bothOld,
                "sd a5, 0(a1)\n" + FENCE_RW_RW + "ld a3, 0(a2)",
                "sd a5, 0(a2)\n" + FENCE_RW_RW + "ld a3, 0(a1)");
        neverComes(
                bothOld,
                "amoswap.d.aqrl zero, a5, (a1)\n ld a3, 0(a2)",
                "amoswap.d.aqrl zero, a5, (a2)\n ld a3, 0(a1)");
    }

    @Test
    void noLoadSeesAStoreThatDependsOnIt() throws InterruptedException {
        Predicate<String> outOfThinAir = outcome -> outcome.startsWith("1 0 | 1 0 |");
        neverComes(
                outOfThinAir,
                "ld a3, 0(a1)\n" + FENCE_RW_RW + "sd a5, 0(a2)",
                "ld a3, 0(a2)\n" + FENCE_RW_RW + "sd a5, 0(a1)");
        // Each stores what it has loaded: nothing but the zeros of the beginning can be there.
        neverComes(
                outcome -> !outcome.equals("0 0 | 0 0 | 0 0"),
                "ld a3, 0(a1)\n sd a3, 0(a2)",
                "ld a3, 0(a2)\n sd a3, 0(a1)");
    }

    @Test
    void oneLocationNeverGoesBack() throws InterruptedException {
        neverComes(
                outcome -> outcome.startsWith("0 0 | 1 0 |"),
                "sd a5, 0(a1)",
                "ld a3, 0(a1)\n ld a4, 0(a1)");
        // A hart sees its own store, whatever else it overtakes.
        neverComes(
                outcome -> !outcome.startsWith("1 "),
                "sd a5, 0(a1)\n ld a3, 0(a1)\n ld a4, 0(a2)",
                "sd a5, 0(a2)\n ld a3, 0(a2)\n ld a4, 0(a1)");
    }

    @Test
    void withoutFencesAllOutcomesAreOfWrittenValues() throws InterruptedException {
        Predicate<String> otherThanZeroAndOne = outcome -> !outcome.matches("[01 |]+");
        neverComes(
                otherThanZeroAndOne, "sd a5, 0(a1)\n ld a3, 0(a2)", "sd a5, 0(a2)\n ld a3, 0(a1)");
        neverComes(
                otherThanZeroAndOne, "sd a5, 0(a1)\n sd a5, 0(a2)", "ld a3, 0(a2)\n ld a4, 0(a1)");
        neverComes(
                otherThanZeroAndOne, "ld a3, 0(a1)\n sd a5, 0(a2)", "ld a3, 0(a2)\n sd a5, 0(a1)");
    }

    @Test
    void twoReadersAgreeOnTheOrderOfTwoWriters() throws InterruptedException {
        neverComes(
                outcome -> outcome.startsWith("0 0 | 0 0 | 1 0 | 1 0 |"),
                "sd a5, 0(a1)",
                "sd a5, 0(a2)",
                "ld a3, 0(a1)\n" + FENCE_RW_RW + "ld a4, 0(a2)",
                "ld a3, 0(a2)\n" + FENCE_RW_RW + "ld a4, 0(a1)");
    }

    /// Words of half a double each: an update of one must not undo the other's.
    @Test
    void fourHartsLoseNoUpdateOfNeighbouringWords() throws InterruptedException {
        String reserved =
                """
                again%d:
                    lr.w t0, (a1)
                    addi t0, t0, 1
                    sc.w t1, t0, (a1)
                    bnez t1, again%d
                    addi t2, a2, 4
                    amoadd.w zero, a5, (t2)
                """;
        String atomic =
                """
                    amoadd.w zero, a5, (a1)
                    addi t2, a1, 4
                    amoadd.w zero, a5, (t2)
                    li   t0, %d
                    amoor.w zero, t0, (a2)
                """;
        Map<String, Integer> outcomes =
                machine.run(
                        reserved.formatted(0, 0),
                        reserved.formatted(1, 1),
                        atomic.formatted(4),
                        atomic.formatted(8));
        // x: low word 4 times, high word twice; y: low word 4 | 8, high word twice.
        String expected = "0 0 | 0 0 | 0 0 | 0 0 | %d %d".formatted(2L << 32 | 4, 2L << 32 | 12);
        assertEquals(Map.of(expected, LitmusMachine.CELLS), outcomes);
    }
}
