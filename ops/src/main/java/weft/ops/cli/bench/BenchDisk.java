package weft.ops.cli.bench;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.bench.Report;
import weft.ops.bench.disk.CephPeer;
import weft.ops.bench.disk.DiskBench;
import weft.ops.bench.disk.DiskLoad;
import weft.ops.bench.disk.DiskPeer;
import weft.ops.bench.disk.DiskSide;
import weft.ops.bench.disk.QemuNbdPeer;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.Output;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/// Measures the pool: `weft bench disk`.
@Command(
        name = "disk",
        description = "Measure the pool through NBD with fio, and through Weft's own client.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Without --volume a fabric of three storage nodes is started for it, in",
            "processes of their own and in the state folder, and removed afterwards. Volumes",
            "are written in full before anything is measured. 'NAME-first' is a load's first",
            "run, two seconds after it began, during which servers that were just started",
            "compile themselves; the others are of the runs that --repeat counts, after it",
            "and after --warm-up: 'NAME-mean', '-p50', '-p99' and '-p99.9'; '-cpu', that of",
            "all storage nodes for an operation; '-written', what the disk below the state",
            "folder took for each byte of the user's, by whomever, until all was written.",
            "Needs fio.",
            "",
            "Peers:",
            "  qemu-nbd  three copies behind QEMU's quorum driver; needs qemu-utils",
            "  ceph      one monitor, three OSDs, and an image of them behind qemu-nbd;",
            "            needs ceph-mon, ceph-osd, ceph-common, qemu-utils and",
            "            qemu-block-extra, and room for 9 GiB and four times the volume",
            "",
            "Example:",
            "  weft bench disk --peer qemu-nbd",
            "  weft bench disk --peer ceph --no-native",
            "  weft bench disk --loads write4k-qd32 --repeat 5 --seconds 15"
        })
public final class BenchDisk implements Callable<Integer> {
    private static final String PEERS = "none, qemu-nbd, ceph";
    private static final int REPEAT_MAX = 100;
    private static final int SECONDS_MAX = 600;
    private static final long SIZE_BYTES_MIN = 64L << 20;

    @Option(
            names = "--volume",
            paramLabel = "NAME",
            description =
                    "Measure on this volume of the running fabric, which is OVERWRITTEN; nothing"
                            + " may use it.")
    private @Nullable String volume;

    @Option(names = "--fresh", description = "Measure on a fabric made for it (the default).")
    private boolean fresh;

    @Option(
            names = "--peer",
            paramLabel = "PEER",
            description = "Run a peer in turns with Weft: " + PEERS + " (default: none).")
    private String peer = "none";

    @Option(
            names = "--loads",
            paramLabel = "NAME",
            split = ",",
            description = "Only these loads (default: all).")
    private List<String> names = List.of();

    @Option(names = "--no-native", description = "Leave Weft's own client out.")
    private boolean noNative;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Runs of each load and side (default: ${DEFAULT-VALUE}).")
    private int repeat = 3;

    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            defaultValue = "20",
            description =
                    "How long a load goes on after its first run and before those that count"
                            + " (default: ${DEFAULT-VALUE}).")
    private int warmUpSeconds = 20;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long a run is (default: ${DEFAULT-VALUE}).")
    private int seconds = 10;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            defaultValue = "1G",
            converter = ByteSize.Converter.class,
            description = "Of the volumes that are made (default: ${DEFAULT-VALUE}).")
    private ByteSize size = new ByteSize(SIZE_BYTES_MIN);

    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private Output output = new Output();

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<DiskLoad> loads = loads();
        BenchCpu.checkRange("--repeat", repeat, 1, REPEAT_MAX);
        BenchCpu.checkRange("--warm-up", warmUpSeconds, 0, SECONDS_MAX);
        BenchCpu.checkRange("--seconds", seconds, 1, SECONDS_MAX);
        Optional<PeerMaker> peerMaker = peerMaker();
        if (fresh && volume != null) {
            throw CliFailure.usage("--fresh and --volume exclude each other");
        }
        if (size.bytes() < SIZE_BYTES_MIN) {
            throw CliFailure.usage("--size is below 64M");
        }
        Files.createDirectories(fabric.folder());
        try (var remains = new Remains()) {
            // On the disk that a fabric here would use, not where the system keeps what is small.
            Path folder = Files.createTempDirectory(fabric.folder(), "bench-");
            remains.own(() -> Remains.delete(folder));
            Optional<DiskPeer> other =
                    peerMaker.isPresent()
                            ? Optional.of(remains.own(peerMaker.get().in(folder)))
                            : Optional.empty();
            print(measure(loads, folder, other, remains));
        }
        return ExitCode.OK.value();
    }

    private Report measure(
            List<DiskLoad> loads, Path folder, Optional<DiskPeer> other, Remains remains)
            throws IOException, InterruptedException {
        PoolUnderTest pool =
                volume == null
                        ? PoolUnderTest.fresh(folder.resolve("weft"), size.bytes(), remains)
                        : PoolUnderTest.running(fabric, volume, remains);
        if (other.isPresent()) {
            other.get().start(pool.sizeBytes());
        }
        var settings =
                new DiskBench.Settings(
                        loads,
                        names.isEmpty(),
                        pool.sizeBytes(),
                        repeat,
                        warmUpSeconds,
                        seconds,
                        folder);
        return new DiskBench(settings, pool, other.map(DiskSide.class::cast), output.err()::println)
                .run(noNative ? Optional.empty() : Optional.of(pool::openNative));
    }

    /// Makes a peer that has its files in that folder, if the host has its programs.
    private interface PeerMaker {
        DiskPeer in(Path folder) throws IOException;
    }

    private Optional<PeerMaker> peerMaker() {
        return switch (peer) {
            case "none" -> Optional.empty();
            case "qemu-nbd" -> Optional.of(QemuNbdPeer::new);
            case "ceph" -> Optional.of(CephPeer::new);
            case "vitastor" ->
                    throw CliFailure.usage(
                            "vitastor is in no package of Debian and is not started from here;"
                                    + " there are: "
                                    + PEERS);
            default -> throw CliFailure.usage("no peer '%s'; there are: %s".formatted(peer, PEERS));
        };
    }

    private List<DiskLoad> loads() {
        var wanted = new ArrayList<>(names);
        List<DiskLoad> chosen =
                DiskLoad.ALL.stream()
                        .filter(load -> names.isEmpty() || wanted.remove(load.name()))
                        .toList();
        if (!wanted.isEmpty()) {
            throw CliFailure.usage(
                    "no load '%s'; there are: %s"
                            .formatted(
                                    wanted.getFirst(),
                                    DiskLoad.ALL.stream()
                                            .map(DiskLoad::name)
                                            .collect(Collectors.joining(", "))));
        }
        return chosen;
    }

    private void print(Report report) {
        if (output.isJson()) {
            output.result(report.json(), "");
        } else {
            ReportTable.print(report, output);
        }
    }
}
