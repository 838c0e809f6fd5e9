package weft.ops.bench.disk;

import weft.ops.bench.Host;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// The plainest mirror of three copies that there is in C: three `qemu-nbd`, each with a file, and
/// one with QEMU's `quorum` driver in front of them. A write is durable in all three when it is
/// answered (`cache=directsync`); no failure is handled, nothing is checksummed.
public final class QemuNbdPeer implements DiskPeer {
    private static final String PROGRAM = "qemu-nbd";
    private static final String PACKAGE = "qemu-utils";
    private static final int COPIES = 3;
    private static final int START_SECONDS_MAX = 10;

    private final Path folder;
    private final PeerProcesses processes;
    private final int port;

    /// @param folder for its files, on the disk that is measured
    public QemuNbdPeer(Path folder) throws IOException {
        Host.require(PROGRAM, PACKAGE);
        this.folder = folder.toAbsolutePath();
        processes = new PeerProcesses(this.folder, Map.of());
        port = PeerProcesses.freePort();
    }

    @Override
    public void start(long sizeBytes) throws IOException, InterruptedException {
        var quorum = new StringBuilder("driver=quorum,vote-threshold=2");
        for (int i = 0; i < COPIES; i++) {
            Path socket = startCopy("copy" + i, sizeBytes);
            quorum.append(
                    ",children.%d.driver=nbd,children.%d.server.type=unix,children.%d.server.path=%s"
                            .formatted(i, i, i, socket));
        }
        processes.start(
                PROGRAM,
                List.of(
                        PROGRAM,
                        "--persistent",
                        "--bind=127.0.0.1",
                        "--port=" + port,
                        "--image-opts",
                        quorum.toString()));
        processes.await(START_SECONDS_MAX, () -> PeerProcesses.answers(port));
    }

    /// The socket on which it is served.
    private Path startCopy(String name, long sizeBytes) throws IOException, InterruptedException {
        Path file = folder.resolve(name);
        try (var made = new RandomAccessFile(file.toFile(), "rw")) {
            made.setLength(sizeBytes);
        }
        Path socket = folder.resolve(name + ".sock");
        processes.start(
                name,
                List.of(
                        PROGRAM,
                        "--persistent",
                        "--cache=directsync",
                        "--aio=native",
                        "--format=raw",
                        "--socket=" + socket,
                        file.toString()));
        processes.await(START_SECONDS_MAX, () -> Files.exists(socket));
        return socket;
    }

    @Override
    public String name() {
        return PROGRAM;
    }

    @Override
    public List<Long> servers() {
        return processes.pids();
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
        processes.close();
    }
}
