package weft.ops.bench.disk;

import weft.ops.bench.Host;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// The plainest mirror of three copies that there is in C: three `qemu-nbd`, each with a file, and
/// one with QEMU's `quorum` driver in front of them. A write is durable in all three when it is
/// answered (`cache=directsync`); no failure is handled, nothing is checksummed.
public final class QemuNbdPeer implements DiskSide, AutoCloseable {
    private static final String PROGRAM = "qemu-nbd";
    private static final String PACKAGE = "qemu-utils";
    private static final int COPIES = 3;
    private static final long START_SECONDS_MAX = 10;

    private final List<Process> processes = new ArrayList<>();
    private final int port;

    /// Starts it.
    ///
    /// @param folder for its files, on the disk that is measured
    public QemuNbdPeer(Path folder, long sizeBytes) throws IOException {
        Host.require(PROGRAM, PACKAGE);
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        try {
            var quorum = new StringBuilder("driver=quorum,vote-threshold=2");
            for (int i = 0; i < COPIES; i++) {
                Path file = folder.resolve("copy" + i);
                try (var made = new RandomAccessFile(file.toFile(), "rw")) {
                    made.setLength(sizeBytes);
                }
                Path socket = folder.resolve("copy" + i + ".sock");
                start(
                        folder,
                        List.of(
                                "--persistent",
                                "--cache=directsync",
                                "--aio=native",
                                "--format=raw",
                                "--socket=" + socket,
                                file.toString()));
                await(() -> Files.exists(socket));
                quorum.append(
                        ",children.%d.driver=nbd,children.%d.server.type=unix,children.%d.server.path=%s"
                                .formatted(i, i, i, socket));
            }
            start(
                    folder,
                    List.of(
                            "--persistent",
                            "--bind=127.0.0.1",
                            "--port=" + port,
                            "--image-opts",
                            quorum.toString()));
            await(this::listens);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    private void start(Path folder, List<String> arguments) throws IOException {
        var command = new ArrayList<String>(List.of(PROGRAM));
        command.addAll(arguments);
        processes.add(
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(
                                ProcessBuilder.Redirect.appendTo(
                                        folder.resolve("qemu-nbd.log").toFile()))
                        .start());
    }

    /// Something that becomes true.
    private interface Condition {
        boolean holds() throws IOException;
    }

    private void await(Condition condition) throws IOException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        while (!condition.holds()) {
            boolean late =
                    BootClock.SYSTEM.nowNanos() - startNanos > START_SECONDS_MAX * 1_000_000_000L;
            if (late || !processes.getLast().isAlive()) {
                throw new IOException("qemu-nbd does not start: see qemu-nbd.log");
            }
            Pause.millis(20);
        }
    }

    private boolean listens() {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public String name() {
        return PROGRAM;
    }

    @Override
    public List<Long> servers() {
        return processes.stream().map(Process::pid).toList();
    }

    @Override
    public String uri() {
        return "nbd://127.0.0.1:%d/".formatted(port);
    }

    @Override
    public Duration drained() {
        return Duration.ZERO;
    }

    @Override
    public void close() {
        for (Process process : processes.reversed()) {
            process.destroyForcibly().onExit().join();
        }
    }
}
