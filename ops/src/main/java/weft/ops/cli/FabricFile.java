package weft.ops.cli;

import weft.fabric.FabricJson;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/// `fabric.json` in the state folder: where the fabric that `weft up` started can be reached.
///
/// @param zookeeper the connect string, host:port[,host:port…]
/// @param pid the process that serves it, or 0 if there are several
/// @param started when, RFC 3339
public record FabricFile(String zookeeper, String clusterId, long pid, String started) {
    private static final String NAME = "fabric.json";

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

    /// Whether the process that serves the fabric is still there.
    public boolean isAlive() {
        return pid == 0 || ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }
}
