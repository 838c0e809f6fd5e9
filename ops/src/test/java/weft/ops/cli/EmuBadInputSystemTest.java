package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/// What a person may get wrong with `weft emu run`, and what may happen to its terminal: one line
/// on stderr, the exit code that the table promises, never a guest that runs on for nobody.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(60)
final class EmuBadInputSystemTest {
    private static final long RAM = 0x8000_0000L;
    private static final int LOAD = 64;
    private static final int CODE = 0x100;

    /// Offsets of ELF fields: machine, entry, program table; then of a load, from its header on.
    private static final int MACHINE = 18;

    private static final int ENTRY = 24;
    private static final int TABLE = 32;
    private static final int COUNT = 56;
    private static final int OFFSET = 8;
    private static final int ADDRESS = 24;
    private static final int IN_FILE = 32;
    private static final int IN_MEMORY = 40;

    /// What is typed, the exit code, words of the error.
    private static final String MISTAKES =
            """
            x86.elf                 | 3 | ELF of another machine: x86-64
            arm.elf                 | 3 | ELF of another machine: AArch64
            rv32.elf                | 3 | 32-bit RISC-V
            --kernel x86.elf        | 3 | ELF of another machine: x86-64
            --kernel rv32.elf       | 3 | 32-bit RISC-V
            --kernel good.elf       | 3 | as bare-metal programs do: give it without --kernel
            --kernel cut.elf        | 3 | kernel: program is truncated
            --kernel low.elf        | 3 | kernel: program loads at 0x1000, where no RAM is
            --kernel entry-outside.elf | 3 | entry 0x1234 lies outside
            --kernel nothing.elf    | 3 | nothing to load
            --kernel large-kernel.elf | 3 | give at least 1031 MiB
            --kernel large.bin --memory 16M --initrd large.xz | 3 | give at least
            --kernel empty          | 3 | is empty
            --kernel gzip           | 3 | gzip-compressed
            --kernel arm.Image      | 3 | AArch64, not RISC-V
            --kernel bzImage        | 3 | x86, not RISC-V
            --bios x86.elf          | 3 | firmware: program is an ELF of another machine
            --bios arm.Image        | 3 | AArch64, not RISC-V
            --bios good.elf --kernel x86.elf | 3 | next stage: program is an ELF of another machine
            cut.elf                 | 3 | truncated
            table-outside.elf       | 3 | truncated: program headers
            load-outside.elf        | 3 | truncated: a load
            huge.elf                | 3 | absurd
            many.elf                | 3 | absurd
            low.elf                 | 3 | where no RAM is
            overlap.elf             | 3 | overlapping loads
            entry-outside.elf       | 3 | entry 0x1234 lies outside
            large.elf               | 3 | give at least 1029 MiB
            --kernel large.Image    | 3 | give at least
            --kernel absurd.Image   | 3 | absurd
            --kernel odd.Image      | 3 | absurd
            --kernel cut.Image      | 3 | truncated
            --kernel Image --initrd large.xz --memory 32M | 3 | give at least
            --bios large.bin --kernel Image | 3 | the next stage begins at
            --bios good.elf --kernel good.elf | 3 | the next stage begins at
            --kernel Image --smp 0  | 2 | --smp 0: a machine has 1 to 16 harts
            --kernel Image --smp 1000 | 2 | --smp 1000: a machine has 1 to 16 harts
            --kernel Image --smp=-1 | 2 | --smp -1
            --kernel Image --memory 0 | 2 | is zero
            --kernel Image --memory 1M | 2 | at least 16 MiB
            --kernel Image --memory 16M | 3 | give at least
            --kernel Image --memory 1024T | 3 | more than this host has
            --kernel Image --balloon 256M | 2 | all of the guest's memory
            good.elf --instructions 5 | 2 | --instructions is for --deterministic
            good.elf --deterministic --instructions 0 | 2 | at least 1
            good.elf --deterministic --instructions=-3 | 2 | at least 1
            good.elf --deterministic --instructions x | 2 | 'x' is not
            good.elf --deterministic --smp 2 | 2 | --deterministic goes with one hart
            good.elf --deterministic --balloon 1M | 2 | without --balloon
            good.elf --deterministic --net tap:weft0 | 2 | without --balloon and --net
            good.elf --engine qemu  | 2 | expected one of [INTERPRETER, TRANSLATOR, NATIVE]
            --kernel Image --disk nosuch | 3 | is not a file
            --kernel Image --disk empty | 3 | smaller than a sector
            """;

