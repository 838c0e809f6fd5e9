package weft.ops.bench.disk;

import weft.ops.bench.Figure;
import weft.ops.bench.Host;
import weft.ops.bench.Report;
import weft.ops.bench.Row;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/// `weft bench snapshots`: how long snapshots, cuts of three volumes and clones take, what the
/// volumes' writers notice, and what writes on a fresh clone cost.
public final class SnapshotBench {
    private static final int VOLUMES = 3;
    private static final DiskLoad BUSY =
            new DiskLoad("write4k-qd8", DiskLoad.Pattern.RANDOM_WRITE, 4096, 8);
    private static final DiskLoad DEEP =
            new DiskLoad("write4k-qd32", DiskLoad.Pattern.RANDOM_WRITE, 4096, 32);
    private static final int BETWEEN_MILLIS = 100;

    /// The longest that a volume's records take to be an export.
    private static final int SETTLE_MILLIS = 1_000;

    /// What is measured, and how often.
    ///
    /// @param sizeBytes of each volume
    /// @param repeat snapshots of each kind
    /// @param clones fresh clones that are written
    /// @param seconds how long each is
    /// @param folder for fio's output
    public record Settings(long sizeBytes, int repeat, int clones, int seconds, Path folder) {}

    /// Three volumes of a pool that are exported.
    public interface Pool {
        /// Where fio finds a volume.
        String uri(int volume);

        /// Makes snapshots of the first volumes, as of one instant.
        void snapshot(int volumes, String name) throws IOException, InterruptedException;

        /// Deletes them, and waits until there may be more.
        void deleteSnapshots(int volumes, String name) throws IOException, InterruptedException;

        /// Makes a clone of the first volume's snapshot.
        void makeClone(String snapshot, String name) throws IOException;

        /// Exports a clone, and says where.
        String export(String clone) throws IOException;

        /// Deletes a clone.
        void delete(String clone) throws IOException, InterruptedException;
    }

    private final Settings settings;
    private final Pool pool;
    private final Consumer<String> progress;
    private final FioRun fio;

    public SnapshotBench(Settings settings, Pool pool, Consumer<String> progress)
            throws IOException {
        Host.require(FioRun.PROGRAM, FioRun.PACKAGE);
        this.settings = settings;
        this.pool = pool;
        this.progress = progress;
        fio = new FioRun(settings.folder());
    }

    /// Measures all rows.
    public Report run() throws IOException, InterruptedException {
        for (int volume = 0; volume < VOLUMES; volume++) {
            fio.fill(pool.uri(volume), settings.sizeBytes());
        }
        progress.accept("volumes filled");
        var rows = new ArrayList<Row>();
        rows.add(millis("snapshot", timed(1, "idle")));
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            rows.addAll(underWrites(1, threads));
            rows.addAll(underWrites(VOLUMES, threads));
        }
        rows.addAll(clones());
        return new Report("snapshots", Host.commit(), Host.machine(), rows);
    }

    private static Row millis(String name, List<Double> samples) {
        return new Row(name, "ms", Row.Better.LESS, Figure.of(samples), Optional.empty());
    }

    private List<Double> timed(int volumes, String kind) throws IOException, InterruptedException {
        var samples = new ArrayList<Double>();
        // The first one loads classes and opens connections.
        for (int i = 0; i <= settings.repeat(); i++) {
            String name = kind + i;
            long startNanos = BootClock.SYSTEM.nowNanos();
            pool.snapshot(volumes, name);
            double millis = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e6;
            if (i > 0) {
                samples.add(millis);
            }
            Pause.millis(BETWEEN_MILLIS);
            pool.deleteSnapshots(volumes, name);
        }
        return samples;
    }

    /// With writers on all the volumes: first left alone, then cut again and again.
    private List<Row> underWrites(int volumes, ExecutorService threads)
            throws IOException, InterruptedException {
        String name = volumes == 1 ? "snapshot-under-writes" : "cut-of-3-under-writes";
        List<Future<LoadResult>> alone = writers(volumes, settings.seconds(), threads);
        var alonePauses = pauses(alone);
        // Longer than the snapshots take; what is left of it does no harm.
        int seconds = settings.seconds() + settings.repeat() / 4;
        List<Future<LoadResult>> cut = writers(volumes, seconds, threads);
        Pause.millis(SETTLE_MILLIS);
        List<Double> samples = timed(volumes, "busy" + volumes + "-");
        var cutPauses = pauses(cut);
        progress.accept(name + ": done");
        return List.of(
                millis(name, samples),
                millis(name + "-longest-write", cutPauses.longest()),
                millis(name + "-p99.9-write", cutPauses.p999()),
                millis("longest-write-without-" + volumes, alonePauses.longest()),
                millis("p99.9-write-without-" + volumes, alonePauses.p999()));
    }

    /// Of each volume's writes.
    private record Pauses(List<Double> longest, List<Double> p999) {}

    private List<Future<LoadResult>> writers(int volumes, int seconds, ExecutorService threads)
            throws IOException {
        var all = new ArrayList<Future<LoadResult>>();
        for (int volume = 0; volume < volumes; volume++) {
            String uri = pool.uri(volume);
            var own = new FioRun(Files.createTempDirectory(settings.folder(), "fio-"));
            all.add(threads.submit(() -> own.run(uri, BUSY, settings.sizeBytes(), seconds)));
        }
        return all;
    }

    private static Pauses pauses(List<Future<LoadResult>> writers)
            throws IOException, InterruptedException {
        var pauses = new Pauses(new ArrayList<>(), new ArrayList<>());
        for (Future<LoadResult> writer : writers) {
            try {
                LoadResult result = writer.get();
                pauses.longest().add(result.latency().max());
                pauses.p999().add(result.latency().p999());
            } catch (ExecutionException e) {
                throw new IOException("a writer failed: " + e.getMessage(), e);
            }
        }
        return pauses;
    }

    /// Writes on fresh clones and on the volume itself, in turns.
    private List<Row> clones() throws IOException, InterruptedException {
        pool.snapshot(1, "origin");
        var made = new ArrayList<Double>();
        var onClones = new ArrayList<Double>();
        var onVolume = new ArrayList<Double>();
        for (int i = 0; i < settings.clones(); i++) {
            String name = "clone" + i;
            long startNanos = BootClock.SYSTEM.nowNanos();
            pool.makeClone("origin", name);
            made.add((BootClock.SYSTEM.nowNanos() - startNanos) / 1e6);
            Pause.millis(SETTLE_MILLIS);
            String uri = pool.export(name);
            Pause.millis(SETTLE_MILLIS);
            onClones.add(fio.run(uri, DEEP, settings.sizeBytes(), settings.seconds()).perSecond());
            pool.delete(name);
            onVolume.add(
                    fio.run(pool.uri(0), DEEP, settings.sizeBytes(), settings.seconds())
                            .perSecond());
            progress.accept("clone " + (i + 1) + " of " + settings.clones() + " written");
        }
        return List.of(
                millis("clone", made),
                new Row(
                        "clone-write",
                        "IOPS",
                        Row.Better.MORE,
                        Figure.of(onClones),
                        Optional.of(new Row.Peer("its volume", Figure.of(onVolume)))));
    }
}
