package weft.ops.cli.fabric;

import weft.fabric.NodePresence.Role;
import weft.ops.cli.FabricFile;
import weft.ops.cli.JavaProcess;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// The processes of a fabric on this machine: started in the background, stopped by their pids.
public final class LocalProcesses {
    private static final int STOP_SECONDS = 25;
    private static final int LOG_LINES = 5;

    /// What RocksDB and the JVM give back to glibc goes back to the system: by default there is an
    /// arena for every few threads, and what was freed in it is kept. A storage node with the maps
    /// of 100 GiB took 50 to 80 MiB more. `ops/weft` says the same.
    private static final Map<String, String> FRUGAL_ALLOCATOR =
            Map.of(
                    "MALLOC_ARENA_MAX", "2",
                    "MALLOC_MMAP_THRESHOLD_", "131072",
                    "MALLOC_TRIM_THRESHOLD_", "131072");

    private final LocalLayout layout;
    private final List<FabricFile.Started> started = new ArrayList<>();

    public LocalProcesses(LocalLayout layout) {
        this.layout = layout;
    }

    /// Starts one process.
    ///
    /// @param name names its log file, too
    /// @param arguments of `weft`
    public Process start(String name, List<String> jvmOptions, List<String> arguments)
            throws IOException {
        return start(name, jvmOptions, arguments, Map.of());
    }

    private Process start(
            String name,
            List<String> jvmOptions,
            List<String> arguments,
            Map<String, String> environment)
            throws IOException {
        Path logs = logs(layout.folder());
        Files.createDirectories(logs);
        Path log = logs.resolve(name + ".log");
        // What the JVM itself says, as when it cannot start, goes beside the log.
        Path out = logs.resolve(name + ".out");
        var builder =
                new ProcessBuilder(JavaProcess.command(log, jvmOptions, arguments))
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                        .redirectOutput(out.toFile())
                        .redirectErrorStream(true);
        environment.forEach(builder.environment()::putIfAbsent);
        Process process = builder.start();
        started.add(FabricFile.Started.of(name, process.toHandle()));
        write();
        return process;
    }

    private void write() throws IOException {
        new FabricFile(layout.zookeeper(), layout.index(), started, Instant.now().toString())
                .write(layout.folder());
    }

    /// Starts the processes of a separate fabric, in an order in which each finds what it needs.
    public void startSeparate(FabricSize size, HostOffer offer) throws IOException {
        startSeparate(size, offer, List.of());
    }

    /// @param controlArguments more options of the control process
    public void startSeparate(FabricSize size, HostOffer offer, List<String> controlArguments)
            throws IOException {
        String zookeeper = layout.zookeeper();
        start(
                "zookeeper",
                List.of("-Xmx256m", "-XX:+UseSerialGC"),
                List.of(
                        "node",
                        "zookeeper",
                        "--data",
                        layout.folder().resolve("zookeeper").toString(),
                        "--listen",
                        zookeeper));
        start(
                "control1",
                List.of("-Xmx256m", "-XX:+UseSerialGC"),
                part("control", Role.CONTROL, 1, controlArguments));
        for (int i = 1; i <= size.storageNodes(); i++) {
            var _ = startStorage(i, size.disksPerNode());
        }
        for (int i = 1; i <= size.hosts(); i++) {
            startHost(i, offer);
        }
    }

    /// Starts the n-th storage node, with so many disks.
    public Process startStorage(int number, int disks) throws IOException {
        var stores = new ArrayList<String>(List.of("--host", "node" + number));
        for (Path folder : layout.disks(number, disks)) {
            stores.addAll(List.of("--data", folder.toString()));
        }
        // Each store has its own block maps, 64 MiB of them, and its own buffers. What the heap may
        // have it takes in time, live or not: a node of one disk is to stay below 600 MiB in all.
        int memoryMebibytes = 256 + 128 * disks;
        return start(
                "node" + number,
                List.of(
                        "-Xmx%dm".formatted(memoryMebibytes),
                        "-XX:+UseSerialGC",
                        // Monitors are looked after every 250 ms otherwise: a tenth of an idle
                        // node's wake-ups.
                        "-XX:+UnlockDiagnosticVMOptions",
                        "-XX:AsyncDeflationInterval=2500",
                        "-XX:MaxDirectMemorySize=%dm".formatted(memoryMebibytes)),
                part("storage", Role.STORAGE, number, stores),
                FRUGAL_ALLOCATOR);
    }

