package weft.ops.cli.emu;

import com.sun.management.OperatingSystemMXBean;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.EngineOption;
import weft.ops.cli.ExitCode;
import weft.ops.cli.RawTerminal;
import weft.runtime.BootClock;
import weft.runtime.Niceness;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.hart.Hart;
import weft.vmhost.machine.Boot;
import weft.vmhost.machine.BootRefused;
import weft.vmhost.machine.ElfProgram;
import weft.vmhost.machine.FirmwareBoot;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.MachineSpec;
import weft.vmhost.machine.PowerState;
import weft.vmhost.snapshot.StateHash;
import weft.vmhost.virtio.VirtioForm;
import weft.vmhost.virtio.net.TapCable;
import weft.volume.BlockVolume;
import weft.volume.FileVolume;
import weft.volume.VolumeException;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/// Runs one guest on this terminal: `weft emu run`.
@Command(
        name = "run",
        description =
                "Boot a kernel, or start a bare-metal program, on this terminal; Ctrl-] leaves.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "The exit code is 0 when the guest switches itself off or Ctrl-] is typed, and the",
            "guest's own code when it ends through the test device, or through HTIF where the",
            "ELF has a symbol 'tohost'. Codes above 255 become 255.",
            "",
            "Examples:",
            "  weft emu run --kernel Image --initrd initrd.gz --disk disk.img --memory 512M",
            "  weft emu run --bios fw_dynamic.bin --kernel u-boot.bin --disk disk.img",
            "  weft emu run program.elf --smp 2 --timeout 60",
            "  weft emu run --kernel Image --deterministic --instructions 50000000"
        })
