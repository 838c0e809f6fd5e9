package weft.ops.system;

import weft.fabric.Configuration;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.JavaProcess;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// A pool of real processes on machines of a [NamespaceLab], each node with a disk of its own, and
/// the harm that can be done to them. Runs on the lab's last machine, where ZooKeeper, control and
/// clients are, too.
///
/// Disks are file systems in files, mounted here only: `ip netns exec` gives each process mounts of
/// its own, so they go with the last process.
final class FaultyFabric implements AutoCloseable {
    static final int NODES = 4;
    static final int MACHINES = NODES + 1;

    /// Not a node: for [#kill] and [#start].
    static final int ZOOKEEPER = 0;

    /// Less than the store's reserve of 1 GiB.
    static final long WITHIN_RESERVE_BYTES = 600L << 20;

    /// The reserve, the journal's 512 MiB, and room for volumes.
    private static final long DISK_BYTES = 4L << 30;

    private static final String ADDRESS = NamespaceLab.address(MACHINES);
    private static final String ZOOKEEPER_ADDRESS = ADDRESS + ":2181";
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final int STOP_SECONDS = 30;

    /// That of production, which keeps quiet of what Curator says; tests have one before it.
    static final String LOGGING = "-Dlogback.configurationFile=logback.xml";

    private final NamespaceLab lab;
    private final Path folder;
    private final Map<Integer, Process> processes = new HashMap<>();
    private final FabricSession session;

    private FaultyFabric(NamespaceLab lab, Path folder) throws Exception {
        this.lab = lab;
        this.folder = folder;
        for (int node = 1; node <= NODES; node++) {
            makeDisk(node);
        }
        start(ZOOKEEPER);
        session = connect(ZOOKEEPER_ADDRESS);
        var _ =
                lab.start(
                        MACHINES,
                        folder.resolve("control.out"),
                        JavaProcess.command(
                                folder.resolve("control.log"),
                                List.of("-Xmx256m", "-XX:+UseSerialGC", LOGGING),
                                part("control", "control1", ADDRESS, List.of())));
        for (int node = 1; node <= NODES; node++) {
            start(node);
        }
        for (int node = 1; node <= NODES; node++) {
            // Groups may be whole without the last ones.
            String record = "storage/node" + node;
            Await.until(record, PATIENCE, () -> session.image().presences().containsKey(record));
        }
        awaitWhole();
    }

    static FaultyFabric start(NamespaceLab lab, Path folder) throws Exception {
        try {
            return new FaultyFabric(lab, folder);
        } catch (Exception | AssertionError e) {
            lab.close();
            throw e;
        }
    }

    private void makeDisk(int node) throws Exception {
        Path file = folder.resolve("disk" + node);
        NamespaceLab.run(List.of("truncate", "-s", Long.toString(DISK_BYTES), file.toString()));
        NamespaceLab.run(List.of("mkfs.ext4", "-q", "-m", "0", file.toString()));
        Files.createDirectory(diskOf(node));
        NamespaceLab.run(
                List.of("mount", "-o", "loop,discard", file.toString(), diskOf(node).toString()));
    }

    private Path diskOf(int node) {
        return folder.resolve("mounted" + node);
    }

    /// Waits until a ZooKeeper that has just been started answers.
    static FabricSession connect(String zookeeper) throws Exception {
        var session = new AtomicReference<FabricSession>();
        Await.until(
                "ZooKeeper answers",
                PATIENCE,
                () -> {
                    try {
                        session.set(FabricSession.open(zookeeper, Duration.ofSeconds(2)));
                        return true;
                    } catch (CliFailure e) {
                        return false;
                    }
                });
        return session.get();
    }

    private static List<String> part(String role, String name, String host, List<String> more) {
        var arguments =
                new ArrayList<>(
                        List.of(
                                "node",
                                role,
                                "--name",
                                name,
                                "--zookeeper",
                                ZOOKEEPER_ADDRESS,
                                "--listen",
                                host + ":7400"));
        arguments.addAll(more);
        return arguments;
    }

    FabricSession session() {
        return session;
    }

    /// Starts a node, or ZooKeeper.
    void start(int node) throws IOException {
        String name = node == ZOOKEEPER ? "zookeeper" : "node" + node;
        List<String> arguments =
                node == ZOOKEEPER
                        ? List.of(
                                "node",
                                "zookeeper",
                                "--data",
                                folder.resolve("zookeeper").toString(),
                                "--listen",
                                ZOOKEEPER_ADDRESS)
                        : part(
                                "storage",
                                name,
                                NamespaceLab.address(node),
                                List.of(
                                        "--supervised",
                                        "--data",
                                        diskOf(node).resolve("data").toString()));
        List<String> options =
                List.of("-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", LOGGING);
        Process process =
                lab.start(
                        node == ZOOKEEPER ? MACHINES : node,
                        folder.resolve(name + ".out"),
                        JavaProcess.command(folder.resolve(name + ".log"), options, arguments));
        processes.put(node, process);
    }

    private Process process(int node) {
        return Objects.requireNonNull(processes.get(node));
    }

