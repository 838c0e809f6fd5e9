package weft.vmhost.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.vmhost.differential.TestProgram.Mode;
import weft.vmhost.interpreter.TestedEngine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Our hart against QEMU, on random programs, with engines of all kinds. `-Dweft.seed=N` replays a
/// run, `-Dweft.differential.rounds=N` makes the long one longer.
class DifferentialTest {
    /// A multiple of what the slots take: QEMU puts its device tree, and a megabyte of zeroes,
    /// below the end.
    private static final int RAM_BYTES = 32 << 20;

    private static final int PROGRAMS = 300;
    private static final int ELEMENTS = 400;

    /// With other inputs each time; as many as the firmware's table has room for.
    private static final int LAPS = 3;

    /// Machine code is made quickly enough for all programs; shapes that are left out here are held
    /// against the interpreter by [EngineEquivalenceTest], and against QEMU in long rounds.
    private static final List<TestedEngine> QUICK_ONES =
            List.of(
                    TestedEngine.INTERPRETER,
                    TestedEngine.INTERPRETER_IN_MACHINE_CODE,
                    TestedEngine.EAGER_NATIVE,
                    TestedEngine.SMALL_UNITS_IN_SHORT_RUNS,
                    TestedEngine.CODE_GIVEN_UP_AGAIN,
                    TestedEngine.TRANSLATOR,
                    TestedEngine.NATIVE);

    /// Of programs whose every piece becomes a class of the JVM.
    private static final int TRANSLATED_PROGRAMS = 24;

    @TempDir private Path folder;

    private TestMachine oracle = ram -> ram;
    private final InstructionCount compared = new InstructionCount();

    @BeforeEach
    void needsTheOracle() {
        assumeTrue(QemuMachine.isInstalled(), "needs qemu-system-riscv64 (qemu-system-misc)");
        oracle = new QemuMachine(folder);
    }

    /// 120,000 random elements, each an instruction or a few, three times.
    @Test
    void aHartEndsRandomProgramsAsQemuDoes() throws Exception {
        compareRound(seed(), PROGRAMS, QUICK_ONES);
        assertCompared(QUICK_ONES.size(), 1_500_000);
    }

    @Test
    void aTranslatorEndsRandomProgramsAsQemuDoes() throws Exception {
        compareRound(seed(), TRANSLATED_PROGRAMS, List.of(TestedEngine.EAGER_TRANSLATOR));
        assertCompared(1, 100_000);
    }

    @Test
    @Tag("long")
    void aHartEndsManyRandomProgramsAsQemuDoes() throws Exception {
        int rounds = Integer.getInteger("weft.differential.rounds", 50);
        long seed = Long.getLong("weft.seed", System.nanoTime());
        System.out.println("-Dweft.seed=" + seed);
        for (int round = 0; round < rounds; round++) {
            compareRound(seed + round, PROGRAMS, QUICK_ONES);
        }
        // Minutes each.
        compareRound(seed, PROGRAMS, TestedEngine.eagerOnes());
        System.out.print(compared.text("QEMU, seed " + seed));
    }

    private static long seed() {
        return Long.getLong("weft.seed", 20_261_120);
    }

    /// Whether programs ran at all, rather than ended in the same first trap everywhere.
    private void assertCompared(int engines, long instructionsOfEach) {
        assertEquals(engines, compared.engines());
        long least = compared.least();
        assertTrue(
                least >= instructionsOfEach,
                "an engine was compared on " + least + " instructions");
    }

    /// The oracle's own picture must show that programs ran: traps of many causes, flags, stores.
    @Test
    void theProgramsDoWhatTheyAreFor() throws Exception {
        ProgramImage image = ProgramImage.of(programs(1, PROGRAMS), RAM_BYTES);
        ByteBuffer ram = ByteBuffer.wrap(oracle.run(image.ram())).order(ByteOrder.LITTLE_ENDIAN);
        long causes = 0;
        long flags = 0;
        for (int i = 0; i < PROGRAMS; i++) {
            int slot = ProgramImage.SLOTS_OFFSET + i * ProgramImage.SLOT_BYTES;
            flags |= ram.getLong(slot + ProgramImage.RESULTS + ProgramImage.FCSR);
            long traps = ram.getLong(slot + ProgramImage.RESULTS + ProgramImage.TRAP_COUNT);
            for (int t = 0; t < Math.min(traps, ProgramImage.TRAP_LOG_ENTRIES); t++) {
                int entry = slot + ProgramImage.TRAP_LOG + t * ProgramImage.TRAP_LOG_ENTRY_BYTES;
                causes |= 1L << ram.getLong(entry);
            }
        }
        // Every synchronous cause but 0 (with C no fetch is misaligned) and the reserved ones.
        assertEquals(0b1011_1011_1111_1110, causes);
        assertEquals(0x1f, flags & 0x1f);
    }