    @TempDir private static Path folder = Path.of("set by JUnit");

    @BeforeAll
    static void files() throws IOException {
        put("good.elf", elf(_ -> {}));
        put("x86.elf", elf(elf -> elf.putShort(MACHINE, (short) 62)));
        put("arm.elf", elf(elf -> elf.putShort(MACHINE, (short) 183)));
        put("rv32.elf", Arrays.copyOf(elf(elf -> elf.put(4, (byte) 1)), 52));
        put("cut.elf", Arrays.copyOf(elf(_ -> {}), 100));
        put("table-outside.elf", elf(elf -> elf.putLong(TABLE, 1L << 40)));
        put("load-outside.elf", elf(elf -> elf.putLong(LOAD + OFFSET, 1 << 20)));
        put("huge.elf", elf(elf -> elf.putLong(LOAD + IN_MEMORY, 1L << 62)));
        put("many.elf", elf(elf -> elf.putShort(COUNT, (short) -1)));
        put("low.elf", elf(elf -> elf.putLong(LOAD + ADDRESS, 0x1000)));
        put("entry-outside.elf", elf(elf -> elf.putLong(ENTRY, 0x1234)));
        put("large.elf", elf(elf -> elf.putLong(LOAD + IN_MEMORY, 1 << 30)));
        put(
                "overlap.elf",
                elf(elf -> elf.putShort(COUNT, (short) 2).put(LOAD + 56, elf, LOAD, 56)));
        put("Image", image(8192, 8192, _ -> {}));
        put("arm.Image", image(8192, 8192, image -> image.putInt(56, 0x644d_5241)));
        put("bzImage", image(8192, 0, image -> image.putInt(56, 0).putInt(0x202, 0x5372_6448)));
        put("large.Image", image(8192 << 10, 15 << 20, image -> image.putLong(8, 250 << 20)));
        put("absurd.Image", image(8192, Long.MAX_VALUE, _ -> {}));
        put("odd.Image", image(8192, 8192, image -> image.putLong(8, 1)));
        put("cut.Image", image(8192, 32 << 20, _ -> {}));
        put("large.xz", ByteBuffer.allocate(10 << 20).putLong(0, 0xfd37_7a58_5a00_0000L).array());
        put("large.bin", new byte[3 << 20]);
        put("nothing.elf", elf(elf -> elf.putShort(COUNT, (short) 0)));
        put(
                "large-kernel.elf",
                elf(elf ->
                        elf.putLong(LOAD + ADDRESS, RAM + (2 << 20))
                                .putLong(LOAD + IN_MEMORY, 1 << 30)));
        put("gzip", new byte[] {0x1f, (byte) 0x8b, 8, 0});
        put("empty", new byte[0]);
    }

    private static void put(String name, byte[] content) throws IOException {
        Files.write(folder.resolve(name), content);
    }

    /// A program that prints for ever: lui t0, 0x10000; li t1, 'x'; sb t1, (t0); j to the store.
    private static byte[] elf(Consumer<ByteBuffer> change) {
        var elf = ByteBuffer.allocate(CODE + 16).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c_457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
        elf.putShort(16, (short) 2).putShort(MACHINE, (short) 243).putLong(ENTRY, RAM);
        elf.putLong(TABLE, LOAD).putShort(54, (short) 56).putShort(COUNT, (short) 1);
        elf.putInt(LOAD, 1).putLong(LOAD + OFFSET, CODE).putLong(LOAD + 16, RAM);
        elf.putLong(LOAD + ADDRESS, RAM).putLong(LOAD + IN_FILE, 16).putLong(LOAD + IN_MEMORY, 16);
        elf.position(CODE);
        elf.putInt(0x1000_02b7).putInt(0x0780_0313).putInt(0x0062_8023).putInt(0xffdf_f06f);
        change.accept(elf);
        return elf.array();
    }

