package weft.ops.cli;

import weft.fabric.FabricJson;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// `fabric.json` in the state folder: the fabric that `weft up` started on this machine.
///
/// @param zookeeper the connect string, host:port[,host:port…]
/// @param loopback N of its addresses 127.0.N.…
/// @param processes in the order of their start; the first serves ZooKeeper
/// @param started when, RFC 3339
public record FabricFile(String zookeeper, int loopback, List<Started> processes, String started) {
    private static final String NAME = "fabric.json";

    public FabricFile {
        processes = List.copyOf(processes);
    }

    /// A process that was started.
    ///
    /// @param startedMillis as the system tells it, so that a reused pid is not taken for it
    public record Started(String name, long pid, long startedMillis) {
        /// What the system says of a process just started.
        public static Started of(String name, ProcessHandle process) {
            return new Started(name, process.pid(), startMillis(process));
        }

        /// The process, if it is still there.
        public Optional<ProcessHandle> handle() {
            return ProcessHandle.of(pid)
                    .filter(ProcessHandle::isAlive)
                    .filter(process -> startMillis(process) == startedMillis);
        }

        private static long startMillis(ProcessHandle process) {
            return process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
        }
    }

    /// What the folder says, or empty if no fabric was started from it.
    public static Optional<FabricFile> read(Path stateFolder) throws IOException {
        Path file = stateFolder.resolve(NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        return Optional.of(FabricJson.read(Files.readAllBytes(file), FabricFile.class));
    }

    /// Puts the file into place in one step.
    public void write(Path stateFolder) throws IOException {
        Files.createDirectories(stateFolder);
        Path temporary = Files.createTempFile(stateFolder, NAME, ".new");
        Files.write(temporary, FabricJson.write(this));
        Files.move(temporary, stateFolder.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
    }

    /// The fabric was stopped.
    public static void delete(Path stateFolder) throws IOException {
        Files.deleteIfExists(stateFolder.resolve(NAME));
    }

    /// Whether the process that serves ZooKeeper is still there.
    public boolean isAlive() {
        return !processes.isEmpty() && processes.getFirst().handle().isPresent();
    }
}
