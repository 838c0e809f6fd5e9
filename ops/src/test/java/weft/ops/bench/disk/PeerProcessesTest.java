package weft.ops.bench.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

final class PeerProcessesTest {
    private static final int SECONDS_MAX = 30;
    private static final List<String> LASTING = List.of("sleep", "600");

    @TempDir private Path folder = Path.of("set by JUnit");
    private PeerProcesses processes = new PeerProcesses(folder, Map.of());

    @BeforeEach
    void begin() {
        processes = new PeerProcesses(folder, Map.of("WEFT_TEST", "ours"));
    }

    @AfterEach
    void end() {
        processes.close();
    }

    private static boolean isAlive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private static void assertFails(String words, Executable run) {
        String said = String.valueOf(assertThrows(IOException.class, run).getMessage());
        assertTrue(said.contains(words), said);
    }

    @Test
    void aProgramGivesWhatItSays() throws IOException, InterruptedException {
        var command = List.of("sh", "-c", "echo so; echo dear >&2; echo $WEFT_TEST; pwd -P");
        assertEquals(
                "so\nours\n" + folder.toRealPath() + "\n", processes.run(SECONDS_MAX, command));
        assertEquals(List.of(), processes.pids());
    }

    @Test
    void aProgramThatFailsIsToldWithItsLastWords() throws IOException, InterruptedException {
        var command = List.of("sh", "-c", "printf '1\\n2\\n3\\n\\n4\\n' >&2; exit 1");
        assertFails(
                "sh failed: sh.log ends with '2; 3; 4'", () -> processes.run(SECONDS_MAX, command));
    }

    @Test
    void aProgramThatDoesNotEndIsEnded() {
        assertFails("sleep did not end within 0 s", () -> processes.run(0, LASTING));
        assertEquals(List.of(), processes.pids());
    }

    @Test
    void aServerThatEndsIsNotWaitedFor() throws IOException {
        processes.start("first", List.of("sh", "-c", "echo no disk; exit 1"));
        processes.start("second", LASTING);
        assertFails(
                "first has ended: first.log ends with 'no disk'",
                () -> processes.await(SECONDS_MAX, () -> false));
    }

    @Test
    void aServerThatIsNeverReadyIsWaitedForSoLong() throws IOException {
        processes.start("first", LASTING);
        processes.start("second", LASTING);
        assertFails("second is not ready after 0 s", () -> processes.await(0, () -> false));
    }

    @Test
    void nothingRunsOrStartsOnceAllIsClosed() throws IOException {
        processes.start("first", LASTING);
        processes.start("second", LASTING);
        List<Long> pids = processes.pids();
        assertTrue(pids.stream().allMatch(PeerProcessesTest::isAlive));
        assertFails(
                "first has ended",
                () ->
                        processes.await(
                                SECONDS_MAX,
                                () -> {
                                    processes.close();
                                    return false;
                                }));
        assertFalse(pids.stream().anyMatch(PeerProcessesTest::isAlive));
        assertFails("the benchmark ends", () -> processes.start("third", LASTING));
        assertFails("the benchmark ends", () -> processes.run(SECONDS_MAX, LASTING));
    }

    @Test
    void aPortAnswersWhileSomebodyListens() throws IOException {
        int port;
        try (var listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = listening.getLocalPort();
            assertTrue(PeerProcesses.answers(port));
        }
        assertFalse(PeerProcesses.answers(port));
    }
}