    /// A kernel's header and nothing else.
    private static byte[] image(int fileBytes, long imageBytes, Consumer<ByteBuffer> change) {
        var image = ByteBuffer.allocate(fileBytes).order(ByteOrder.LITTLE_ENDIAN);
        image.putLong(8, 0x20_0000).putLong(16, imageBytes).putInt(56, 0x0543_5352);
        change.accept(image);
        return image.array();
    }

    private record Ended(int exitCode, String err) {}

    private static Ended type(List<String> arguments) {
        var err = new StringWriter();
        var root = Weft.commandLine();
        root.setErr(new PrintWriter(err));
        return new Ended(root.execute(arguments.toArray(String[]::new)), err.toString());
    }

    /// The words of a line, files among them by their path.
    private static List<String> words(String line) {
        return Arrays.stream(("emu run " + line).split(" "))
                .map(word -> Files.exists(folder.resolve(word)) ? folder.resolve(word) + "" : word)
                .toList();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = MISTAKES)
    void isRefusedInOneLineBeforeAnythingRuns(String line, int exitCode, String words) {
        Ended ended = type(words(line));
        assertEquals(exitCode, ended.exitCode(), ended.err());
        assertTrue(ended.err().startsWith("weft: "), ended.err());
        assertTrue(ended.err().contains(words), ended.err());
        assertEquals(1, ended.err().lines().count(), ended.err());
    }

    @Test
    void aCommandLineThatTheDeviceTreeCannotHoldIsRefused() {
        Ended ended =
                type(
                        List.of(
                                "emu",
                                "run",
                                "--kernel",
                                folder.resolve("Image").toString(),
                                "--append",
                                "x".repeat(3 << 20)));
        assertEquals(ExitCode.REFUSED.value(), ended.exitCode(), ended.err());
        assertTrue(ended.err().contains("shorten the kernel's command line"), ended.err());
        assertEquals(1, ended.err().lines().count());
    }

    /// A guest that prints for ever, in a process of its own.
    ///
    /// @param shell what a shell does with the command `"$@"`
    private static Process guest(String shell, Path err) throws IOException {
        var command = new java.util.ArrayList<>(List.of("sh", "-c", shell, "sh"));
        command.addAll(
                JavaProcess.command(
                        folder.resolve("weft.log"),
                        List.of("-XX:TieredStopAtLevel=1"),
                        List.of("emu", "run", folder.resolve("good.elf").toString())));
        return new ProcessBuilder(command).redirectError(err.toFile()).start();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    exec "$@" >/dev/full  | No space left on device
                    exec "$@" 1</dev/null | Bad file descriptor
                    """)
    void aGuestWhoseOutputCannotBeWrittenIsEndedAndThatIsAFailure(String shell, String why)
            throws IOException, InterruptedException {
        Path err = folder.resolve("err");
        Process guest = guest(shell, err);
        guest.getOutputStream().close();
        assertEquals(ExitCode.FAILED.value(), guest.waitFor());
        String said = Files.readString(err, StandardCharsets.UTF_8);
        assertEquals(
                "weft: standard output cannot be written (%s): the guest was ended%n"
                        .formatted(why),
                said);
    }

    @Test
    void aGuestWhoseReaderGoesAwayIsEnded() throws IOException, InterruptedException {
        Path err = folder.resolve("err");
        Process guest = guest("exec \"$@\"", err);
        assertEquals('x', guest.getInputStream().read());
        guest.getInputStream().close();
        assertEquals(ExitCode.FAILED.value(), guest.waitFor());
        String said = Files.readString(err, StandardCharsets.UTF_8);
        assertTrue(said.contains("(Broken pipe)"), said);
        assertEquals(1, said.lines().count(), said);
    }

    @Test
    void aGuestWithoutKeyboardRunsUntilItsTerminalHangsUp()
            throws IOException, InterruptedException {
        Path err = folder.resolve("err");
        Process guest = guest("exec \"$@\"", err);
        guest.getOutputStream().close();
        assertEquals('x', guest.getInputStream().read());
        Process hangUp = new ProcessBuilder("kill", "-HUP", Long.toString(guest.pid())).start();
        assertEquals(0, hangUp.waitFor());
        guest.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
        assertEquals(128 + 1, guest.waitFor());
        assertEquals("", Files.readString(err, StandardCharsets.UTF_8));
    }
}
