package weft.ops.bench;

import weft.ops.image.DebianPrograms;
import weft.ops.image.ImageFiles;
import weft.ops.image.SingleProgramRoot;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/// `weft bench cpu`: kernels and boots on Weft and on a peer, each in a new process.
public final class CpuBench {
    /// How long the end of a run is called steady.
    private static final double STEADY_SECONDS = 3;

    /// The shortest run whose rate can be measured: a first second, and a steady end.
    public static final int SECONDS_MIN = 4;

    /// What an emulator may need beyond the run itself: to boot, and to end a repetition.
    private static final Duration SLACK = Duration.ofSeconds(300);

    private static final int DISK_BYTES = 16 << 20;
    private static final int INTERPRETER_WARM_SECONDS = 10;

    /// Root and page cache of a compiler, and what it needs to compile.
    private static final Emulator.Size PROGRAM_GUEST = new Emulator.Size(1, "512M");

    private static final String SHELL = "WEFT-READY";

    private final Settings settings;
    private final Emulator weft;
    private final Emulator interpreter;
    private final CrossCompiler compiler;
    private final Programs programs;
    private final Consumer<String> progress;
    private final Turns<Emulator> turns;

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

    /// Where the roots with Debian's programs come from.
    public interface Programs {
        /// The root; fetched from Debian's mirror if it must be.
        DebianPrograms.Root root(DebianPrograms.Recipe recipe) throws IOException;
    }

