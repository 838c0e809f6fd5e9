package weft.ops.bench.disk;

import weft.ops.bench.Figure;
import weft.ops.bench.Host;
import weft.ops.bench.Report;
import weft.ops.bench.Row;
import weft.ops.bench.Turns;
import weft.ops.bench.Turns.Quantity;
import weft.ops.bench.Yardstick;
import weft.runtime.BootClock;
import weft.runtime.Pause;
import weft.volume.BlockVolume;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/// `weft bench disk`: six loads on a volume of the pool through NBD, on a peer's in turns, and on
/// the pool through our own client.
public final class DiskBench {
    /// A run before each one: caches and queues are not what is measured.
    private static final int WARM_SECONDS = 2;

    private static final int IDLE_SECONDS = 20;

    private final Settings settings;
    private final DiskSide weft;
    private final Optional<DiskSide> peer;
    private final Consumer<String> progress;
    private final Turns<DiskSide> turns;
    private final Turns<DiskSide> firstTurn;
    private final FioRun fio;
    private final Optional<BlockDevice> device;

    /// What is measured, and how often.
    ///
    /// @param idle whether what the servers take when nobody asks is a row too
    /// @param sizeBytes of the volumes, which are written in full before
    /// @param repeat runs of each row and side
    /// @param warmUpSeconds how long a load goes on after its first run and before those that count
    /// @param seconds how long a run is
    /// @param folder for fio's output
    public record Settings(
            List<DiskLoad> loads,
            boolean idle,
            long sizeBytes,
            int repeat,
            int warmUpSeconds,
            int seconds,
            Path folder) {
        public Settings {
            loads = List.copyOf(loads);
        }
    }

    /// Lets go of the volume as an NBD export, and opens it for our own client.
    public interface NativeClient {
        /// The volume; the caller closes it.
        BlockVolume open() throws IOException, InterruptedException;
    }

    public DiskBench(
            Settings settings, DiskSide weft, Optional<DiskSide> peer, Consumer<String> progress)
            throws IOException {
        Host.require(FioRun.PROGRAM, FioRun.PACKAGE);
        this.settings = settings;
        this.weft = weft;
        this.peer = peer;
        this.progress = progress;
        turns = new Turns<>(peer, settings.repeat(), progress);
        firstTurn = Turns.once(peer, progress);
        fio = new FioRun(settings.folder());
        device = BlockDevice.below(settings.folder());
    }

    /// Measures all rows.
    ///
    /// @param client measured too, if there is one
    public Report run(Optional<NativeClient> client) throws IOException, InterruptedException {
        var yardstick = new Yardstick();
        progress.accept(
                String.format(Locale.ROOT, "yardstick: %.0f M steps/s", yardstick.measure()));
        var rows = new ArrayList<Row>();
        fill(weft);
        if (peer.isPresent()) {
            fill(peer.get());
        }
        for (DiskLoad load : settings.loads()) {
            rows.addAll(told(throughNbd(load)));
        }
        if (client.isPresent()) {
            try (BlockVolume volume = client.get().open()) {
                for (DiskLoad load : settings.loads()) {
                    rows.addAll(told(nativeRows(load, volume)));
                }
            }
        }
        if (settings.idle()) {
            rows.add(idle());
        }
        progress.accept(
                String.format(
                        Locale.ROOT,
                        "yardstick: %.0f M steps/s; foreign CPU at most %.2f of a core",
                        yardstick.measure(),
                        Math.max(turns.foreignCoresMax(), firstTurn.foreignCoresMax())));
        return new Report("disk", Host.commit(), Host.machine(), rows);
    }

    /// All loads take long, and one that fails takes the table along.
    private List<Row> told(List<Row> rows) {
        rows.forEach(row -> progress.accept(row.line()));
        return rows;
    }

