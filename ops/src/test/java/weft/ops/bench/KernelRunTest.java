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
import java.util.regex.Pattern;

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
                        "echo weft-bench x; echo rep 1 50; echo rep 2 70; head -c 1 >/dev/null;"
                                + " echo rep 3 90; echo checksum 0000000000000001",
                        0);
        assertEquals("0000000000000001", run.checksum());
    }

    /// Follows a program that says its own rate.
    private KernelRun followRated(String script) throws IOException, InterruptedException {
        List<String> command = List.of("sh", "-c", script);
        Path log = folder.resolve("log");
        try (var guest = GuestProcess.start(command, Duration.ofSeconds(60), log)) {
            return KernelRun.follow(guest, 1e9, Pattern.compile("^rate ([0-9.]+)"));
        }
    }

    @Test
    void whatAProgramSaysOfItselfHoldsFromMarkToMark() throws IOException, InterruptedException {
        KernelRun run =
                followRated(
                        "echo weft-bench x; echo said rate 0.00; echo rep 1 0; echo said hm;"
                                + " echo said rate 8.5; echo rep 2 0;"
                                + " echo checksum 0000000000000000");
        double middle = run.marks().get(1).seconds();
        assertEquals(0.0, run.marks().get(1).repetitions());
        assertEquals(8.5, run.repetitionsPerSecond(middle, run.seconds()), 1e-6);
    }

    @Test
    void aProgramThatSaysNothingOfItselfOrByAWrongClockHasNoFigure() {
        String end = "echo rep 1 0; echo checksum 0000000000000000";
        assertRefused("did not say", "echo weft-bench x; echo said hm; " + end);
        assertRefused(
                "of the host's",
                "echo weft-bench x; echo clock 0; echo said rate 1; echo clock 99000000000; "
                        + end);
    }

    private void assertRefused(String words, String script) {
        IOException thrown = assertThrows(IOException.class, () -> followRated(script));
        assertTrue(String.valueOf(thrown.getMessage()).contains(words), thrown.getMessage());
    }

    @Test
    void whateverElseAKernelDoesIsAFailureThatSaysWhat() {
        assertFails("printed 'trap 5'", "echo weft-bench x; echo trap 5");
        assertFails("exit code 2: trap 5", "echo trap 5; exit 2");
        assertFails("exit code 3: why", "echo weft-bench x; echo why >&2; exit 3");
        assertFails(
                "wait status 256'; the program said last: no such file",
                "echo weft-bench x; echo said no such file; echo failed: wait status 256");
        assertFails(
                "code 4",
                "echo weft-bench x; echo rep 1 2; echo checksum 0000000000000001; exit 4");
    }

    private void assertFails(String words, String script) {
        IOException thrown = assertThrows(IOException.class, () -> follow(script, 1e9));
        assertTrue(String.valueOf(thrown.getMessage()).contains(words), thrown.getMessage());
    }
}
