package weft.vmhost.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import weft.vmhost.differential.InstructionRow.Assignments;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.isa.asm.InstructionTable;
import weft.vmhost.isa.asm.InstructionTable.Encoding;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/// Every instruction against the results of `instructions.txt`, computed by hand; each changes what
/// its row says and nothing else.
class InstructionTableTest {
    private static final int RAM_BYTES = 24 << 20;

    /// Enough to have what the first lap met translated for the last.
    private static final int LAPS = 3;

    /// Those that change privilege, or wait: tests of the hart are about them.
    private static final Set<String> ELSEWHERE =
            Set.of(
                    "mret",
                    "sret",
                    "wfi",
                    "sfence.vma",
                    "sinval.vma",
                    "sfence.w.inval",
                    "sfence.inval.ir");

    /// Those QEMU 7.2 does not have.
    static final Set<String> UNKNOWN_TO_QEMU =
            Set.of("czero.eqz", "czero.nez", "cbo.inval", "cbo.clean", "cbo.flush", "cbo.zero");

    private List<InstructionRow> rows = rows();

    @ParameterizedTest
    @EnumSource(TestedEngine.class)
    void aHartDoesWhatTheTableSays(TestedEngine engine) throws Exception {
        judge(new HartMachine(engine));
    }

    /// The table itself may be wrong; QEMU was written by others.
    @Test
    void qemuDoesWhatTheTableSays(@TempDir Path folder) throws Exception {
        assumeTrue(QemuMachine.isInstalled(), "needs qemu-system-riscv64 (qemu-system-misc)");
        rows =
                rows.stream()
                        .filter(row -> Collections.disjoint(row.instructions(), UNKNOWN_TO_QEMU))
                        .toList();
        judge(new QemuMachine(folder));
    }

    @Test
    void everyInstructionHasARow() {
        Set<String> missing = new TreeSet<>();
        for (Encoding encoding : InstructionTable.all()) {
            missing.add(encoding.name());
        }
        rows.forEach(row -> row.instructions().forEach(missing::remove));
        assertEquals(new TreeSet<>(ELSEWHERE), missing);
    }

    private void judge(TestMachine machine) throws Exception {
        ProgramImage image = ProgramImage.of(rows, LAPS, RAM_BYTES);
        ByteBuffer ram = ByteBuffer.wrap(machine.run(image.ram())).order(ByteOrder.LITTLE_ENDIAN);
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < LAPS * rows.size(); i++) {
            judgeRow(ram, i, image.codeAddress(i), wrong);
        }
        assertTrue(wrong.isEmpty(), () -> "\n" + String.join("\n", wrong));
    }

    private void judgeRow(ByteBuffer ram, int i, long code, List<String> wrong) {
        InstructionRow row = rows.get(i % rows.size());
        int slot = ProgramImage.SLOTS_OFFSET + i * ProgramImage.SLOT_BYTES;
        long scratch = ProgramImage.slotAddress(i) + ProgramImage.SCRATCH;
        Assignments expected = row.expected(code, scratch);
        String name = "line " + row.line() + " " + row.code() + ": ";

        long[] registers = row.inputs(code, scratch);
        expected.registers().forEach((index, value) -> registers[index] = value);
        for (int r = 0; r < registers.length; r++) {
            String which = r < 32 ? "x" + r : r < 64 ? "f" + (r - 32) : "fcsr";
            compare(
                    name + which,
                    registers[r],
                    ram.getLong(slot + ProgramImage.RESULTS + 8 * r),
                    wrong);
        }
        long[] words = row.scratch(code, scratch);
        expected.words().forEach((index, value) -> words[index] = value);
        for (int w = 0; w < words.length; w++) {
            String which = "s0%+d".formatted(8 * w - InstructionRow.S0_OFFSET);
            compare(
                    name + which,
                    words[w],
                    ram.getLong(slot + ProgramImage.SCRATCH + 8 * w),
                    wrong);
        }
        judgeOthers(ram, slot, name, expected, wrong);
    }

    private static void judgeOthers(
            ByteBuffer ram, int slot, String name, Assignments expected, List<String> wrong) {
        long traps = ram.getLong(slot + ProgramImage.RESULTS + ProgramImage.TRAP_COUNT);
        compare(name + "traps", expected.others().containsKey("trap") ? 1 : 0, traps, wrong);
        expected.others()
                .forEach((key, value) -> {
                    int at =
                            switch (key) {
                                case "trap" -> slot + ProgramImage.TRAP_LOG;
                                case "tval" -> slot + ProgramImage.TRAP_LOG + 16;
                                case "sscratch" -> slot + ProgramImage.RESULTS + ProgramImage.CSRS;
                                default -> throw new IllegalArgumentException(key);
                            };
                    compare(name + key, value, ram.getLong(at), wrong);
                });
    }

    private static void compare(String name, long expected, long actual, List<String> wrong) {
        if (expected != actual) {
            wrong.add("%s: expected 0x%x, was 0x%x".formatted(name, expected, actual));
        }
    }

    private static List<InstructionRow> rows() {
        List<InstructionRow> rows = new ArrayList<>();
        try (InputStream in =
                Objects.requireNonNull(
                        InstructionTableTest.class.getResourceAsStream("instructions.txt"))) {
            String[] lines = new String(in.readAllBytes(), UTF_8).split("\n");
            for (int i = 0; i < lines.length; i++) {
                if (!lines[i].isBlank() && !lines[i].startsWith("#")) {
                    rows.add(InstructionRow.parse(i + 1, lines[i]));
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return rows;
    }
}
