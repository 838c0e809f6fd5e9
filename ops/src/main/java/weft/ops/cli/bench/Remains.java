package weft.ops.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.stream.Stream;

/// What a benchmark has made and nobody else takes back: processes, exports, folders. Taken back in
/// reverse order at its end, and also when the process is told to end before.
final class Remains implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final Thread atExit = Thread.ofPlatform().unstarted(this::takeBack);

    Remains() {
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /// To be closed, before what was named earlier.
    synchronized <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // The process ends already: the hook does it.
            return;
        }
        takeBack();
    }

    private synchronized void takeBack() {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                System.err.println("weft: the benchmark leaves something: " + e.getMessage());
            }
        }
    }

    /// Deletes a folder with all that is in it.
    static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
