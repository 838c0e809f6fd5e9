package weft.ops.cli.bench;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.bench.AcceptedRatios;
import weft.ops.bench.CpuBench;
import weft.ops.bench.CpuRow;
import weft.ops.bench.Report;
import weft.ops.cli.CliFailure;
import weft.ops.cli.ExitCode;
import weft.ops.cli.JavaProcess;
import weft.ops.cli.Output;
import weft.ops.cli.StateFolder;
import weft.ops.cli.image.ImageSource;
import weft.ops.image.DebianMicro;
import weft.ops.image.ImageCache;
import weft.vmhost.machine.EngineKind;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/// Measures the emulator: `weft bench cpu`.
@Command(
        name = "cpu",
        description =
                "Measure the emulator with kernels made for it, Debian's programs, and boots.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Each run is a process of its own, timed by the host's clock at what the guest prints.",
            "A rate is that of the last three seconds of a run; 'NAME-first-second' and",
            "'NAME-tenth-second' are parts of the same run. Needs gcc-riscv64-linux-gnu, and with",
            "--peer qemu qemu-system-misc; what runs under Linux needs 'weft image pull",
            "debian-micro', and Debian's programs are fetched from its mirror once.",
            "",
            "Example:",
            "  weft bench cpu --peer qemu --rows integer,wide --repeat 5",
            "  weft bench cpu --peer qemu --gate docs/benchmarks-accepted.json"
        })
public final class BenchCpu implements Callable<Integer> {
    private static final int REPEAT_MAX = 100;
    private static final int SECONDS_MAX = 600;

    /// Whom Weft is compared with.
    enum PeerKind {
        QEMU
    }

    @Option(
            names = "--peer",
            paramLabel = "PEER",
            description = "Run a peer in turns with Weft: ${COMPLETION-CANDIDATES}.")
    private @Nullable PeerKind peer;

    @Option(
            names = "--rows",
            paramLabel = "NAME",
            split = ",",
            description = "Only these rows (default: all).")
    private List<String> names = List.of();

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Runs of each row and side (default: ${DEFAULT-VALUE}).")
    private int repeat = 3;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "15",
            description = "How long a row with a rate runs (default: ${DEFAULT-VALUE}).")
    private int seconds = 15;

    @Option(
            names = "--engine",
            paramLabel = "ENGINE",
            description = "What executes in Weft (default: that of 'weft emu run').")
    private @Nullable EngineKind engine;

    @Option(
            names = "--gate",
            paramLabel = "FILE",
            description =
                    "Fail with exit code 1 where a ratio has fallen below the one accepted in"
                            + " FILE.")
    private @Nullable Path gate;

    @Option(
            names = "--accept",
            paramLabel = "FILE",
            description = "Write this run's ratios to FILE, for --gate to compare with.")
    private @Nullable Path accept;

    @Option(
            names = "--keep",
            paramLabel = "FOLDER",
            description = "Keep sources, programs and logs in this folder.")
    private @Nullable Path keep;

    @Mixin private ImageSource source = new ImageSource();
    @Mixin private StateFolder state = new StateFolder();
    @Mixin private Output output = new Output();

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<CpuRow> rows = rows();
        checkRange("--repeat", repeat, 1, REPEAT_MAX);
        checkRange("--seconds", seconds, CpuBench.SECONDS_MIN, SECONDS_MAX);
        if ((gate != null || accept != null) && peer == null) {
            throw CliFailure.usage("--gate and --accept compare with a peer: give --peer qemu");
        }
        // Before minutes of measuring, not behind them.
        AcceptedRatios accepted = gate == null ? null : AcceptedRatios.read(gate);
        Path folder =
                keep == null
                        ? Files.createTempDirectory("weft-bench")
                        : Files.createDirectories(keep);
        try {
            Report report = measure(rows, folder);
            print(report);
            judge(accepted, report);
            accept(report);
        } finally {
            if (keep == null) {
                Remains.delete(folder);
            }
        }
        return ExitCode.OK.value();
    }

    private Report measure(List<CpuRow> rows, Path folder)
            throws IOException, InterruptedException {
        var settings =
                new CpuBench.Settings(
                        rows,
                        peer != null,
                        repeat,
                        seconds,
                        engine == null ? List.of() : List.of("--engine", engine.name()),
                        folder,
                        new ImageCache(state.path()).newest(DebianMicro.NAME));
        Path log = folder.resolve("weft.log");
        List<String> options = sameJvmOptions();
        return new CpuBench(
                        settings,
                        arguments -> JavaProcess.command(log, options, arguments),
                        recipe -> source.programs(output, state.path(), recipe),
                        output.err()::println)
                .run();
    }

    private void judge(@Nullable AcceptedRatios accepted, Report report) throws IOException {
        if (accepted == null) {
            return;
        }
        AcceptedRatios.Verdict verdict = accepted.judge(report);
        if (!verdict.falls().isEmpty()) {
            throw CliFailure.failed(
                    "slower against %s than accepted in %s by more than %d %%: %s"
                            .formatted(
                                    accepted.peer(),
                                    gate,
                                    accepted.tolerancePercent(),
                                    verdict.falls().stream()
                                            .map(AcceptedRatios.Fall::toString)
                                            .collect(Collectors.joining(", "))));
        }
        output.err()
                .printf(
                        "gate: %d rows no more than %d %% below %s; not in it: %s%n",
                        verdict.compared(),
                        accepted.tolerancePercent(),
                        gate,
                        verdict.unknown().isEmpty()
                                ? "none"
                                : String.join(", ", verdict.unknown()));
    }

    private void accept(Report report) throws IOException {
        if (accept != null) {
            AcceptedRatios before =
                    Files.exists(accept)
                            ? AcceptedRatios.read(accept)
                            : AcceptedRatios.none("cpu", "qemu");
            Files.write(accept, before.with(report).json());
        }
    }

    /// Those of this process, which the launcher chose as it does for `weft emu run`.
    private static List<String> sameJvmOptions() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(option -> option.startsWith("-X"))
                .toList();
    }

    private List<CpuRow> rows() {
        if (names.isEmpty()) {
            return CpuRow.ALL;
        }
        Set<String> wanted = new LinkedHashSet<>(names);
        var rows = new ArrayList<CpuRow>();
        for (CpuRow row : CpuRow.ALL) {
            if (wanted.remove(row.name())) {
                rows.add(row);
            }
        }
        if (!wanted.isEmpty()) {
            throw CliFailure.usage(
                    "no row '%s'; there are: %s"
                            .formatted(
                                    wanted.iterator().next(),
                                    CpuRow.ALL.stream()
                                            .map(CpuRow::name)
                                            .collect(Collectors.joining(", "))));
        }
        return rows;
    }

    /// Refuses a number that an option cannot have.
    static void checkRange(String option, int value, int min, int max) {
        if (value < min || value > max) {
            throw CliFailure.usage("%s %d is not in %d..%d".formatted(option, value, min, max));
        }
    }

    private void print(Report report) {
        if (output.isJson()) {
            output.result(report.json(), "");
            return;
        }
        ReportTable.print(report, output);
    }
}
