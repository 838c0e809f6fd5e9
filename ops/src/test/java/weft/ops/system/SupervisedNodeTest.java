package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.cli.JavaProcess;
import weft.ops.node.Part;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/// `weft node storage --supervised` as a process: what it says of a child that dies, and what it
/// does then.
@Timeout(180)
final class SupervisedNodeTest {
    private static final String ADDRESS = "127.0.88.1";

    @TempDir Path folder;

    private final Set<Member> ended = ConcurrentHashMap.newKeySet();
    private final List<Process> started = new ArrayList<>();
    private EmbeddedZooKeeper zookeeper;
    private ZooKeeperFabricStore store;
    private FabricWatcher watcher;

    @BeforeEach
    void start() throws Exception {
        zookeeper = EmbeddedZooKeeper.start(folder.resolve("zookeeper"), ADDRESS, 0);
        store = ZooKeeperFabricStore.connect(zookeeper.connectString(), Duration.ofSeconds(20));
        new FabricRecords(store).create(FabricPaths.CLUSTER, Part.newCluster(3, 2));
        watcher = FabricWatcher.start(store);
        watcher.onChange(this::note);
    }

    private void note(FabricImage image) {
        image.presences().values().forEach(presence -> ended.addAll(presence.endedLives()));
    }

    @AfterEach
    void stop() throws Exception {
        for (Process process : started) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
        watcher.close();
        store.close();
        zookeeper.close();
    }

    private Process startNode(Path data) throws Exception {
        Files.createDirectories(folder.resolve("logs"));
        var process =
                new ProcessBuilder(
                                JavaProcess.command(
                                        folder.resolve("logs/node1.log"),
                                        List.of("-Xmx256m", "-XX:+UseSerialGC"),
                                        List.of(
                                                "node",
                                                "storage",
                                                "--supervised",
                                                "--name",
                                                "node1",
                                                "--zookeeper",
                                                zookeeper.connectString(),
                                                "--listen",
                                                ADDRESS + ":7400",
                                                "--data",
                                                data.toString())))
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("node1.out").toFile())
                        .start();
        started.add(process);
        return process;
    }

    private Optional<NodePresence> presence() {
        return Optional.ofNullable(watcher.image().presences().get("storage/node1"))
                .filter(presence -> presence.endedLives().isEmpty());
    }

    private NodePresence awaitPresence(long otherPid) throws Exception {
        Await.until("the node", () -> presence().filter(p -> p.pid() != otherPid).isPresent());
        return presence().orElseThrow();
    }

    @Test
    void aDeathIsToldAndTheNodeStartsAgain() throws Exception {
        Process supervisor = startNode(folder.resolve("data"));
        NodePresence first = awaitPresence(0);
        assertNotEquals(supervisor.pid(), first.pid());
        ProcessHandle.of(first.pid()).orElseThrow().destroyForcibly();
        NodePresence second = awaitPresence(first.pid());
        assertEquals(Set.copyOf(first.stores()), ended);
        assertEquals(first.stores().getFirst().store(), second.stores().getFirst().store());
        assertNotEquals(first.stores(), second.stores());

        ProcessHandle child = ProcessHandle.of(second.pid()).orElseThrow();
        supervisor.destroy();
        assertTrue(supervisor.waitFor(40, TimeUnit.SECONDS));
        assertFalse(child.isAlive());
        Await.until("it takes its record away", () -> presence().isEmpty());
        var both = new HashSet<>(first.stores());
        both.addAll(second.stores());
        assertTrue(both.containsAll(ended), "no other life; of its orderly end it tells itself");
    }

    @Test
    void aNodeThatDiesWhileTheCoordinationIsAwayIsStartedAgain() throws Exception {
        Process supervisor = startNode(folder.resolve("data"));
        NodePresence first = awaitPresence(0);
        int port = Integer.parseInt(zookeeper.connectString().split(":")[1]);
        zookeeper.close();
        ProcessHandle.of(first.pid()).orElseThrow().destroyForcibly();
        Await.until(
                "another child",
                Duration.ofSeconds(60),
                () -> supervisor.children().anyMatch(child -> child.pid() != first.pid()));
        zookeeper = EmbeddedZooKeeper.start(folder.resolve("zookeeper"), ADDRESS, port);
        NodePresence second = awaitPresence(first.pid());
        assertEquals(first.stores().getFirst().store(), second.stores().getFirst().store());
        assertNotEquals(first.stores(), second.stores());
        assertTrue(supervisor.isAlive());
    }

    @Test
    void aNodeThatNeverComesUpIsNotStartedAgain() throws Exception {
        Path file = Files.createFile(folder.resolve("no-folder"));
        Process supervisor = startNode(file);
        assertTrue(supervisor.waitFor(60, TimeUnit.SECONDS));
        String said = Files.readString(folder.resolve("node1.out"));
        assertNotEquals(0, supervisor.exitValue(), said);
        assertTrue(said.contains(file.toString()), said);
        assertEquals(1, said.split("no store could be opened", -1).length - 1, said);
    }
}
