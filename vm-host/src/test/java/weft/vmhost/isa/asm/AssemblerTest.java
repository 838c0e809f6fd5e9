package weft.vmhost.isa.asm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.vmhost.isa.asm.InstructionTable.Encoding;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/// The assembler that every test of the instruction set rests on.
class AssemblerTest {
    @Test
    void wordsAreThoseOfTheManual() {
        assertEquals(0x00c58533, Assembler.encode("add a0, a1, a2"));
        assertEquals(0xff813083, Assembler.encode("ld ra, -8(sp)"));
        assertEquals(0x00113423, Assembler.encode("sd ra, 8(sp)"));
        assertEquals(0xfe000ee3, Assembler.encode("beq zero, zero, .-4"));
        assertEquals(0x1141, Assembler.encode("c.addi sp, -16"));
        assertEquals(0x00000073, Assembler.encode("ecall"));
    }

    @Test
    void labelsReachBackAndForth() {
        Assembler assembler =
                new Assembler(0x8000_0000L)
                        .add(
                                """
                                start:
                                    j end
                                    c.nop
                                end:
                                    j start
                                """);
        assertArrayEquals(
                new byte[] {0x6f, 0, 0x60, 0, 1, 0, 0x6f, (byte) 0xf0, (byte) 0xbf, (byte) 0xff},
                assembler.assemble());
        assertEquals(0x8000_0006L, assembler.address("end"));
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        for (String bad :
                new String[] {
                    "addi a0, a0, 2048",
                    "beq a0, a1, .+3",
                    "c.lw t0, 0(a0)",
                    "add a0, a1",
                    "add a0, a1, a2, a3",
                    "frobnicate a0",
                    "add a0, a1, x32"
                }) {
            assertThrows(IllegalArgumentException.class, () -> Assembler.encode(bad), bad);
        }
    }

    /// Every instruction with random operands, against GNU as.
    @Test
    void everyInstructionIsWhatGnuAsMakesOfIt(@TempDir Path folder) throws Exception {
        assumeTrue(isOnPath("riscv64-linux-gnu-as"), "needs riscv64-linux-gnu-as");
        assumeTrue(isOnPath("riscv64-linux-gnu-objcopy"), "needs riscv64-linux-gnu-objcopy");
        SplittableRandom random = new SplittableRandom(Long.getLong("weft.seed", 1));
        List<String> lines = new ArrayList<>();
        for (Encoding encoding : InstructionTable.all()) {
            for (int i = 0; i < 20; i++) {
                lines.add(RandomOperands.line(encoding, random));
            }
        }
        lines.add("li a0, 0x123456789abcdef0");
        Path source = folder.resolve("all.s");
        Files.writeString(
                source,
                ".option norelax\n.option norvc\n"
                        + String.join("\n", lines.stream().map(AssemblerTest::forGnu).toList())
                        + "\n");
        run(
                folder,
                "riscv64-linux-gnu-as",
                "-march=rv64gc_zba_zbb_zbc_zbs_zicbom_zicboz_svinval",
                "-o",
                "all.o",
                source.toString());
        run(folder, "riscv64-linux-gnu-objcopy", "-O", "binary", "all.o", "all.bin");
        byte[] theirs = Files.readAllBytes(folder.resolve("all.bin"));
        int at = 0;
        for (String line : lines.subList(0, lines.size() - 1)) {
            byte[] ours = new Assembler(0).add(line).assemble();
            byte[] slice = Arrays.copyOfRange(theirs, at, at + ours.length);
            assertArrayEquals(slice, ours, line);
            at += ours.length;
        }
    }

    /// Compressed instructions are asked for by name, so GNU as must be allowed them there only.
    /// Binutils 2.40 has no Zicond: its format is spelled out.
    private static String forGnu(String line) {
        if (line.startsWith("czero.")) {
            return line.replace("czero.eqz", ".insn r OP, 5, 7,")
                    .replace("czero.nez", ".insn r OP, 7, 7,");
        }
        return line.startsWith("c.") ? ".option rvc\n" + line + "\n.option norvc" : line;
    }

    private static boolean isOnPath(String tool) {
        return Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, tool)));
    }

    private static void run(Path folder, String... command) throws Exception {
        Process process =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertEquals(true, process.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), output);
    }
}
