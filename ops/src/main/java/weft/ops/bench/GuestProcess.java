package weft.ops.bench;

import weft.runtime.BootClock;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// An emulator in a process of its own, whose console is our pipe. Lines are stamped by the host's
/// clock when they arrive.
final class GuestProcess implements AutoCloseable {
    /// Longer lines are cut: a guest gone wild must not fill our memory.
    private static final int LINE_BYTES_MAX = 4096;

    private final Process process;
    private final Path log;
    private final Thread killer;
    private final InputStream console;
    private final long startNanos;
    private String lastLine = "no message";
    private final CountDownLatch over = new CountDownLatch(1);

    /// A line of the console.
    ///
    /// @param nanos when its end was read
    record Line(String text, long nanos) {}

    /// @param limit after which the process is ended
    /// @param log where its standard error goes
    static GuestProcess start(List<String> command, Duration limit, Path log) throws IOException {
        return new GuestProcess(command, limit, log);
    }

    private GuestProcess(List<String> command, Duration limit, Path log) throws IOException {
        this.log = log;
        startNanos = BootClock.SYSTEM.nowNanos();
        process = new ProcessBuilder(command).redirectError(log.toFile()).start();
        // Also when we are ended ourselves: nobody would tell the guest to stop.
        killer = Thread.ofPlatform().unstarted(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(killer);
        console = new BufferedInputStream(process.getInputStream());
        Thread.ofVirtual().start(() -> endAfter(limit));
    }

    private void endAfter(Duration limit) {
        try {
            if (!over.await(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// When the process was started.
    long startNanos() {
        return startNanos;
    }

    /// The next line without its end. An unfinished line at the end of the output is one.
    ///
    /// @throws IOException if the process has ended, with what it said
    Line awaitLine() throws IOException, InterruptedException {
        var bytes = new ByteArrayOutputStream();
        for (int octet = console.read(); octet >= 0; octet = console.read()) {
            if (octet == '\n') {
                return line(bytes);
            }
            if (octet != '\r' && bytes.size() < LINE_BYTES_MAX) {
                bytes.write(octet);
            }
        }
        if (bytes.size() > 0) {
            return line(bytes);
        }
        throw ended();
    }

    private Line line(ByteArrayOutputStream bytes) {
        long now = BootClock.SYSTEM.nowNanos();
        lastLine = bytes.toString(StandardCharsets.ISO_8859_1);
        return new Line(lastLine, now);
    }

    private IOException ended() throws IOException, InterruptedException {
        int exitCode = process.waitFor();
        String said = Files.readString(log).lines().findFirst().orElse(lastLine);
        return new IOException(
                "%s ended early, exit code %d: %s"
                        .formatted(
                                process.info().command().orElse("the emulator"), exitCode, said));
    }

    /// Types ASCII characters.
    void type(String text) throws IOException {
        OutputStream keyboard = process.getOutputStream();
        keyboard.write(text.getBytes(StandardCharsets.US_ASCII));
        keyboard.flush();
    }

    /// Waits for the end.
    ///
    /// @return the exit code
    int awaitEnd() throws InterruptedException {
        return process.waitFor();
    }

    /// Ends the process and waits until it is gone, so that its CPU time counts as ours.
    @Override
    public void close() {
        over.countDown();
        process.destroyForcibly().onExit().join();
        Runtime.getRuntime().removeShutdownHook(killer);
    }
}