public final class EmuRun implements Callable<Integer> {
    /// Kernels and initramfs above this are a slip of the finger, and would not fit an array.
    private static final long FILE_BYTES_MAX = 1L << 30;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE.elf",
            description = "Bare-metal ELF64, started in M-mode by all harts (instead of --kernel).")
    private @Nullable Path program;

    @Option(
            names = "--kernel",
            paramLabel = "FILE",
            description =
                    "Kernel, entered in S-mode by one hart: a RISC-V Image, an ELF, or raw code for"
                            + " 0x80200000.")
    private @Nullable Path kernel;

    @Option(
            names = "--bios",
            paramLabel = "FILE",
            description =
                    "Firmware, raw or ELF, entered in M-mode by all harts (OpenSBI's fw_dynamic);"
                            + " --kernel is then what it goes on to, U-Boot for S-mode or a"
                            + " kernel, and need not be given.")
    private @Nullable Path bios;

    @Option(names = "--initrd", paramLabel = "FILE", description = "Initramfs.")
    private @Nullable Path initrd;

    @Option(
            names = "--append",
            paramLabel = "ARGUMENTS",
            description = "Kernel command line; console=ttyS0 is added unless it names a console.")
    private String append = "";

    @Option(
            names = "--disk",
            paramLabel = "FILE",
            description = "Raw disk image; may be given several times: vda, vdb, …")
    private List<Path> disks = new ArrayList<>();

    @Option(
            names = "--net",
            paramLabel = "tap:IFNAME[,mac=ADDRESS]",
            converter = NetOption.Converter.class,
            description =
                    "NIC on a TAP interface of this host (ip tuntap add IFNAME mode tap user"
                            + " $USER); may be given several times: eth0, eth1, …")
    private List<NetOption> nets = new ArrayList<>();

    @Option(
            names = "--smp",
            paramLabel = "N",
            defaultValue = "1",
            description = "Harts (default: ${DEFAULT-VALUE}).")
    private int harts = 1;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "256M",
            converter = ByteSize.Converter.class,
            description = "Guest memory (default: ${DEFAULT-VALUE}).")
    private ByteSize memory = new ByteSize(256L << 20);

    @Option(
            names = "--virtio",
            paramLabel = "FORM",
            defaultValue = "modern",
            description =
                    "Registers of the virtio devices: modern (version 2) or legacy (version 1,"
                            + " QEMU's default; old bare-metal programs know no other)"
                            + " (default: ${DEFAULT-VALUE}).")
    private VirtioForm virtio = VirtioForm.MODERN;

    @Option(
            names = "--console",
            paramLabel = "LINE",
            defaultValue = "serial",
            description =
                    "What this terminal is plugged into: serial (ttyS0) or virtio (hvc0)"
                            + " (default: ${DEFAULT-VALUE}).")
    private ConsoleLine console = ConsoleLine.SERIAL;

    @Option(
            names = "--balloon",
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "Give the guest a memory balloon and ask this much of its memory back.")
    private @Nullable ByteSize balloon;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "End the guest after this long, with exit code 1.")
    private @Nullable Integer timeoutSeconds;

    @Mixin private EngineOption engine = new EngineOption();

    @Option(
            names = "--report",
            description = "At the end print run time and instructions on standard error.")
    private boolean report;

    @Option(
            names = "--deterministic",
            description =
                    "Make every run the same: time counts instructions, a nanosecond each, sleep"
                        + " costs none, chance has a fixed seed, and what is typed is not heard."
                        + " One hart, no balloon.")
    private boolean deterministic;

    @Option(
            names = "--instructions",
            paramLabel = "N",
            description =
                    "With --deterministic: stop after so many and print a hash of the whole state,"
                            + " which is the same in every run and with any engine.")
    private @Nullable Long instructions;

    /// What the terminal is plugged into.
    enum ConsoleLine {
        SERIAL,
        VIRTIO
    }

    private final CountDownLatch over = new CountDownLatch(1);

    @Override
    public Integer call() throws IOException, InterruptedException {
        Niceness.ofOptimizingCompiler(Niceness.LAST);
        checkHarts();
        checkMemory();
        checkBalloon();
        checkDeterministic();
        Boot boot = boot();
        List<BlockVolume> volumes = new ArrayList<>();
        List<TapDevice> taps = new ArrayList<>();
        try {
            List<MachineSpec.Disk> specs = new ArrayList<>();
            for (Path disk : disks) {
                BlockVolume volume = openDisk(disk);
                volumes.add(volume);
                specs.add(new MachineSpec.Disk("weft-disk" + specs.size(), volume));
            }
            var options =
                    new MachineSpec.Options(
                            virtio,
                            console == ConsoleLine.VIRTIO,
                            balloon != null,
                            false,
                            deterministic);
            List<MachineSpec.Nic> nics = new ArrayList<>();
            for (NetOption net : nets) {
                TapDevice tap = openTap(net.tap());
                taps.add(tap);
                nics.add(new MachineSpec.Nic(net.mac(), tap.mtuBytes()));
            }
            return run(
                    new MachineSpec("emu", memory.bytes(), harts, boot, specs, nics, options),
                    taps);
        } catch (BootRefused e) {
            throw CliFailure.refused(String.valueOf(e.getMessage()));
        } finally {
            taps.forEach(TapDevice::close);
            volumes.forEach(BlockVolume::close);
        }
    }

    private Boot boot() throws IOException {
        if (timeoutSeconds != null && timeoutSeconds < 1) {
            throw CliFailure.usage("--timeout %d: at least 1 second".formatted(timeoutSeconds));
        }
        if (program != null && (kernel != null || bios != null)) {
            throw CliFailure.usage("either --kernel, --bios or a bare-metal program, not both");
        }
        if (program != null) {
            if (initrd != null || !append.isEmpty()) {
                throw CliFailure.usage("--initrd and --append are for --kernel");
            }
            try {
                return ElfProgram.parse(readFile("program", program));
            } catch (BootRefused e) {
                throw CliFailure.refused(String.valueOf(e.getMessage()));
            }
        }
        byte[] unpacked = initrd == null ? new byte[0] : readFile("initrd", initrd);
        if (bios != null) {
            return new FirmwareBoot(
                    readFile("firmware", bios),
                    kernel == null ? new byte[0] : readFile("kernel", kernel),
                    unpacked,
                    bootArguments());
        }
        if (kernel == null) {
            throw CliFailure.usage(
                    "what is to run? give --kernel FILE, --bios FILE or a bare-metal FILE.elf");
        }
        return new MachineSpec.BootImage(readFile("kernel", kernel), unpacked, bootArguments());
    }

    private void checkHarts() {
        if (harts < 1 || harts > MachineSpec.HARTS_MAX) {
            throw CliFailure.usage(
                    "--smp %d: a machine has 1 to %d harts"
                            .formatted(harts, MachineSpec.HARTS_MAX));
        }
    }

    /// Memory is lent page by page: too much would be found out only when the guest fills it.
    private void checkMemory() {
        long hostBytes =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                        .getTotalMemorySize();
        if (memory.bytes() > hostBytes) {
            throw CliFailure.refused(
                    "--memory %s is more than this host has: %s"
                            .formatted(
                                    ByteSize.humane(memory.bytes()), ByteSize.humane(hostBytes)));
        }
    }

    private void checkBalloon() {
        if (balloon != null && balloon.bytes() >= memory.bytes()) {
            throw CliFailure.usage(
                    "--balloon %s is all of the guest's memory, %s: ask for less"
                            .formatted(
                                    ByteSize.humane(balloon.bytes()),
                                    ByteSize.humane(memory.bytes())));
        }
    }

    private void checkDeterministic() {
        if (deterministic && (harts > 1 || balloon != null || !nets.isEmpty())) {
            throw CliFailure.usage(
                    "--deterministic goes with one hart and without --balloon and --net");
        }
        if (instructions != null && (!deterministic || instructions < 1)) {
            throw CliFailure.usage(
                    "--instructions is for --deterministic, and at least 1: that many are"
                            + " executed");
        }
    }

    private String bootArguments() {
        String line = console == ConsoleLine.SERIAL ? "ttyS0" : "hvc0";
        return append.contains("console=")
                ? append
                : ("console=%s %s".formatted(line, append)).strip();
    }

    private static byte[] readFile(String noun, Path file) throws IOException {
        if (!Files.exists(file)) {
            throw CliFailure.refused("%s file '%s' does not exist".formatted(noun, file));
        }
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw CliFailure.refused("%s file '%s' cannot be read".formatted(noun, file));
        }
        if (Files.size(file) == 0) {
            throw CliFailure.refused("%s file '%s' is empty".formatted(noun, file));
        }
        if (Files.size(file) > FILE_BYTES_MAX) {
            throw CliFailure.refused("%s file '%s' is larger than 1 GiB".formatted(noun, file));
        }
        return Files.readAllBytes(file);
    }

    private static BlockVolume openDisk(Path file) {
        try {
            return FileVolume.open(file);
        } catch (IOException e) {
            throw CliFailure.refused(String.valueOf(e.getMessage()));
        }
    }

    private static TapDevice openTap(String name) {
        try {
            return TapDevice.open(name);
        } catch (IOException e) {
            throw CliFailure.refused(String.valueOf(e.getMessage()));
        }
    }

    private int run(MachineSpec spec, List<TapDevice> taps)
            throws IOException, InterruptedException {
        try (var machine = new Machine(spec, BootClock.SYSTEM, engine.kind(), new Watcher())) {
            List<TapCable> cables = new ArrayList<>();
            try {
                for (int i = 0; i < taps.size(); i++) {
                    cables.add(new TapCable(taps.get(i), machine.nics().get(i), EmuRun::tell));
                }
                return run(machine);
            } finally {
                cables.forEach(TapCable::close);
            }
        }
    }

    /// A guest whose output is lost has not done what it was started for.
    private static void requireOutput(ConsoleSession session) {
        session.outputTrouble()
                .ifPresent(why -> {
                    throw CliFailure.failed(
                            "standard output cannot be written (%s): the guest was ended"
                                    .formatted(why));
                });
    }

    private static void tell(Exception trouble) {
        System.err.print("weft: " + trouble.getMessage() + "\r\n");
    }

    private int run(Machine machine) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        boolean person = System.console() != null && System.console().isTerminal();
        var reached = new AtomicBoolean();
        if (instructions != null) {
            machine.stopAt(instructions)
                    .thenRun(() -> {
                        reached.set(true);
                        over.countDown();
                    });
        }
        machine.start();
        machine.balloon().ifPresent(it -> it.setTarget(balloon == null ? 0 : balloon.bytes()));
        SerialConsole line =
                console == ConsoleLine.SERIAL ? machine.console() : machine.virtioConsole();
        try (RawTerminal _ = person ? RawTerminal.take() : null) {
            var session = new ConsoleSession(line, person, over::countDown);
            session.start();
            boolean inTime = awaitEnd();
            PowerState end = machine.pause();
            line.close();
            session.awaitOutput();
            requireOutput(session);
            if (reached.get() && end instanceof PowerState.Paused) {
                System.err.printf(
                        "weft: state after %d instructions: %s%n",
                        instructions, StateHash.of(machine));
            }
            if (report) {
                report(machine, BootClock.SYSTEM.nowNanos() - startNanos);
            }
            if (!inTime) {
                throw CliFailure.failed(
                        "the guest did not end within %d s".formatted(timeoutSeconds));
            }
            return end instanceof PowerState.Failed(int code)
                    ? Math.min(code, 255)
                    : ExitCode.OK.value();
        }
    }

    /// Waits for the guest's end, or for the person to leave.
    private boolean awaitEnd() throws InterruptedException {
        if (timeoutSeconds != null) {
            return over.await(timeoutSeconds, TimeUnit.SECONDS);
        }
        over.await();
        return true;
    }

    private static void report(Machine machine, long nanos) {
        long instructions = machine.harts().stream().mapToLong(Hart::retiredInstructions).sum();
        double seconds = nanos / 1e9;
        System.err.printf(
                Locale.ROOT,
                "weft: %.2f s, %.3f G instructions, %.1f MIPS%n",
                seconds,
                instructions / 1e9,
                instructions / 1e6 / seconds);
        System.err.println("weft: " + machine.engines().counts());
    }

    /// What the machine tells while it runs.
    private final class Watcher implements Machine.Listener {
        /// Touched by the device loop alone.
        private String told = "";

        @Override
        public void powerChanged(PowerState state) {
            over.countDown();
        }

        @Override
        public void diskTrouble(int disk, VolumeException trouble) {
            String message = String.valueOf(trouble.getMessage());
            // A guest that asks again and again is answered the same; a person is told once.
            if (!message.equals(told)) {
                told = message;
                System.err.print("weft: " + message + "\r\n");
            }
        }
    }
}
