package weft.ops.system;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// fio on an NBD export, again and again: it writes all of it in random order, then reads it back
/// and compares.
final class FioVerifier implements AutoCloseable {
    private static final int LIMIT_SECONDS = 300;

    private final String uri;
    private final Path folder;
    private final long seed;
    private final List<String> failures = new ArrayList<>();
    private int rounds;
    private volatile boolean wanted;
    private @Nullable Thread thread;
    private volatile @Nullable Process running;

    FioVerifier(String uri, Path folder, long seed) {
        this.uri = uri;
        this.folder = folder;
        this.seed = seed;
    }

    /// Begins to run it.
    void begin() {
        wanted = true;
        thread = Thread.ofVirtual().start(this::run);
    }

    /// Waits until the round under way has ended, and begins no other.
    void pause() throws InterruptedException {
        wanted = false;
        Thread present = thread;
        if (present != null) {
            present.join();
        }
        if (!failures.isEmpty()) {
            throw new AssertionError(String.join("\n", failures));
        }
    }

    /// Rounds that found all as it should be.
    int rounds() {
        return rounds;
    }

    private void run() {
        try {
            while (wanted && failures.isEmpty()) {
                round();
            }
        } catch (IOException e) {
            failures.add(e.toString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void round() throws IOException, InterruptedException {
        Path out = folder.resolve("fio.out");
        Process fio =
                new ProcessBuilder(
                                "fio",
                                "--name=verified",
                                "--ioengine=nbd",
                                "--uri=" + uri,
                                "--rw=randwrite",
                                "--bsrange=4k-128k",
                                "--size=16M",
                                "--iodepth=8",
                                "--verify=crc32c",
                                "--verify_fatal=1",
                                "--randseed=" + (seed + rounds))
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(out.toFile())
                        .start();
        running = fio;
        if (!fio.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            failures.add("fio does not end");
        } else if (fio.exitValue() != 0) {
            failures.add("fio, round " + rounds + ": " + Files.readString(out));
        } else {
            rounds++;
        }
    }

    @Override
    public void close() {
        wanted = false;
        Process fio = running;
        if (fio != null) {
            fio.destroyForcibly();
        }
    }
}
