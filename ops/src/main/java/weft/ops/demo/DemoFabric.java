package weft.ops.demo;

import weft.coordination.FabricPaths;
import weft.fabric.Configuration;
import weft.ops.cli.FabricFile;
import weft.ops.cli.FabricSession;
import weft.ops.cli.fabric.LocalProcesses;
import weft.ops.cli.fabric.Up;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// The fabric of a demo: ZooKeeper, control, three storage nodes and two hosts, each a process of
/// its own, in a folder of its own.
public final class DemoFabric implements Stage, AutoCloseable {
    private static final long HOST_MEMORY_BYTES = 2L << 30;
    private static final Duration START_PATIENCE = Duration.ofSeconds(90);

    private final LocalLayout layout;
    private final LocalProcesses processes;
    private final FabricSession session;
    private final PoolSession pool;
    private final Thread atExit;
    private End end = End.KEEP_LOGS;

    /// What [#close] leaves.
    public enum End {
        /// Nothing.
        REMOVE,
        /// The logs of its processes: something went wrong.
        KEEP_LOGS,
        /// Everything, and it runs.
        KEEP_RUNNING
    }

    private DemoFabric(
            LocalLayout layout,
            LocalProcesses processes,
            FabricSession session,
            PoolSession pool,
            Thread atExit) {
        this.layout = layout;
        this.processes = processes;
        this.session = session;
        this.pool = pool;
        this.atExit = atExit;
    }

    /// Starts it.
    public static DemoFabric start(Path folder) throws IOException, InterruptedException {
        LocalLayout layout = LocalLayout.free(folder);
        var processes = new LocalProcesses(layout);
        // Ctrl-C and a plain kill, too, end what was started.
        var atExit = new Thread(() -> removeAll(layout), "demo-exit");
        Runtime.getRuntime().addShutdownHook(atExit);
        try {
            processes.startSeparate(
                    FabricSize.of(STORAGE_NODES, HOSTS), HostOffer.ofMemory(HOST_MEMORY_BYTES));
            Up.Readiness.await(layout, STORAGE_NODES, HOSTS, START_PATIENCE);
            FabricSession session = FabricSession.open(layout.zookeeper(), Duration.ofSeconds(10));
            return new DemoFabric(
                    layout,
                    processes,
                    session,
                    new PoolSession(session.records().store(), session::image),
                    atExit);
        } catch (IOException | RuntimeException e) {
            Runtime.getRuntime().removeShutdownHook(atExit);
            stop(layout);
            throw e;
        }
    }

    @Override
    public FabricSession session() {
        return session;
    }

    @Override
    public PoolSession pool() {
        return pool;
    }

    @Override
    public String harm(int storageNode) {
        return "kill -9 of node%d, the primary of most placement groups".formatted(storageNode);
    }

    @Override
    public void doHarm(int storageNode) throws IOException {
        String node = "node" + storageNode;
        ProcessHandle process =
                FabricFile.read(layout.folder()).orElseThrow().processes().stream()
                        .filter(started -> started.name().equals(node))
                        .map(FabricFile.Started::handle)
                        .flatMap(Optional::stream)
                        .findFirst()
                        .orElseThrow(() -> new DemoFailure(node + " is not running"));
        process.destroyForcibly();
        process.onExit().join();
    }

    @Override
    public void heal(int storageNode) throws IOException {
        var _ = processes.startStorage(storageNode, 1);
    }

    /// The node with the most primaries: its death hurts most.
    @Override
    public int victim() throws IOException {
        var primaries = new int[STORAGE_NODES + 1];
        for (String name : session.records().store().children(FabricPaths.PLACEMENT_GROUPS)) {
            Configuration group = configuration(name);
            for (int i = 1; i <= STORAGE_NODES; i++) {
                var presence = image().presences().get("storage/node" + i);
                if (presence != null && presence.serves(group.primary().store())) {
                    primaries[i]++;
                }
            }
        }
        int busiest = 1;
        for (int i = 2; i <= STORAGE_NODES; i++) {
            if (primaries[i] > primaries[busiest]) {
                busiest = i;
            }
        }
        return busiest;
    }

    private Configuration configuration(String name) throws IOException {
        return session.records()
                .find(FabricPaths.PLACEMENT_GROUPS + "/" + name, Configuration.class)
                .orElseThrow(() -> new DemoFailure("placement group " + name + " is gone"))
                .noun();
    }

    /// What [#close] is to leave; if nobody says so, the logs.
    public void endWith(End chosen) {
        end = chosen;
    }

    /// Whether this process was told to end, and takes the fabric with it.
    public boolean isEnding() {
        return atExit.getState() != Thread.State.NEW;
    }

    /// Where the logs are, once it is closed with [End#KEEP_LOGS].
    public Path logs() {
        return LocalProcesses.logs(layout.folder());
    }

    @Override
    public void close() {
        pool.close();
        session.close();
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // The JVM ends already: the hook does it.
            return;
        }
        switch (end) {
            case REMOVE -> removeAll(layout);
            case KEEP_LOGS -> {
                stop(layout);
                deleteFolder(layout.folder(), file -> !file.startsWith(logs()));
            }
            case KEEP_RUNNING -> {}
        }
    }

    private static void removeAll(LocalLayout layout) {
        stop(layout);
        deleteFolder(layout.folder(), _ -> true);
    }

    private static void stop(LocalLayout layout) {
        try {
            Optional<FabricFile> file = FabricFile.read(layout.folder());
            if (file.isPresent()) {
                LocalProcesses.stop(file.get());
            }
        } catch (IOException e) {
            System.err.println("weft: cannot stop the demo's fabric: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void deleteFolder(Path folder, Predicate<Path> chosen) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(chosen).sorted(Comparator.reverseOrder()).toList()) {
                if (!hasChildren(file)) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            System.err.println("weft: cannot remove " + folder + ": " + e.getMessage());
        }
    }

    private static boolean hasChildren(Path file) throws IOException {
        if (!Files.isDirectory(file)) {
            return false;
        }
        try (Stream<Path> children = Files.list(file)) {
            return children.findAny().isPresent();
        }
    }
}