    private void compareRound(long seed, int count, List<TestedEngine> engines) throws Exception {
        List<RandomProgram> programs = programs(seed, count);
        ProgramImage image = ProgramImage.of(programs, LAPS, RAM_BYTES);
        byte[] expected = oracle.run(image.ram());
        long instructions = 0;
        for (TestedEngine engine : engines) {
            var hart = new HartMachine(engine);
            byte[] actual = hart.run(image.ram());
            String run = "seed %d, %s".formatted(seed, engine);
            int slot = ImageDifference.firstProgram(count * LAPS, expected, actual);
            if (slot >= 0) {
                String where =
                        ", program %d at 0x%x, lap %d"
                                .formatted(slot % count, image.codeAddress(slot), slot / count);
                RandomProgram failing = programs.get(slot % count);
                fail(run + where + explain(failing, slot, expected, actual, hart));
            }
            assertEquals(
                    List.of(), ImageDifference.ofMemory(image.usedBytes(), expected, actual), run);
            // QEMU does not count exactly; among themselves ours have to agree.
            assertEquals(
                    instructions == 0 ? hart.instructions() : instructions,
                    hart.instructions(),
                    run);
            instructions = hart.instructions();
            compared.add(engine, hart);
        }
    }

    private static List<RandomProgram> programs(long seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        List<RandomProgram> programs = new ArrayList<>();
        Mode[] modes = Mode.values();
        for (int i = 0; i < count; i++) {
            Mode mode = i % 2 == 0 ? Mode.MACHINE : modes[i / 2 % modes.length];
            programs.add(RandomProgram.of(random.nextLong(), mode, ELEMENTS));
        }
        return programs;
    }

    // --- shrinking

    private String explain(
            RandomProgram failing, int program, byte[] expected, byte[] actual, HartMachine hart)
            throws Exception {
        StringBuilder text = new StringBuilder(" in ").append(failing.mode()).append(":\n");
        for (String line : ImageDifference.of(program, expected, actual)) {
            text.append("  ").append(line).append('\n');
        }
        int length = shortestDifferingPrefix(failing, hart);
        if (length < 0) {
            return text.append("It agrees when run alone.\n").toString();
        }
        RandomProgram shortest = failing.prefix(length);
        ProgramImage alone = ProgramImage.of(List.of(shortest), LAPS, RAM_BYTES);
        text.append("Alone it differs after ").append(length).append(" elements:\n");
        byte[] wanted = oracle.run(alone.ram());
        byte[] got = hart.run(alone.ram());
        int lap = Math.max(0, ImageDifference.firstProgram(LAPS, wanted, got));
        for (String line : ImageDifference.of(lap, wanted, got)) {
            text.append("  ").append(line).append('\n');
        }
        for (int i = Math.max(0, length - 6); i < length; i++) {
            text.append("  e").append(i).append(": ");
            text.append(shortest.element(i).replace("\n", "; ")).append('\n');
        }
        return text.toString();
    }

    /// By bisection, as a difference once made mostly stays; -1 if the whole program agrees.
    private int shortestDifferingPrefix(RandomProgram program, HartMachine hart) throws Exception {
        if (!differsAlone(program, hart)) {
            return -1;
        }
        int agrees = 0;
        int differs = program.length();
        while (differs - agrees > 1) {
            int middle = (agrees + differs) / 2;
            if (differsAlone(program.prefix(middle), hart)) {
                differs = middle;
            } else {
                agrees = middle;
            }
        }
        return differs;
    }

    private boolean differsAlone(RandomProgram program, HartMachine hart) throws Exception {
        ProgramImage image = ProgramImage.of(List.of(program), LAPS, RAM_BYTES);
        byte[] expected = oracle.run(image.ram());
        byte[] actual = hart.run(image.ram());
        return ImageDifference.firstProgram(LAPS, expected, actual) >= 0;
    }
}
