package weft.ops.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

final class KernelRunTest {
    @TempDir private Path folder = Path.of("set by JUnit");

    private static KernelRun run(KernelRun.Mark... marks) {
        return new KernelRun(List.of(marks), "0");
    }

    private static final KernelRun UNEVEN =
            run(
                    new KernelRun.Mark(0, 0, 0),
                    new KernelRun.Mark(2, 1, 100_000_000),
                    new KernelRun.Mark(3, 2, 200_000_000),
                    new KernelRun.Mark(3.5, 3, 300_000_000));

    @Test
    void aPartOfARepetitionCountsByItsTime() {
        assertEquals(0.5, UNEVEN.repetitionsPerSecond(0, 1));
        assertEquals(1.5, UNEVEN.repetitionsPerSecond(2.5, 3.5));
        assertEquals(1.5 / 2, UNEVEN.repetitionsPerSecond(1, 3));
        assertEquals(3.5, UNEVEN.seconds());
    }

    @Test
    void instructionsAreCountedFromMarkToMark() {
        assertEquals(100, UNEVEN.mips(1.5, 2.5));
        assertEquals(200 / 1.5, UNEVEN.mips(2, 3.4), 1e-9);
    }

    /// Follows a process that prints lines as a kernel would, and reads until a line comes.
    private KernelRun follow(String script, double seconds)
            throws IOException, InterruptedException {
        List<String> command = List.of("sh", "-c", script);
        Path log = folder.resolve("log");
        try (var guest = GuestProcess.start(command, Duration.ofSeconds(60), log)) {
            return KernelRun.follow(guest, seconds);
        }
    }

    @Test
    void aKernelIsFollowedToItsChecksum() throws IOException, InterruptedException {
        KernelRun run =
                follow(
                        "echo booting; echo weft-bench x; printf 'rep 1 50\\r\\n'; echo rep 2 90;"
                                + " echo checksum 00000000000000ff",
                        1e9);
        assertEquals("00000000000000ff", run.checksum());
        assertTrue(run.seconds() > 0);
    }

    @Test
    void aKernelIsToldToStopOnceItsTimeIsOver() throws IOException, InterruptedException {
        KernelRun run =
                follow(
                        "echo weft-bench x; echo rep 1 50; head -c 1 >/dev/null;"
                                + " echo rep 2 90; echo checksum 0000000000000001",
                        0);
        assertEquals("0000000000000001", run.checksum());
    }

    @Test
    void whateverElseAKernelDoesIsAFailureThatSaysWhat() {
        assertFails("printed 'trap 5'", "echo weft-bench x; echo trap 5");
        assertFails("exit code 2: trap 5", "echo trap 5; exit 2");
        assertFails("exit code 3: why", "echo weft-bench x; echo why >&2; exit 3");
        assertFails(
                "code 4",
                "echo weft-bench x; echo rep 1 2; echo checksum 0000000000000001; exit 4");
    }

    private void assertFails(String words, String script) {
        IOException thrown = assertThrows(IOException.class, () -> follow(script, 1e9));
        assertTrue(String.valueOf(thrown.getMessage()).contains(words), thrown.getMessage());
    }
}
