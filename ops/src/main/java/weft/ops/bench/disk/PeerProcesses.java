package weft.ops.bench.disk;

import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// A peer's processes, each with a log in the benchmark's folder, and all ended together.
///
/// When the benchmark is told to end, one thread closes this while another still starts processes;
/// hence the lock, and nothing is started once it is closed.
final class PeerProcesses implements AutoCloseable {
    private static final int POLL_MILLIS = 20;
    private static final int CONNECT_MILLIS_MAX = 1000;

    /// Of a log that is deleted with the folder, as much as an error tells.
    private static final int LINES_TOLD = 3;

    private final Path folder;
    private final Map<String, String> environment;
    private final SequencedMap<String, Process> running = new LinkedHashMap<>();
    private boolean closed;

    /// Something that becomes true.
    interface Condition {
        boolean holds() throws IOException, InterruptedException;
    }

    /// @param folder for the logs; processes have it as their working directory
    /// @param environment in place of what the caller's has
    PeerProcesses(Path folder, Map<String, String> environment) {
        this.folder = folder;
        this.environment = Map.copyOf(environment);
    }

    /// Starts a server, which runs until all are ended; `NAME.log` has what it says.
    void start(String name, List<String> command) throws IOException {
        // A server may write to its log by itself as well.
        var log = ProcessBuilder.Redirect.appendTo(log(name).toFile());
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log);
        var _ = spawn(name, builder);
    }

    /// Runs a program to its end, and gives what it said; `PROGRAM.log` has what the latest
    /// complained of.
    String run(int secondsMax, List<String> command) throws IOException, InterruptedException {
        String name = command.getFirst();
        Path out = folder.resolve(name + ".out");
        Process program =
                spawn(
                        name,
                        new ProcessBuilder(command)
                                .redirectOutput(out.toFile())
                                .redirectError(log(name).toFile()));
        try {
            if (!program.waitFor(secondsMax, TimeUnit.SECONDS)) {
                throw new IOException("%s did not end within %d s".formatted(name, secondsMax));
            }
        } finally {
            program.destroyForcibly().onExit().join();
            forget(name);
        }
        if (program.exitValue() != 0) {
            throw new IOException("%s failed: %s".formatted(name, endOfLog(name)));
        }
        return Files.readString(out);
    }

    /// Waits until the server that was started last is ready, and all others run.
    void await(int secondsMax, Condition ready) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        while (true) {
            requireAllAlive();
            if (ready.holds()) {
                return;
            }
            if (BootClock.SYSTEM.nowNanos() - startNanos > secondsMax * 1_000_000_000L) {
                String last = lastStarted();
                throw new IOException(
                        "%s is not ready after %d s: %s"
                                .formatted(last, secondsMax, endOfLog(last)));
            }
            Pause.millis(POLL_MILLIS);
        }
    }

    synchronized List<Long> pids() {
        return running.values().stream().map(Process::pid).toList();
    }

    @Override
    public synchronized void close() {
        closed = true;
        for (Process process : running.sequencedValues().reversed()) {
            process.destroyForcibly().onExit().join();
        }
    }

    /// A port of 127.0.0.1 that nobody had just now.
    static int freePort() throws IOException {
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    /// Whether a server listens on that port of 127.0.0.1.
    static boolean answers(int port) {
        try (var socket = new Socket()) {
            socket.connect(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                    CONNECT_MILLIS_MAX);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private synchronized Process spawn(String name, ProcessBuilder builder) throws IOException {
        if (closed) {
            throw new IOException("%s is not started: the benchmark ends".formatted(name));
        }
        assert !running.containsKey(name) : name + " runs already";
        builder.directory(folder.toFile()).environment().putAll(environment);
        Process process = builder.start();
        running.put(name, process);
        return process;
    }

    private synchronized void forget(String name) {
        var _ = running.remove(name);
    }

    private synchronized String lastStarted() {
        return running.lastEntry().getKey();
    }

    private synchronized void requireAllAlive() throws IOException {
        for (var server : running.entrySet()) {
            if (!server.getValue().isAlive()) {
                String name = server.getKey();
                throw new IOException("%s has ended: %s".formatted(name, endOfLog(name)));
            }
        }
    }

    private Path log(String name) {
        return folder.resolve(name + ".log");
    }

    private String endOfLog(String name) throws IOException {
        // Not readString: a log may hold anything.
        String all = new String(Files.readAllBytes(log(name)), StandardCharsets.UTF_8);
        List<String> lines = all.lines().filter(line -> !line.isBlank()).toList();
        String told =
                lines.stream()
                        .skip(Math.max(0, lines.size() - LINES_TOLD))
                        .map(String::strip)
                        .collect(Collectors.joining("; "));
        return "%s.log ends with '%s'".formatted(name, told);
    }
}
