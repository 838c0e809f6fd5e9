package weft.ops.bench;

import weft.ops.image.ImageFiles;
import weft.ops.image.SingleProgramRoot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/// `weft bench cpu`: kernels and boots on Weft and on a peer, each in a new process.
public final class CpuBench {
    /// How long the end of a run is called steady.
    private static final double STEADY_SECONDS = 3;

    /// The shortest run whose rate can be measured: a first second, and a steady end.
    public static final int SECONDS_MIN = 4;

    /// What an emulator may need beyond the run itself: to start, and to end a repetition.
    private static final Duration SLACK = Duration.ofSeconds(120);

    private static final int DISK_BYTES = 16 << 20;
    private static final int INTERPRETER_WARM_SECONDS = 10;
    private static final String SHELL = "WEFT-READY";

    private final Settings settings;
    private final Emulator weft;
    private final Emulator interpreter;
    private final CrossCompiler compiler;
    private final Consumer<String> progress;
    private final Turns turns;

    /// What is measured, and how often.
    ///
    /// @param peer whether QEMU runs too
    /// @param repeat runs of each row and side
    /// @param seconds how long a kernel runs whose rate is measured, from [#SECONDS_MIN] on
    /// @param weftOptions more of them for `weft emu run`
    /// @param folder for programs and logs
    /// @param image what `boot-first` boots
    public record Settings(
            List<CpuRow> rows,
            boolean peer,
            int repeat,
            int seconds,
            List<String> weftOptions,
            Path folder,
            Optional<ImageFiles> image) {}

    /// @param weft makes the command line of a Weft process from its arguments
    /// @param progress hears a line after each run
    /// @throws IOException if a program that is needed is missing; the message names its package
    public CpuBench(Settings settings, UnaryOperator<List<String>> weft, Consumer<String> progress)
            throws IOException {
        if (settings.peer()) {
            Host.require(Emulator.Qemu.PROGRAM, Emulator.Qemu.PACKAGE);
        }
        this.settings = settings;
        this.weft = new Emulator.Weft(weft, settings.weftOptions());
        interpreter = new Emulator.Weft(weft, List.of("--engine", "interpreter"));
        this.progress = progress;
        compiler = new CrossCompiler(settings.folder());
        Optional<Emulator> peer =
                settings.peer() ? Optional.of(new Emulator.Qemu()) : Optional.empty();
        turns = new Turns(peer, settings.repeat(), progress);
    }

    /// Measures all rows.
    public Report run() throws IOException, InterruptedException {
        Report.Machine machine = Host.machine();
        var yardstick = new Yardstick();
        progress.accept(
                String.format(Locale.ROOT, "yardstick: %.0f M steps/s", yardstick.measure()));
        var rows = new ArrayList<Row>();
        for (CpuRow row : settings.rows()) {
            rows.addAll(measure(row));
        }
        progress.accept(
                String.format(
                        Locale.ROOT,
                        "yardstick: %.0f M steps/s; foreign CPU at most %.2f of a core",
                        yardstick.measure(),
                        turns.foreignCoresMax()));
        return new Report("cpu", Host.commit(), machine, rows);
    }

    private List<Row> measure(CpuRow row) throws IOException, InterruptedException {
        return switch (row) {
            case CpuRow.Steady steady -> steady(steady);
            case CpuRow.Linux linux -> linux(linux);
            case CpuRow.Disk disk -> disk(disk);
            case CpuRow.Net net -> net(net);
            case CpuRow.Whole whole -> whole(whole);
            case CpuRow.Boot boot -> boot(boot);
            case CpuRow.InterpreterMips mips -> interpreterMips(mips);
        };
    }

    private List<Row> steady(CpuRow.Steady row) throws IOException, InterruptedException {
        Path program = compiler.build(row.name(), Integer.MAX_VALUE);
        return rates(
                row.name(), row.unit(), row.perRepetition(), emulator -> emulator.bare(program));
    }

    private List<Row> linux(CpuRow.Linux row) throws IOException, InterruptedException {
        ImageFiles image = image();
        Path program = compiler.buildForLinux(row.name(), Integer.MAX_VALUE);
        Path root = settings.folder().resolve(row.name() + ".gz").toAbsolutePath();
        Files.write(root, SingleProgramRoot.of(Files.readAllBytes(program)));
        return rates(
                row.name(),
                row.unit(),
                row.perRepetition(),
                emulator -> emulator.boot(image.kernel(), root, image.bootArguments()));
    }

    private List<Row> disk(CpuRow.Disk row) throws IOException, InterruptedException {
        Path file = settings.folder().resolve("disk.raw").toAbsolutePath();
        var content = new byte[DISK_BYTES];
        new Random(DISK_BYTES).nextBytes(content);
        Files.write(file, content);
        var device = new GuestDevice.Disk(file);
        return devices(row.name(), row.unit(), row.perRepetition(), device, it -> it);
    }

