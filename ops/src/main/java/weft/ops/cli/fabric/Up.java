package weft.ops.cli.fabric;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.coordination.FabricPaths;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.NodePresence;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.EngineOption;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricFile;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;
import weft.ops.cli.StateFolder;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// `weft up`.
@Command(
        name = "up",
        description = "Start a fabric on this machine, in the background.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft up && weft status"})
public final class Up implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int POLL_MILLIS = 200;

    @Mixin private StateFolder state = new StateFolder();
    @Mixin private Output output = new Output();

    @Option(names = "--separate", description = "A process for each part, instead of one for all.")
    private boolean separate;

    @Option(
            names = "--storage-nodes",
            paramLabel = "N",
            defaultValue = "3",
            description = "How many storage nodes (default: ${DEFAULT-VALUE}).")
    private int storageNodes;

    @Option(
            names = "--disks-per-node",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "How many folders, each a store, a storage node has (default:"
                            + " ${DEFAULT-VALUE}).")
    private int disksPerNode;

    @Option(
            names = "--hosts",
            paramLabel = "N",
            defaultValue = "2",
            description = "How many VM hosts (default: ${DEFAULT-VALUE}).")
    private int hosts;

    @Option(
            names = "--host-memory",
            paramLabel = "SIZE",
            defaultValue = "2G",
            converter = ByteSize.Converter.class,
            description = "What each host offers to VMs (default: ${DEFAULT-VALUE}).")
    private ByteSize hostMemory = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Mixin private EngineOption engine = new EngineOption();

    @Mixin private ControlOptions control = new ControlOptions();

    /// What a start prints with `--json`.
    record Ready(String zookeeper, String folder, int storageNodes, int hosts, long millis) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (storageNodes < 3 || storageNodes > 100 || hosts < 0 || hosts > 100) {
            throw CliFailure.usage("a fabric has 3 to 100 storage nodes and up to 100 hosts");
        }
        if (disksPerNode < 1 || disksPerNode > 8) {
            throw CliFailure.usage("--disks-per-node is 1 to 8");
        }
        var offer = new HostOffer(hostMemory.bytes(), engine.kind());
        List<String> controlArguments = control.arguments();
        Path folder = state.path();
        Optional<FabricFile> earlier = FabricFile.read(folder);
        if (earlier.isPresent() && earlier.get().isAlive()) {
            output.result(
                    earlier.get(), "a fabric runs from " + folder + " already. Next: weft status");
            return ExitCode.OK.value();
        }
        long startNanos = BootClock.SYSTEM.nowNanos();
        LocalLayout layout = LocalLayout.free(folder);
        var processes = new LocalProcesses(layout);
        output.say("starting a fabric in " + folder);
        if (separate) {
            processes.startSeparate(
                    new FabricSize(storageNodes, disksPerNode, hosts), offer, controlArguments);
        } else {
            processes.start(
                    "fabric",
                    LocalProcesses.withVms("-Xmx2g"),
                    allArguments(layout, offer, controlArguments));
        }
        awaitReady(layout);
        long millis = (BootClock.SYSTEM.nowNanos() - startNanos) / 1_000_000;
        output.result(
                new Ready(layout.zookeeper(), folder.toString(), storageNodes, hosts, millis),
                """
                ready in %.1f s: %d storage nodes, %d hosts, ZooKeeper at %s
                Next: weft image pull debian-micro, then weft network create blue --vlan 10\
                """
                        .formatted(millis / 1000.0, storageNodes, hosts, layout.zookeeper()));
        return ExitCode.OK.value();
    }

    private List<String> allArguments(
            LocalLayout layout, HostOffer offer, List<String> controlArguments) {
        var arguments = new ArrayList<>(List.of("node", "all"));
        arguments.addAll(controlArguments);
        arguments.addAll(
                List.of(
                        "--data",
                        layout.folder().toString(),
                        "--loopback",
                        Integer.toString(layout.index()),
                        "--storage-nodes",
                        Integer.toString(storageNodes),
                        "--disks-per-node",
                        Integer.toString(disksPerNode),
                        "--hosts",
                        Integer.toString(hosts),
                        "--host-memory",
                        Long.toString(offer.memoryBytes()),
                        "--engine",
                        offer.engine().lowerCase()));
        return arguments;
    }

    private void awaitReady(LocalLayout layout) throws IOException, InterruptedException {
        try {
            Readiness.await(layout, storageNodes, hosts, PATIENCE);
        } catch (CliFailure e) {
            // Nothing half-started stays behind.
            Optional<FabricFile> file = FabricFile.read(layout.folder());
            if (file.isPresent()) {
                LocalProcesses.stop(file.get());
                FabricFile.delete(layout.folder());
            }
            throw e;
        }
    }

    /// Waiting for a fabric to be complete.
    public static final class Readiness {
        private Readiness() {}

        /// Waits until all parts have announced themselves and all placement groups exist.
        ///
        /// @throws CliFailure if a process has ended, or after the time
        public static void await(LocalLayout layout, int storageNodes, int hosts, Duration patience)
                throws IOException, InterruptedException {
            long endNanos = BootClock.SYSTEM.nowNanos() + patience.toNanos();
            try (FabricSession session = connect(layout, endNanos)) {
                while (BootClock.SYSTEM.nowNanos() < endNanos) {
                    if (isComplete(session, storageNodes, hosts)) {
                        return;
                    }
                    requireAlive(layout);
                    Pause.millis(POLL_MILLIS);
                }
            }
            throw notUp(layout, "it is not complete after " + patience.toSeconds() + " s");
        }

        private static FabricSession connect(LocalLayout layout, long endNanos) throws IOException {
            while (true) {
                try {
                    return FabricSession.open(layout.zookeeper(), Duration.ofSeconds(2));
                } catch (CliFailure e) {
                    requireAlive(layout);
                    if (BootClock.SYSTEM.nowNanos() > endNanos) {
                        throw notUp(layout, "its ZooKeeper does not answer");
                    }
                }
            }
        }

        private static void requireAlive(LocalLayout layout) throws IOException {
            FabricFile file = FabricFile.read(layout.folder()).orElseThrow();
            if (file.processes().stream().anyMatch(process -> process.handle().isEmpty())) {
                throw notUp(layout, "a process has ended");
            }
        }

        private static CliFailure notUp(LocalLayout layout, String why) throws IOException {
            String more =
                    FabricFile.read(layout.folder())
                            .map(file -> LocalProcesses.post(layout.folder(), file))
                            .orElse("");
            return CliFailure.failed("the fabric did not start: " + why + "; " + more);
        }

        /// Whether all parts have announced themselves and all placement groups exist.
        public static boolean isComplete(FabricSession session, int storageNodes, int hosts)
                throws IOException {
            FabricImage image = session.image();
            Optional<Cluster> cluster = image.cluster();
            return cluster.isPresent()
                    && count(image, NodePresence.Role.STORAGE) >= storageNodes
                    && count(image, NodePresence.Role.HOST) >= hosts
                    && count(image, NodePresence.Role.CONTROL) >= 1
                    && session.records().store().children(FabricPaths.PLACEMENT_GROUPS).size()
                            == 1 << cluster.get().pgBits();
        }

        private static long count(FabricImage image, NodePresence.Role role) {
            return image.presences().values().stream().filter(p -> p.role() == role).count();
        }
    }
}
