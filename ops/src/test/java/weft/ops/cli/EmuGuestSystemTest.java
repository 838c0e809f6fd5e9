package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.vmhost.machine.EngineKind;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// `weft emu run` as a process of its own: what becomes of a guest whose disk's file is cut, and
/// what `--deterministic` promises.
@Timeout(120)
final class EmuGuestSystemTest {
    private static final long RAM = 0x8000_0000L;
    private static final int CODE = 0x100;
    private static final int DISK_BYTES = 1 << 20;
    private static final int IO_ERROR = 1;

    /// Reads the disk's last sector again and again, with a dot for each success; ends with 40 and
    /// the status of the first request that fails. `riscv64-linux-gnu-as` made it of: virtio 1.2 at
    /// 0x10001000 as in 3.1.1, one queue of 8 at 0x80200000, then `again: offer the chain (16 bytes
    /// to read, 512 and 1 to write); wait for the used index; beqz status, again`.
    private static final String DISK_READER =
            """
                    f14022f3 10001537 4010059b 01559593 06052823 00300293
                    06552823 00100293 02552223 02552023 00b00293 06552823
                    02052823 00800293 02552c23 08b52023 08052223 10058313
                    08652823 08052a23 20058313 0a652023 0a052223 00100293
                    04552223 00f00293 06552823 40058293 7ff00313 0062b423
                    0055b023 0010031b 02031313 01030313 0065b423 00100313
                    00659723 50058293 0055b823 0030031b 02031313 20030313
                    0065bc23 00200313 00659f23 7f058293 0255b023 0010031b
                    02131313 00130313 0265b423 10000637 001006b7 0ff00293
                    7e558823 1025d283 00128293 10559123 0ff0000f 04052823
                    2025d303 1025d283 fe629ce3 0ff0000f 7f05c283 00029863
                    02e00313 00660023 fc5ff06f 02828293 01029293 00003337
                    3333031b 0062e2b3 0056a023 0000006f
            """;

    /// lui t0, 0x10000; li t1, 'x'; sb t1, (t0); addi t2, t2, 1; j to the store.
    private static final String PRINTER = "100002b7 07800313 00628023 00138393 ff9ff06f";

    @TempDir private Path folder = Path.of("set by JUnit");

    /// Those that this host has.
    private static List<EngineKind> engines() {
        boolean hasNative = EngineKind.best() == EngineKind.NATIVE;
        return Arrays.stream(EngineKind.values())
                .filter(engine -> engine != EngineKind.NATIVE || hasNative)
                .toList();
    }

    /// A bare-metal program of these instructions.
    private Path program(String name, String words) throws IOException {
        String[] code = words.strip().split("\\s+");
        var elf = ByteBuffer.allocate(CODE + 4 * code.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c_457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
        elf.putShort(16, (short) 2).putShort(18, (short) 243).putLong(24, RAM).putLong(32, 64);
        elf.putShort(54, (short) 56).putShort(56, (short) 1);
        elf.putInt(64, 1).putLong(72, CODE).putLong(80, RAM).putLong(88, RAM);
        elf.putLong(96, 4L * code.length).putLong(104, 4L * code.length);
        elf.position(CODE);
        for (String word : code) {
            elf.putInt(Integer.parseUnsignedInt(word, 16));
        }
        return Files.write(folder.resolve(name), elf.array());
    }

    private Process start(List<String> arguments) throws IOException {
        var all = new ArrayList<>(List.of("emu", "run"));
        all.addAll(arguments);
        return new ProcessBuilder(
                        JavaProcess.command(
                                folder.resolve("weft.log"),
                                List.of("-XX:TieredStopAtLevel=1"),
                                all))
                .redirectError(folder.resolve("err").toFile())
                .start();
    }

    private String err() throws IOException {
        return Files.readString(folder.resolve("err"), StandardCharsets.UTF_8);
    }

    @Test
    void aDiskFileThatIsCutIsAnIoErrorForTheGuestAndALineForThePerson()
            throws IOException, InterruptedException {
        Path disk = Files.write(folder.resolve("disk.img"), new byte[DISK_BYTES]);
        for (EngineKind engine : engines()) {
            try (var file = new RandomAccessFile(disk.toFile(), "rw")) {
                file.setLength(DISK_BYTES);
                Process guest =
                        start(
                                List.of(
                                        program("reader.elf", DISK_READER).toString(),
                                        "--disk",
                                        disk.toString(),
                                        "--engine",
                                        engine.lowerCase()));
                assertEquals('.', guest.getInputStream().read(), () -> said());
                file.setLength(4096);
                guest.getInputStream().transferTo(OutputStream.nullOutputStream());
                assertEquals(40 + IO_ERROR, guest.waitFor(), () -> said());
                assertEquals(
                        "weft: disk '%s' has been cut while in use: 4096 bytes of 1048576 are left"
                                .formatted(disk),
                        err().strip());
            }
        }
    }

    private String said() {
        try {
            return err();
        } catch (IOException e) {
            return e.toString();
        }
    }

    /// What stderr says of a run that stops after so many instructions.
    private String stateAfter(long instructions, EngineKind engine, Path program)
            throws IOException, InterruptedException {
        Process guest =
                start(
                        List.of(
                                program.toString(),
                                "--deterministic",
                                "--instructions",
                                Long.toString(instructions),
                                "--engine",
                                engine.lowerCase()));
        guest.getInputStream().transferTo(OutputStream.nullOutputStream());
        assertEquals(0, guest.waitFor(), () -> said());
        String said = err().strip();
        String expected = "weft: state after " + instructions + " instructions: [0-9a-f]{64}";
        assertTrue(said.matches(expected), said);
        return said;
    }

    @Test
    void theStateAfterSoManyInstructionsIsTheSameWithEveryEngine()
            throws IOException, InterruptedException {
        Path program = program("printer.elf", PRINTER);
        Set<String> states = new HashSet<>();
        for (EngineKind engine : engines()) {
            states.add(stateAfter(12_345, engine, program));
        }
        states.add(stateAfter(12_345, EngineKind.best(), program));
        assertEquals(1, states.size(), states.toString());
        String next = stateAfter(12_346, EngineKind.INTERPRETER, program);
        assertNotEquals(states.iterator().next().substring(40), next.substring(40));
    }
}
