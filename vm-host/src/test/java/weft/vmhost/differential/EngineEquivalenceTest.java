package weft.vmhost.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import weft.vmhost.differential.TestProgram.Mode;
import weft.vmhost.interpreter.TestedEngine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SplittableRandom;

/// Each engine against the interpreter in Java, on random programs: registers, memory, traps, and
/// the number of instructions. `-Dweft.seed=N` replays a run, `-Dweft.differential.rounds=N` makes
/// the long one longer.
class EngineEquivalenceTest {
    private static final int RAM_BYTES = 16 << 20;
    private static final int PROGRAMS = 70;
    private static final int LAPS = 4;

    /// Of machine code, in long rounds: as many as memory has slots for. Translators take minutes
    /// to make classes of what programs patch in each lap.
    private static final int NATIVE_LAPS = 12;

    private static final int ELEMENTS = 400;

    private final HartMachine interpreter = new HartMachine(TestedEngine.INTERPRETER);
    private final InstructionCount compared = new InstructionCount();

    @Test
    void translatedProgramsEndAsInterpretedOnesDo() throws Exception {
        compareRound(Long.getLong("weft.seed", 20_261_120), LAPS, TestedEngine.eagerOnes());
        assertEquals(TestedEngine.eagerOnes().size(), compared.engines());
        assertTrue(compared.least() >= 1_000_000, compared.text("too few"));
        long all = compared.all();
        assertTrue(all >= 10_000_000, "only " + all + " instructions were compared");
    }

    @Test
    @Tag("long")
    void manyTranslatedProgramsEndAsInterpretedOnesDo() throws Exception {
        int rounds = Integer.getInteger("weft.differential.rounds", 50);
        long seed = Long.getLong("weft.seed", System.nanoTime());
        System.out.println("-Dweft.seed=" + seed);
        String alone = System.getProperty("weft.differential.engine");
        for (int round = 0; round < rounds; round++) {
            if (alone != null) {
                compareRound(seed + round, NATIVE_LAPS, List.of(TestedEngine.valueOf(alone)));
                continue;
            }
            compareRound(seed + round, LAPS, TestedEngine.eagerTranslators());
            compareRound(seed + round, NATIVE_LAPS, TestedEngine.eagerNativeOnes());
        }
        System.out.print(compared.text("seed " + seed));
    }

    private void compareRound(long seed, int laps, Collection<TestedEngine> engines)
            throws Exception {
        List<RandomProgram> programs = programs(seed);
        ProgramImage image = ProgramImage.of(programs, laps, RAM_BYTES);
        byte[] expected = interpreter.run(image.ram());
        for (TestedEngine engine : engines) {
            var other = new HartMachine(engine);
            byte[] actual = other.run(image.ram());
            String run = "seed %d, %s".formatted(seed, engine);
            int slot = ImageDifference.firstProgram(PROGRAMS * laps, expected, actual);
            if (slot >= 0) {
                RandomProgram failing = programs.get(slot % PROGRAMS);
                fail(run + explain(failing, slot, expected, actual, engine));
            }
            assertEquals(
                    List.of(), ImageDifference.ofMemory(image.usedBytes(), expected, actual), run);
            assertEquals(interpreter.instructions(), other.instructions(), run);
            compared.add(engine, other);
        }
    }

    private static List<RandomProgram> programs(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<RandomProgram> programs = new ArrayList<>();
        Mode[] modes = Mode.values();
        for (int i = 0; i < PROGRAMS; i++) {
            Mode mode = i % 2 == 0 ? Mode.MACHINE : modes[i / 2 % modes.length];
            programs.add(RandomProgram.forEngines(random.nextLong(), mode, ELEMENTS));
        }
        return programs;
    }

    // --- shrinking

    private String explain(
            RandomProgram failing, int slot, byte[] expected, byte[] actual, TestedEngine engine)
            throws Exception {
        var text = new StringBuilder();
        text.append(", lap %d of a program in %s:%n".formatted(slot / PROGRAMS, failing.mode()));
        for (String line : ImageDifference.of(slot, expected, actual)) {
            text.append("  ").append(line).append('\n');
        }
        int agrees = 0;
        int differs = failing.length();
        if (!differsAlone(failing, engine)) {
            return text.append("It agrees when run alone.\n").toString();
        }
        while (differs - agrees > 1) {
            int middle = (agrees + differs) / 2;
            if (differsAlone(failing.prefix(middle), engine)) {
                differs = middle;
            } else {
                agrees = middle;
            }
        }
        text.append("Alone it differs after ").append(differs).append(" elements:\n");
        for (int i = Math.max(0, differs - 6); i < differs; i++) {
            text.append("  e").append(i).append(": ");
            text.append(failing.element(i).replace("\n", "; ")).append('\n');
        }
        return text.toString();
    }

    private boolean differsAlone(RandomProgram program, TestedEngine engine) throws Exception {
        ProgramImage image = ProgramImage.of(List.of(program), NATIVE_LAPS, RAM_BYTES);
        byte[] expected = interpreter.run(image.ram());
        byte[] actual = new HartMachine(engine).run(image.ram());
        return ImageDifference.firstProgram(NATIVE_LAPS, expected, actual) >= 0;
    }
}