    private List<Row> net(CpuRow.Net row) throws IOException, InterruptedException {
        Optional<BenchNetwork> made = BenchNetwork.make();
        if (made.isEmpty()) {
            progress.accept(row.name() + ": left out, it needs root and iproute2");
            return List.of();
        }
        try (BenchNetwork network = made.get()) {
            var device = new GuestDevice.Nic(BenchNetwork.TAP);
            return devices(row.name(), row.unit(), row.perRepetition(), device, network::inside);
        }
    }

    /// The image's initramfs, for its modules, with a first process of ours over its own.
    private List<Row> devices(
            String name,
            String unit,
            double perRepetition,
            GuestDevice device,
            UnaryOperator<List<String>> place)
            throws IOException, InterruptedException {
        ImageFiles image = image();
        Path program = compiler.buildForLinux(name, Integer.MAX_VALUE);
        Path root = settings.folder().resolve(name + ".gz").toAbsolutePath();
        // The kernel unpacks archives one after the other; the later file replaces the earlier.
        Files.copy(image.initrd(), root, StandardCopyOption.REPLACE_EXISTING);
        Files.write(
                root, SingleProgramRoot.of(Files.readAllBytes(program)), StandardOpenOption.APPEND);
        return rates(
                name,
                unit,
                perRepetition,
                emulator ->
                        place.apply(
                                device.in(
                                        emulator,
                                        emulator.boot(
                                                image.kernel(), root, image.bootArguments()))));
    }

    private ImageFiles image() throws IOException {
        return settings.image()
                .orElseThrow(
                        () -> new IOException("no image to boot: weft image pull debian-micro"));
    }

    private List<Row> rates(
            String name,
            String unit,
            double perRepetition,
            Function<Emulator, List<String>> command)
            throws IOException, InterruptedException {
        var quantities =
                List.of(
                        new Turns.Quantity(name, unit, Row.Better.MORE),
                        new Turns.Quantity(name + "-first-second", unit, Row.Better.MORE));
        double end = settings.seconds();
        return turns.compare(
                name,
                weft,
                quantities,
                emulator -> {
                    KernelRun run = follow(command.apply(emulator), end);
                    double steady = run.repetitionsPerSecond(end - STEADY_SECONDS, end);
                    double cold = run.repetitionsPerSecond(0, 1);
                    return new Turns.Sample(
                            List.of(steady * perRepetition, cold * perRepetition), run.checksum());
                });
    }

    private List<Row> whole(CpuRow.Whole row) throws IOException, InterruptedException {
        Path program = compiler.build(row.name(), row.repetitions());
        return turns.compare(
                row.name(),
                weft,
                List.of(new Turns.Quantity(row.name(), "s", Row.Better.LESS)),
                emulator -> {
                    KernelRun run = follow(emulator.bare(program), SLACK.toSeconds());
                    return new Turns.Sample(List.of(run.seconds()), run.checksum());
                });
    }

    private List<Row> boot(CpuRow.Boot row) throws IOException, InterruptedException {
        ImageFiles image = image();
        return turns.compare(
                row.name(),
                weft,
                List.of(new Turns.Quantity(row.name(), "s", Row.Better.LESS)),
                emulator ->
                        untilShell(
                                emulator.boot(
                                        image.kernel(), image.initrd(), image.bootArguments())));
    }

    private List<Row> interpreterMips(CpuRow.InterpreterMips row)
            throws IOException, InterruptedException {
        Path program = compiler.build("integer", Integer.MAX_VALUE);
        double end = INTERPRETER_WARM_SECONDS + STEADY_SECONDS;
        return turns.measure(
                row.name(),
                interpreter,
                List.of(new Turns.Quantity(row.name(), "MIPS", Row.Better.MORE)),
                emulator -> {
                    KernelRun run = follow(emulator.bare(program), end);
                    double mips = run.mips(INTERPRETER_WARM_SECONDS, end);
                    return new Turns.Sample(List.of(mips), run.checksum());
                });
    }

    private KernelRun follow(List<String> command, double seconds)
            throws IOException, InterruptedException {
        Duration limit = SLACK.plusSeconds((long) seconds);
        try (var guest = start(command, limit)) {
            return KernelRun.follow(guest, seconds);
        }
    }

    private Turns.Sample untilShell(List<String> command) throws IOException, InterruptedException {
        try (var guest = start(command, SLACK)) {
            GuestProcess.Line line = guest.awaitLine();
            while (!line.text().contains(SHELL)) {
                line = guest.awaitLine();
            }
            return new Turns.Sample(List.of((line.nanos() - guest.startNanos()) / 1e9), SHELL);
        }
    }

    private GuestProcess start(List<String> command, Duration limit) throws IOException {
        return GuestProcess.start(command, limit, settings.folder().resolve("emulator.log"));
    }
}