    /// Starts the n-th host.
    public Process startHost(int number, HostOffer offer) throws IOException {
        return start(
                "host" + number,
                withVms("-Xmx1g"),
                part(
                        "host",
                        Role.HOST,
                        number,
                        List.of(
                                "--memory",
                                Long.toString(offer.memoryBytes()),
                                "--engine",
                                offer.engine().lowerCase())));
    }

    /// Options of a process that runs VMs. A guest that boots makes garbage, and then idles: the
    /// heap goes back to what is in use, at the latest five minutes later.
    static List<String> withVms(String heap) {
        return List.of(
                heap,
                "-XX:+UseG1GC",
                "-XX:MinHeapFreeRatio=10",
                "-XX:MaxHeapFreeRatio=20",
                "-XX:G1PeriodicGCInterval=300000");
    }

    private List<String> part(String command, Role role, int number, List<String> more) {
        var options = layout.part(role, number, HostOffer.NONE);
        var arguments =
                new ArrayList<String>(
                        List.of(
                                "node",
                                command,
                                "--name",
                                options.node().name(),
                                "--zookeeper",
                                options.zookeeper(),
                                "--listen",
                                options.listen().getHostString()
                                        + ":"
                                        + options.listen().getPort()));
        arguments.addAll(more);
        return arguments;
    }

    /// Why a fabric does not come up: the process that has ended, and its last words.
    public static String post(Path folder, FabricFile file) {
        for (FabricFile.Started process : file.processes()) {
            if (process.handle().isEmpty()) {
                return "%s has ended: %s"
                        .formatted(process.name(), lastWords(folder, process.name()));
            }
        }
        return "see the logs in " + logs(folder);
    }

    private static String lastWords(Path folder, String name) {
        Path out = logs(folder).resolve(name + ".out");
        try {
            List<String> lines =
                    Files.readAllLines(out).stream().filter(line -> !line.isBlank()).toList();
            if (!lines.isEmpty()) {
                return String.join(
                        " | ", lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size()));
            }
        } catch (IOException e) {
            // Then the log must do.
        }
        return "see " + logs(folder).resolve(name + ".log");
    }

    /// Stops the processes, the last started first: hosts give their VMs up, storage nodes close
    /// their stores. Those that do not end in time are killed.
    ///
    /// @return the names of those that had to be killed
    public static List<String> stop(FabricFile file) throws InterruptedException {
        var killed = new ArrayList<String>();
        List<FabricFile.Started> processes = file.processes().reversed();
        for (FabricFile.Started process : processes) {
            if (process.name().equals("zookeeper") || process.name().startsWith("control")) {
                continue;
            }
            process.handle().ifPresent(ProcessHandle::destroy);
        }
        for (FabricFile.Started process : processes) {
            var handle = process.handle();
            if (handle.isEmpty()) {
                continue;
            }
            handle.get().destroy();
            if (!hasEnded(handle.get())) {
                handle.get().destroyForcibly();
                killed.add(process.name());
            }
        }
        return killed;
    }

    private static boolean hasEnded(ProcessHandle process) throws InterruptedException {
        CompletableFuture<ProcessHandle> end = process.onExit();
        try {
            end.get(STOP_SECONDS, TimeUnit.SECONDS);
            return true;
        } catch (TimeoutException | ExecutionException e) {
            return false;
        }
    }

    /// Where the processes of the fabric in this folder log.
    public static Path logs(Path folder) {
        return folder.resolve("logs");
    }
}