    private void fill(DiskSide side) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        fio.fill(side.uri(), settings.sizeBytes());
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        progress.accept(
                String.format(
                        Locale.ROOT,
                        "%s: volume filled, %.0f MB/s",
                        side.name(),
                        settings.sizeBytes() / 1e6 / seconds));
    }

    /// What a load's first run gives is a row of its own: processes that have not served it yet
    /// compile themselves meanwhile, and for a while after it. That says nothing of what they do
    /// from then on.
    private List<Row> throughNbd(DiskLoad load) throws IOException, InterruptedException {
        Turns.Runner<DiskSide> run = side -> measured(load, side, through(side, load));
        String first = load.name() + "-first";
        List<Row> once = firstTurn.compare(first, weft, List.of(rate(first, load)), run);
        warmUp(through(weft, load));
        if (peer.isPresent()) {
            warmUp(through(peer.get(), load));
        }
        var rows =
                new ArrayList<>(
                        turns.compare(load.name(), weft, quantities(load.name(), load), run));
        rows.addAll(once);
        return rows;
    }

    private List<Row> nativeRows(DiskLoad load, BlockVolume volume)
            throws IOException, InterruptedException {
        String name = "native-" + load.name();
        Run run = seconds -> NativeRun.run(volume, load, seconds);
        warmUp(run);
        return turns.measure(name, weft, quantities(name, load), side -> measured(load, side, run));
    }

    private Run through(DiskSide side, DiskLoad load) {
        return seconds -> fio.run(side.uri(), load, settings.sizeBytes(), seconds);
    }

    private void warmUp(Run run) throws IOException, InterruptedException {
        if (settings.warmUpSeconds() > 0) {
            var _ = run.of(settings.warmUpSeconds());
        }
    }

    private List<Quantity> quantities(String name, DiskLoad load) {
        var all = new ArrayList<Quantity>();
        all.add(rate(name, load));
        all.add(new Quantity(name + "-mean", "ms", Row.Better.LESS));
        all.add(new Quantity(name + "-p50", "ms", Row.Better.LESS));
        all.add(new Quantity(name + "-p99", "ms", Row.Better.LESS));
        all.add(new Quantity(name + "-p99.9", "ms", Row.Better.LESS));
        all.add(new Quantity(name + "-cpu", "µs/op", Row.Better.LESS));
        if (load.isDrained() && device.isPresent()) {
            all.add(new Quantity(name + "-written", "B/B", Row.Better.LESS));
        }
        return all;
    }

    private static Quantity rate(String name, DiskLoad load) {
        return new Quantity(name, load.isLarge() ? "MB/s" : "IOPS", Row.Better.MORE);
    }

    /// A run of so many seconds.
    private interface Run {
        LoadResult of(int seconds) throws IOException, InterruptedException;
    }

    private Turns.Sample measured(DiskLoad load, DiskSide side, Run run)
            throws IOException, InterruptedException {
        var _ = run.of(WARM_SECONDS);
        long writtenBefore = 0;
        if (load.isDrained() && device.isPresent()) {
            rest(side);
            writtenBefore = device.get().writtenBytes();
        }
        ServerUsage before = ServerUsage.of(side.servers());
        LoadResult result = run.of(settings.seconds());
        ServerUsage used = ServerUsage.of(side.servers()).since(before);
        var values = new ArrayList<Double>();
        values.add(
                load.isLarge() ? result.perSecond() * load.blockBytes() / 1e6 : result.perSecond());
        values.add(result.latency().mean());
        values.add(result.latency().p50());
        values.add(result.latency().p99());
        values.add(result.latency().p999());
        values.add(used.cpuSeconds() * 1e6 / result.operations());
        if (load.isDrained() && device.isPresent()) {
            rest(side);
            long written = device.get().writtenBytes() - writtenBefore;
            values.add((double) written / (result.operations() * load.blockBytes()));
        }
        return new Turns.Sample(values, "");
    }

    /// Waits until the side has written what it still had to.
    private static void rest(DiskSide side) {
        Pause.millis((int) side.drained().toMillis());
    }

    /// What a server process takes while nobody asks for anything.
    private Row idle() throws IOException {
        rest(weft);
        ServerUsage before = ServerUsage.of(weft.servers());
        Pause.millis(IDLE_SECONDS * 1000);
        double percent =
                ServerUsage.of(weft.servers()).since(before).cpuSeconds()
                        * 100
                        / IDLE_SECONDS
                        / weft.servers().size();
        return new Row(
                "node-idle-cpu",
                "% of a core, each",
                Row.Better.LESS,
                Figure.of(List.of(percent)),
                Optional.empty());
    }
}