    /// SIGKILL, also for who would tell of it.
    void kill(int node) throws InterruptedException {
        // None where it has just ended by itself.
        Optional<ProcessHandle> own = process(node).toHandle().children().findFirst();
        process(node).destroyForcibly().waitFor();
        own.ifPresent(child -> {
            child.destroyForcibly();
            child.onExit().join();
        });
    }

    /// SIGKILL for the node, not for who tells of it and starts it again.
    void killSupervised(int node) {
        ProcessHandle own = handle(node);
        own.destroyForcibly();
        own.onExit().join();
    }

    /// A node's own process is the child of its supervisor.
    private ProcessHandle handle(int node) {
        ProcessHandle started = process(node).toHandle();
        if (node == ZOOKEEPER) {
            return started;
        }
        return started.children()
                .findFirst()
                .orElseThrow(() -> new AssertionError("node" + node + " does not run"));
    }

    /// Waits until its supervisor has told that the node has ended.
    void awaitReport(int node) throws Exception {
        Await.until(
                "the end of node" + node + " is told",
                PATIENCE,
                () -> {
                    var presence = session.image().presences().get("storage/node" + node);
                    return presence != null && !presence.endedLives().isEmpty();
                });
    }

    /// Has its disk hang in all it is asked to write (`-f`), or go on (`-u`).
    void freezeDisk(int node, String how) throws Exception {
        NamespaceLab.run(List.of("fsfreeze", how, diskOf(node).toString()));
    }

    /// SIGTERM; it has time to close its store.
    void stop(int node) throws Exception {
        process(node).destroy();
        if (!process(node).waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            throw new AssertionError("node" + node + " does not stop");
        }
    }

    /// A signal by its name.
    void signal(int node, String name) throws Exception {
        NamespaceLab.run(List.of("kill", "-" + name, Long.toString(handle(node).pid())));
    }

    /// Takes a node's cable away (`down`), or plugs it in.
    void cable(int node, String state) throws Exception {
        NamespaceLab.run(lab.cable(node, state));
    }

    /// Has a node's packets dropped on their way out (`add`), or not any more (`del`).
    void silence(int node, String change) throws Exception {
        for (int other = 1; other <= MACHINES; other++) {
            if (other != node) {
                NamespaceLab.run(
                        List.of(
                                "ip",
                                "-n",
                                lab.machine(node),
                                "route",
                                change,
                                "blackhole",
                                NamespaceLab.address(other)));
            }
        }
    }

    /// Takes space on a node's disk until that is left.
    void fillDisk(int node, long leftBytes) throws Exception {
        long free = diskOf(node).toFile().getUsableSpace();
        String bytes = Long.toString(Math.max(1, free - leftBytes));
        // With nothing left, the last blocks may be needed for the file's own maps.
        try {
            NamespaceLab.run(List.of("fallocate", "-l", bytes, ballastOf(node).toString()));
        } catch (IOException e) {
            if (leftBytes > 0) {
                throw e;
            }
        }
    }

    private Path ballastOf(int node) {
        return diskOf(node).resolve("ballast");
    }

    void emptyDisk(int node) throws IOException {
        Files.deleteIfExists(ballastOf(node));
    }

    /// Waits until all groups have all their copies.
    void awaitWhole() throws Exception {
        Await.until(
                "all groups are whole",
                PATIENCE,
                () -> {
                    try {
                        var health = PoolHealth.of(PoolHealth.groups(session.records()));
                        return health.groups() > 0 && health.whole() == health.groups();
                    } catch (IOException | UncheckedIOException e) {
                        return false; // ZooKeeper is away, or comes back.
                    }
                });
    }

    /// Which of the first nodes is the primary of most groups.
    int busiest(int nodes) throws IOException {
        List<Configuration> groups = PoolHealth.groups(session.records());
        int busiest = 1;
        long most = -1;
        for (int node = 1; node <= nodes; node++) {
            NodePresence presence = session.image().presences().get("storage/node" + node);
            long primaries =
                    presence == null
                            ? 0
                            : groups.stream()
                                    .filter(group -> presence.serves(group.primary().store()))
                                    .count();
            if (primaries > most) {
                busiest = node;
                most = primaries;
            }
        }
        return busiest;
    }

    /// The ends of the logs of all processes, and what they warned of.
    String lastWords() {
        var words = new StringBuilder();
        for (int node = ZOOKEEPER; node <= NODES; node++) {
            String name = node == ZOOKEEPER ? "control" : "node" + node;
            try {
                String log = Files.readString(folder.resolve(name + ".log"));
                words.append("%n== %s%n".formatted(name));
                log.lines()
                        .filter(line -> line.contains(" WARN ") || line.contains(" ERROR "))
                        .forEach(line -> words.append(line).append('\n'));
                words.append("…\n").append(log, Math.max(0, log.length() - 3000), log.length());
            } catch (IOException e) {
                words.append("%n== %s: %s%n".formatted(name, e));
            }
        }
        return words.toString();
    }

    @Override
    public void close() {
        session.close();
        lab.close();
    }
}
