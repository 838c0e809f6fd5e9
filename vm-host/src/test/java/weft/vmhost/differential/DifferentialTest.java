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

/// Our hart against QEMU, on random programs. `-Dweft.seed=N` replays a run,
/// `-Dweft.differential.rounds=N` makes the long one longer.
class DifferentialTest {
    /// A multiple of what the slots take: QEMU puts its device tree, and a megabyte of zeroes,
    /// below the end.
    private static final int RAM_BYTES = 32 << 20;

    private static final int PROGRAMS = 300;
    private static final int ELEMENTS = 400;

    /// With other inputs each time; as many as the firmware's table has room for.
    private static final int LAPS_OF_LONG_ROUNDS = 3;

    @TempDir private Path folder;

    private TestMachine oracle = ram -> ram;
    private final HartMachine hart = new HartMachine(TestedEngine.INTERPRETER);
    private final InstructionCount compared = new InstructionCount();

    @BeforeEach
    void needsTheOracle() {
        assumeTrue(QemuMachine.isInstalled(), "needs qemu-system-riscv64 (qemu-system-misc)");
        oracle = new QemuMachine(folder);
    }

    /// 120,000 random elements, each an instruction or a few.
    @Test
    void aHartEndsRandomProgramsAsQemuDoes() throws Exception {
        compareRound(Long.getLong("weft.seed", 20_261_120), 1);
    }

    @Test
    @Tag("long")
    void aHartEndsManyRandomProgramsAsQemuDoes() throws Exception {
        int rounds = Integer.getInteger("weft.differential.rounds", 50);
        long seed = Long.getLong("weft.seed", System.nanoTime());
        System.out.println("-Dweft.seed=" + seed);
        for (int round = 0; round < rounds; round++) {
            compareRound(seed + round, LAPS_OF_LONG_ROUNDS);
        }
        System.out.print(compared.text("QEMU, seed " + seed));
    }

    /// The oracle's own picture must show that programs ran: traps of many causes, flags, stores.
    @Test
    void theProgramsDoWhatTheyAreFor() throws Exception {
        ProgramImage image = ProgramImage.of(programs(1), RAM_BYTES);
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

    private void compareRound(long seed, int laps) throws Exception {
        List<RandomProgram> programs = programs(seed);
        ProgramImage image = ProgramImage.of(programs, laps, RAM_BYTES);
        byte[] expected = oracle.run(image.ram());
        byte[] actual = hart.run(image.ram());
        int slot = ImageDifference.firstProgram(PROGRAMS * laps, expected, actual);
        if (slot >= 0) {
            String where =
                    "seed %d, program %d at 0x%x, lap %d"
                            .formatted(
                                    seed,
                                    slot % PROGRAMS,
                                    image.codeAddress(slot),
                                    slot / PROGRAMS);
            fail(where + explain(programs.get(slot % PROGRAMS), slot, expected, actual));
        }
        List<String> elsewhere = ImageDifference.ofMemory(image.usedBytes(), expected, actual);
        assertTrue(elsewhere.isEmpty(), () -> "seed " + seed + ": " + elsewhere);
        compared.add(TestedEngine.INTERPRETER, hart);
    }

    private static List<RandomProgram> programs(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<RandomProgram> programs = new ArrayList<>();
        Mode[] modes = Mode.values();
        for (int i = 0; i < PROGRAMS; i++) {
            Mode mode = i % 2 == 0 ? Mode.MACHINE : modes[i / 2 % modes.length];
            programs.add(RandomProgram.of(random.nextLong(), mode, ELEMENTS));
        }
        return programs;
    }

    // --- shrinking

    private String explain(RandomProgram failing, int program, byte[] expected, byte[] actual)
            throws Exception {
        StringBuilder text = new StringBuilder(" in ").append(failing.mode()).append(":\n");
        for (String line : ImageDifference.of(program, expected, actual)) {
            text.append("  ").append(line).append('\n');
        }
        int length = shortestDifferingPrefix(failing);
        if (length < 0) {
            return text.append("It agrees when run alone.\n").toString();
        }
        RandomProgram shortest = failing.prefix(length);
        ProgramImage alone = ProgramImage.of(List.of(shortest), LAPS_OF_LONG_ROUNDS, RAM_BYTES);
        text.append("Alone it differs after ").append(length).append(" elements:\n");
        byte[] wanted = oracle.run(alone.ram());
        byte[] got = hart.run(alone.ram());
        int lap = Math.max(0, ImageDifference.firstProgram(LAPS_OF_LONG_ROUNDS, wanted, got));
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
    private int shortestDifferingPrefix(RandomProgram program) throws Exception {
        if (!differsAlone(program)) {
            return -1;
        }
        int agrees = 0;
        int differs = program.length();
        while (differs - agrees > 1) {
            int middle = (agrees + differs) / 2;
            if (differsAlone(program.prefix(middle))) {
                differs = middle;
            } else {
                agrees = middle;
            }
        }
        return differs;
    }

    private boolean differsAlone(RandomProgram program) throws Exception {
        ProgramImage image = ProgramImage.of(List.of(program), LAPS_OF_LONG_ROUNDS, RAM_BYTES);
        byte[] expected = oracle.run(image.ram());
        byte[] actual = hart.run(image.ram());
        return ImageDifference.firstProgram(LAPS_OF_LONG_ROUNDS, expected, actual) >= 0;
    }
}
