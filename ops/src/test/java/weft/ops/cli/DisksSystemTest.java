package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Configuration;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.fabric.LocalProcesses;
import weft.ops.cli.fabric.Up;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// Three storage nodes of two disks, each a process of its own, and what happens to disks: they are
/// lost, come back, are swapped and replaced. Somebody writes meanwhile.
@Timeout(600)
final class DisksSystemTest {
    private static final FabricSize SIZE = new FabricSize(3, 2, 0);
    private static final int GROUPS = 32;
    private static final int REPLICAS = 3;
    private static final int ATTEMPTS_MAX = 3;

    @TempDir Path folder;
    private LocalLayout layout;
    private LocalProcesses processes;
    private @Nullable FabricSession session;
    private final Map<Integer, Process> nodes = new HashMap<>();

    @BeforeEach
    void start() throws Exception {
        // Another fabric may take the addresses before the processes of this one do.
        for (int attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
            try {
                startOnce();
                return;
            } catch (CliFailure e) {
                stopProcesses();
            }
        }
        startOnce();
    }

    private void startOnce() throws Exception {
        layout = LocalLayout.free(folder);
        processes = new LocalProcesses(layout);
        processes.startSeparate(
                new FabricSize(0, SIZE.disksPerNode(), 0),
                HostOffer.NONE,
                List.of("--replace-after", "4", "--moves-per-node", "8"));
        for (int node = 1; node <= SIZE.storageNodes(); node++) {
            startNode(node);
        }
        Up.Readiness.await(layout, SIZE.storageNodes(), 0, Duration.ofSeconds(120));
        session = FabricSession.open(layout.zookeeper(), Duration.ofSeconds(10));
    }

    @AfterEach
    void stop() throws Exception {
        if (session != null) {
            session.close();
        }
        stopProcesses();
    }

    private void stopProcesses() throws Exception {
        var file = FabricFile.read(folder);
        if (file.isPresent()) {
            var _ = LocalProcesses.stop(file.get());
        }
    }

    private void startNode(int number) throws IOException {
        nodes.put(number, processes.startStorage(number, SIZE.disksPerNode()));
    }

    /// As `kill` does it.
    private void stopNode(int number) throws InterruptedException {
        Process node = nodes.get(number);
        if (node != null) {
            node.destroy();
            assertTrue(node.waitFor(60, TimeUnit.SECONDS));
        }
    }

    private Path disk(int node, int disk) {
        return layout.disks(node, SIZE.disksPerNode()).get(disk - 1);
    }

