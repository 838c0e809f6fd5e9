package weft.ops.cli.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.ops.admin.ExportAdmin;
import weft.ops.admin.VolumeAdmin;
import weft.ops.bench.Report;
import weft.ops.bench.disk.SnapshotBench;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// Measures snapshots, cuts and clones: `weft bench snapshots`.
@Command(
        name = "snapshots",
        description = "Measure snapshots, cuts of three volumes, clones, and what writers notice.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A fabric of three storage nodes is started for it, in processes of their own and in"
                    + " the",
            "state folder, and removed afterwards. Times are those of the work, without the start"
                    + " of",
            "a command. Needs fio.",
            "",
            "Example:",
            "  weft bench snapshots --repeat 20"
        })
public final class BenchSnapshots implements Callable<Integer> {
    private static final int REPEAT_MAX = 200;
    private static final int SECONDS_MAX = 600;
    private static final long SIZE_BYTES_MIN = 64L << 20;
    private static final List<String> VOLUMES = List.of(PoolUnderTest.NAME, "bench2", "bench3");
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /// When the next cut is made.
    private static final int LAYERS_MAX = 8;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "20",
            description = "Snapshots of each kind (default: ${DEFAULT-VALUE}).")
    private int repeat = 20;

    @Option(
            names = "--clones",
            paramLabel = "N",
            defaultValue = "3",
            description = "Fresh clones that are written (default: ${DEFAULT-VALUE}).")
    private int clones = 3;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long a run of writes is (default: ${DEFAULT-VALUE}).")
    private int seconds = 10;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            defaultValue = "512M",
            converter = ByteSize.Converter.class,
            description = "Of each volume (default: ${DEFAULT-VALUE}).")
    private ByteSize size = new ByteSize(SIZE_BYTES_MIN);

    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private Output output = new Output();

    @Override
    public Integer call() throws IOException, InterruptedException {
        BenchCpu.checkRange("--repeat", repeat, 1, REPEAT_MAX);
        BenchCpu.checkRange("--clones", clones, 1, REPEAT_MAX);
        BenchCpu.checkRange("--seconds", seconds, 1, SECONDS_MAX);
        if (size.bytes() < SIZE_BYTES_MIN) {
            throw CliFailure.usage("--size is below 64M");
        }
        Files.createDirectories(fabric.folder());
        try (var remains = new Remains()) {
            Path folder = Files.createTempDirectory(fabric.folder(), "bench-");
            remains.own(() -> Remains.delete(folder));
            PoolUnderTest first =
                    PoolUnderTest.fresh(folder.resolve("weft"), size.bytes(), remains);
            FabricSession session = first.session();
            var pool = remains.own(new PoolSession(session.records().store(), session::image));
            var volumes = new Volumes(session, pool, first.uri(), size.bytes());
            var settings =
                    new SnapshotBench.Settings(size.bytes(), repeat, clones, seconds, folder);
            Report report = new SnapshotBench(settings, volumes, output.err()::println).run();
            if (output.isJson()) {
                output.result(report.json(), "");
            } else {
                ReportTable.print(report, output);
            }
        }
        return ExitCode.OK.value();
    }

    /// Volumes of the fabric under test.
    private static final class Volumes implements SnapshotBench.Pool {
        private final FabricSession session;
        private final PoolSession pool;
        private final VolumeAdmin admin;
        private final List<String> uris = new ArrayList<>();

        Volumes(FabricSession session, PoolSession pool, String firstUri, long sizeBytes)
                throws IOException, InterruptedException {
            this.session = session;
            this.pool = pool;
            admin = new VolumeAdmin(session.records());
            uris.add(firstUri);
            for (String name : VOLUMES.subList(1, VOLUMES.size())) {
                var _ = admin.create(session.image(), name, sizeBytes, Volume.Access.READ_WRITE);
                awaitKnown(name);
                uris.add(export(name));
            }
        }

        private void awaitKnown(String name) throws InterruptedException {
            var _ =
                    session.await(PATIENCE, image -> Optional.ofNullable(image.volumes().get(name)))
                            .orElseThrow(() -> CliFailure.failed("no volume " + name));
        }

        @Override
        public String uri(int volume) {
            return uris.get(volume);
        }

        @Override
        public void snapshot(int volumes, String name) throws IOException, InterruptedException {
            List<ConsistentCut.Snapshot> wanted =
                    VOLUMES.subList(0, volumes).stream()
                            .map(volume -> new ConsistentCut.Snapshot(volume, name))
                            .toList();
            var _ = new ConsistentCut(pool, session.records(), session::image).take(wanted, false);
        }

        @Override
        public void deleteSnapshots(int volumes, String name)
                throws IOException, InterruptedException {
            for (String volume : VOLUMES.subList(0, volumes)) {
                admin.delete(session::image, Volume.snapshotName(volume, name));
                // Cuts come faster than people make them, and layers are merged one by one.
                var _ = session.await(PATIENCE, image -> withFewLayers(image, volume));
            }
        }

        private static Optional<Volume> withFewLayers(FabricImage image, String volume) {
            return Optional.ofNullable(image.volumes().get(volume))
                    .filter(known -> known.layers().size() <= LAYERS_MAX);
        }

        @Override
        public void makeClone(String snapshot, String name) throws IOException {
            String origin = Volume.snapshotName(VOLUMES.getFirst(), snapshot);
            long sizeBytes = VolumeAdmin.find(session.image(), origin).sizeBytes();
            var _ = admin.clone(session.image(), origin, name, sizeBytes);
        }

        @Override
        public String export(String clone) throws IOException {
            return new ExportAdmin(session.records())
                    .export(session.image(), clone, List.of(), Volume.Access.READ_WRITE)
                    .uris()
                    .getFirst();
        }

        @Override
        public void delete(String clone) throws IOException, InterruptedException {
            new ExportAdmin(session.records()).unexport(clone);
            var _ =
                    session.await(
                            PATIENCE,
                            image ->
                                    image.exports().containsKey(clone)
                                            ? Optional.empty()
                                            : Optional.of(image));
            admin.delete(session::image, clone);
        }
    }
}