    /// @param weft makes the command line of a Weft process from its arguments
    /// @param programs asked for each row with a program of Debian's
    /// @param progress hears a line after each run
    /// @throws IOException if a program that is needed is missing; the message names its package
    public CpuBench(
            Settings settings,
            UnaryOperator<List<String>> weft,
            Programs programs,
            Consumer<String> progress)
            throws IOException {
        if (settings.peer()) {
            Host.require(Emulator.Qemu.PROGRAM, Emulator.Qemu.PACKAGE);
        }
        this.settings = settings;
        this.weft = new Emulator.Weft(weft, settings.weftOptions());
        interpreter = new Emulator.Weft(weft, List.of("--engine", "interpreter"));
        this.programs = programs;
        this.progress = progress;
        compiler = new CrossCompiler(settings.folder());
        Optional<Emulator> peer =
                settings.peer() ? Optional.of(new Emulator.Qemu()) : Optional.empty();
        turns = new Turns<>(peer, settings.repeat(), progress);
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
            case CpuRow.Program program -> program(program);
            case CpuRow.Parallel parallel -> parallel(parallel);
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
                row.name(),
                row.unit(),
                row.perRepetition(),
                Optional.empty(),
                emulator -> emulator.bare(program));
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
                Optional.empty(),
                emulator -> emulator.boot(image.kernel(), root, image.bootArguments()));
    }

    private List<Row> program(CpuRow.Program row) throws IOException, InterruptedException {
        if (!row.program().isNetworked()) {
            return program(row, (_, command) -> command);
        }
        if (!Host.isInstalled(BenchNetwork.IPERF3)) {
            progress.accept(row.name() + ": left out, it needs iperf3");
            return List.of();
        }
        Optional<BenchNetwork> made = network(row.name());
        if (made.isEmpty()) {
            return List.of();
        }
        try (BenchNetwork network = made.get()) {
            network.serveIperf3();
            var device = new GuestDevice.Nic(BenchNetwork.TAP);
            return program(
                    row, (emulator, command) -> network.inside(device.in(emulator, command)));
        }
    }

    /// @param place says how an emulator's command is run
    private List<Row> program(
            CpuRow.Program row, BiFunction<Emulator, List<String>, List<String>> place)
            throws IOException, InterruptedException {
        ImageFiles image = image();
        GuestProgram program = row.program();
        var recipe = new DebianPrograms.Recipe(program.recipeName(), program.packages());
        DebianPrograms.Root debian = programs.root(recipe);
        progress.accept("%s: %s".formatted(row.name(), debian.description()));
        Path runner = compiler.buildForLinux("program", Integer.MAX_VALUE);
        Path root = settings.folder().resolve(row.name() + ".cpio").toAbsolutePath();
        write(root, program, image, program.rootWith(debian.archive(), Files.readAllBytes(runner)));
        try {
            return rates(
                    row.name(),
                    row.unit(),
                    row.perRepetition(),
                    program.rate(),
                    emulator ->
                            place.apply(
                                    emulator,
                                    emulator.boot(
                                            PROGRAM_GUEST,
                                            image.kernel(),
                                            root,
                                            image.bootArguments())));
        } finally {
            // The largest has tens of megabytes; a row is measured once.
            Files.delete(root);
        }
    }

    /// A root, behind the image's own one if the image's modules are needed.
    private static void write(Path file, GuestProgram program, ImageFiles image, byte[] root)
            throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            if (program.isNetworked()) {
                Files.copy(image.initrd(), out);
                // A plain archive begins at a multiple of four bytes.
                out.write(new byte[(int) (-Files.size(image.initrd()) & 3)]);
            }
            out.write(root);
        }
    }

    private Optional<BenchNetwork> network(String row) throws IOException, InterruptedException {
        Optional<BenchNetwork> made = BenchNetwork.make();
        if (made.isEmpty()) {
            progress.accept(row + ": left out, it needs root and iproute2");
        }
        return made;
    }

    private List<Row> parallel(CpuRow.Parallel row) throws IOException, InterruptedException {
        ImageFiles image = image();
        Path program = compiler.buildForLinux(row.name(), Integer.MAX_VALUE);
        Path root = settings.folder().resolve(row.name() + ".gz").toAbsolutePath();
        Files.write(root, SingleProgramRoot.of(Files.readAllBytes(program)));
        double end = settings.seconds();
        return turns.compare(
                row.name(),
                weft,
                List.of(new Turns.Quantity(row.name(), "× one hart", Row.Better.MORE)),
                emulator -> {
                    var rates = new ArrayList<Double>();
                    String checksum = "";
                    for (int harts : List.of(1, row.harts())) {
                        var size = new Emulator.Size(harts, Emulator.Size.SMALL.memory());
                        List<String> command =
                                emulator.boot(size, image.kernel(), root, image.bootArguments());
                        KernelRun run = follow(command, end, Optional.empty());
                        rates.add(WarmUp.STEADY.rate(run));
                        checksum += run.checksum();
                    }
                    return new Turns.Sample(List.of(rates.get(1) / rates.get(0)), checksum);
                });
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
        Optional<BenchNetwork> made = network(row.name());
        if (made.isEmpty()) {
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
                Optional.empty(),
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

    /// Cold, warming up if the run is long enough for it, and steady.
    ///
    /// @param said what the program says of its own speed, if it does
    private List<Row> rates(
            String name,
            String unit,
            double perRepetition,
            Optional<Pattern> said,
            Function<Emulator, List<String>> command)
            throws IOException, InterruptedException {
        List<WarmUp> parts =
                Arrays.stream(WarmUp.values())
                        .filter(part -> part.endSeconds <= settings.seconds())
                        .toList();
        return turns.compare(
                name,
                weft,
                parts.stream()
                        .map(part -> new Turns.Quantity(name + part.suffix, unit, Row.Better.MORE))
                        .toList(),
                emulator -> {
                    KernelRun run = follow(command.apply(emulator), settings.seconds(), said);
                    return new Turns.Sample(
                            parts.stream().map(part -> perRepetition * part.rate(run)).toList(),
                            run.checksum());
                });
    }

    /// The parts of a run whose rate is told.
    private enum WarmUp {
        /// The last seconds, or within the last repetition if that is longer.
        STEADY("", SECONDS_MIN) {
            @Override
            double rate(KernelRun run) {
                return run.repetitionsPerSecond(run.seconds() - STEADY_SECONDS, run.seconds());
            }
        },
        FIRST("-first-second", 1) {
            @Override
            double rate(KernelRun run) {
                return run.repetitionsPerSecond(0, 1);
            }
        },
        TENTH("-tenth-second", 10) {
            @Override
            double rate(KernelRun run) {
                return run.repetitionsPerSecond(9, 10);
            }
        };

        private final String suffix;
        private final int endSeconds;

        WarmUp(String suffix, int endSeconds) {
            this.suffix = suffix;
            this.endSeconds = endSeconds;
        }

        abstract double rate(KernelRun run);
    }

    private List<Row> whole(CpuRow.Whole row) throws IOException, InterruptedException {
        Path program = compiler.build(row.name(), row.repetitions());
        return turns.compare(
                row.name(),
                weft,
                List.of(new Turns.Quantity(row.name(), "s", Row.Better.LESS)),
                emulator -> {
                    KernelRun run =
                            follow(emulator.bare(program), SLACK.toSeconds(), Optional.empty());
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
                    KernelRun run = follow(emulator.bare(program), end, Optional.empty());
                    double mips = run.mips(INTERPRETER_WARM_SECONDS, end);
                    return new Turns.Sample(List.of(mips), run.checksum());
                });
    }

    private KernelRun follow(List<String> command, double seconds, Optional<Pattern> said)
            throws IOException, InterruptedException {
        Duration limit = SLACK.plusSeconds((long) seconds);
        try (var guest = start(command, limit)) {
            return said.isPresent()
                    ? KernelRun.follow(guest, seconds, said.get())
                    : KernelRun.follow(guest, seconds);
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