    private String type(String line) {
        LoopbackFabric.Ended ended = LoopbackFabric.type(layout.zookeeper(), line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended.out();
    }

    /// The row of the disk's present store.
    private JsonNode row(Path disk) throws IOException {
        return find(disk).orElseThrow(() -> new AssertionError("no store in " + disk));
    }

    private Optional<JsonNode> find(Path disk) throws IOException {
        for (JsonNode row : new ObjectMapper().readTree(type("node list --json"))) {
            if (row.path("folder").asText().equals(disk.toString())) {
                return Optional.of(row);
            }
        }
        return Optional.empty();
    }

    private void awaitState(Path disk, String state) throws Exception {
        try {
            Await.until(
                    disk + " is " + state,
                    Duration.ofSeconds(120),
                    () ->
                            find(disk)
                                    .filter(row -> row.path("state").asText().equals(state))
                                    .isPresent());
        } catch (AssertionError e) {
            throw new AssertionError(type("node list"), e);
        }
    }

    /// Every group has all its copies, on different hosts.
    private boolean isWhole() throws IOException {
        Map<StoreId, PoolStore> stores = new HashMap<>();
        new NodeAdmin(session().records()).stores().forEach(s -> stores.put(s.store(), s));
        List<Configuration> groups = PoolHealth.groups(session().records());
        return groups.size() == GROUPS
                && groups.stream()
                        .allMatch(group ->
                                group.members().size() == REPLICAS
                                        && group.wanted().stream().allMatch(group::hasStore)
                                        && group.wanted().stream()
                                                        .map(stores::get)
                                                        .filter(store -> store != null)
                                                        .map(PoolStore::domain)
                                                        .distinct()
                                                        .count()
                                                == REPLICAS);
    }

    private void awaitWhole() throws Exception {
        try {
            Await.until(
                    "all groups have their copies on different hosts",
                    Duration.ofSeconds(120),
                    this::isWhole);
        } catch (AssertionError e) {
            throw new AssertionError(type("node list --all") + type("pool map"), e);
        }
    }

    private void requireEqualReplicas(PoolSession pool) throws Exception {
        var result = pool.client().replicaComparison().compareAtRest(Duration.ofSeconds(60));
        assertEquals(List.of(), result.differences());
        assertEquals(GROUPS, result.fullGroups());
    }

    private FabricSession session() {
        return Objects.requireNonNull(session);
    }

    private static String metrics(int node, LocalLayout layout) throws IOException {
        var page =
                URI.create("http://127.0.%d.%d:9400/metrics".formatted(layout.index(), 10 + node));
        try (InputStream in = page.toURL().openStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void aLostDiskIsThatDiskOnlyAndItsCopiesAreMadeElsewhere() throws Exception {
        awaitWhole();
        type("volume create data --size 64M");
        try (var pool = new PoolSession(session().records().store(), session()::image)) {
            Await.until("data", () -> session().image().volumes().containsKey("data"));
            Volume volume = VolumeAdmin.find(session().image(), "data");
            try (var open = pool.client().open(pool.client().claim(volume, "test"))) {
                var writer = new BlockWriter(open);
                Path lost = disk(1, 2);
                String store = row(lost).path("store").asText();
                Files.move(lost, folder.resolve("unplugged"));
                requireTold(lost);
                awaitWhole();
                assertEquals(0, row(lost).path("groups").asInt());
                assertEquals("in", row(disk(1, 1)).path("state").asText());
                assertEquals(GROUPS, row(disk(1, 1)).path("groups").asInt(), "the other has all");
                writer.finish();
                requireEqualReplicas(pool);
                writer = new BlockWriter(open);
                comeBack(lost, store);
                writer.finish();
                requireEqualReplicas(pool);
            }
        }
    }

    /// Log, lists and metrics name the disk.
    private void requireTold(Path lost) throws Exception {
        awaitState(lost, "in (failed)");
        String why = row(lost).path("failure").asText();
        assertTrue(why.contains(lost.toString()), why);
        String line = "node1 does not serve " + lost;
        assertTrue(type("node list").contains(line));
        assertTrue(type("pool status").contains(line));
        String page = metrics(1, layout);
        assertTrue(page.contains(gauge(lost) + " 0.0"), page);
        assertTrue(page.contains(gauge(disk(1, 1)) + " 1.0"), page);
        String log = logOf("node1");
        assertTrue(log.contains(lost + " (s-"), log);
        assertTrue(type("status").contains("1 of 2 disks failed"));
    }

    /// Where it goes is up to the logging set-up of whoever runs the test.
    private String logOf(String node) throws IOException {
        var log = new StringBuilder();
        for (String suffix : List.of(".log", ".out")) {
            Path file = LocalProcesses.logs(folder).resolve(node + suffix);
            log.append(Files.exists(file) ? Files.readString(file) : "");
        }
        return log.toString();
    }

    private static String gauge(Path disk) {
        return "weft_storage_disk_serving{folder=\"%s\",node=\"node1\"}".formatted(disk);
    }

    private void comeBack(Path lost, String store) throws Exception {
        stopNode(1);
        Files.move(folder.resolve("unplugged"), lost);
        startNode(1);
        awaitState(lost, "in");
        assertEquals(store, row(lost).path("store").asText());
        Await.until(
                "it has its share again",
                Duration.ofSeconds(90),
                () -> row(lost).path("groups").asInt() >= GROUPS / 2 - 1 && isWhole());
    }

    @Test
    void swappedAndMissingDisksAreRefusedByName() throws Exception {
        awaitWhole();
        String first = row(disk(1, 2)).path("store").asText();
        String second = row(disk(2, 2)).path("store").asText();
        stopNode(1);
        stopNode(2);
        swap(disk(1, 2), disk(2, 2));
        startNode(1);
        startNode(2);
        awaitState(disk(1, 2), "in (failed)");
        awaitState(disk(2, 2), "in (failed)");
        requireRefused("node1", disk(1, 2), second, "belongs to node 'node2'");
        requireRefused("node2", disk(2, 2), first, "belongs to node 'node1'");
        awaitState(disk(1, 1), "in");
        stopNode(1);
        stopNode(2);
        swap(disk(1, 2), disk(2, 2));
        startNode(1);
        startNode(2);
        awaitState(disk(1, 2), "in");
        awaitState(disk(2, 2), "in");
        awaitWhole();
        replace(first);
    }

    private void requireRefused(String node, Path disk, String store, String why) {
        String line =
                "%s does not serve %s: refused: store %s %s"
                        .formatted(node, disk, store.substring(0, 8), why);
        String told = type("pool status");
        assertTrue(told.contains(line), told);
    }

    private void swap(Path one, Path other) throws IOException {
        Path between = folder.resolve("between");
        Files.move(one, between);
        Files.move(other, one);
        Files.move(between, other);
    }

    /// A disk is gone for good; an empty one is in its place.
    private void replace(String lost) throws Exception {
        stopNode(1);
        Files.move(disk(1, 2), folder.resolve("broken"));
        Files.createDirectory(disk(1, 2));
        startNode(1);
        awaitState(disk(1, 2), "in (failed)");
        String told = type("node list");
        assertTrue(told.contains("is its disk mounted?"), told);
        type("node remove " + lost.substring(0, 8) + " --lost");
        stopNode(1);
        startNode(1);
        awaitState(disk(1, 2), "in");
        assertFalse(row(disk(1, 2)).path("store").asText().equals(lost));
        awaitWhole();
        assertFalse(type("node list").contains(lost.substring(0, 8)), "it has no copies any more");
        String refused = LoopbackFabric.type(layout.zookeeper(), "node drain node1").err();
        assertTrue(refused.contains("the stores of 2 hosts would be left for 3 copies"), refused);
    }
}
