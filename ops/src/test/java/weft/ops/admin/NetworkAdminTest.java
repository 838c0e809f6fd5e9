package weft.ops.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Network;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/// Against a real ZooKeeper: a VLAN id is one network's, also when several people ask at once.
class NetworkAdminTest {
    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;
    private FabricRecords records;
    private NetworkAdmin networks;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), Duration.ofSeconds(10));
        records = new FabricRecords(store);
        networks = new NetworkAdmin(records);
    }

    @AfterEach
    void stop() {
        store.close();
        server.close();
    }

    @Test
    void ofTwoWhoWantAVlanAtOnceOneGetsItAndTheOtherLeavesNothing() throws Exception {
        var start = new CyclicBarrier(2);
        try (var threads = Executors.newFixedThreadPool(2)) {
            for (int vlan = 10; vlan < 25; vlan++) {
                int wanted = vlan;
                List<String> names = List.of("left" + vlan, "right" + vlan);
                var attempts = new ArrayList<Future<Network>>();
                for (String name : names) {
                    attempts.add(
                            threads.submit(() -> {
                                start.await(10, TimeUnit.SECONDS);
                                return networks.create(
                                        FabricImage.EMPTY, name, wanted, Optional.empty());
                            }));
                }
                var made = new ArrayList<String>();
                for (Future<Network> attempt : attempts) {
                    try {
                        made.add(attempt.get(20, TimeUnit.SECONDS).name());
                    } catch (ExecutionException e) {
                        assertOneLine(Objects.requireNonNull(e.getCause()), "VLAN " + vlan);
                    }
                }
                assertEquals(1, made.size(), "winners");
                assertEquals(made, names.stream().filter(this::isRecorded).toList());
            }
        }
    }

    @Test
    void aNameThatIsTakenLeavesTheVlanFree() throws IOException {
        var _ = networks.create(FabricImage.EMPTY, "blue", 10, Optional.empty());
        // The second person's picture is older than the network.
        var refusal =
                assertThrows(
                        Refusal.class,
                        () -> networks.create(FabricImage.EMPTY, "blue", 20, Optional.empty()));
        assertOneLine(refusal, "blue");
        assertEquals(Optional.empty(), store.read(FabricPaths.vlan(20)));
        assertEquals(20, networks.create(image(), "red", 20, Optional.empty()).vlan());
    }

    @Test
    void aDeletedNetworkFreesItsVlan() throws IOException {
        var _ = networks.create(FabricImage.EMPTY, "blue", 10, Optional.empty());
        networks.delete(image(), "blue");
        assertEquals(List.of(), store.children("/weft/networks"));
        assertEquals(List.of(), store.children("/weft/vlans"));
        assertEquals(10, networks.create(image(), "green", 10, Optional.empty()).vlan());
    }

    private static void assertOneLine(Throwable failure, String words) {
        assertEquals(Refusal.class, failure.getClass(), () -> String.valueOf(failure));
        assertEquals(Refusal.Kind.STATE, ((Refusal) failure).kind());
        String line = String.valueOf(failure.getMessage());
        assertEquals(1, line.lines().count(), line);
        assertTrue(line.contains(words), line);
    }

    private boolean isRecorded(String network) {
        try {
            return store.read(FabricPaths.network(network)).isPresent();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /// The networks as they are recorded now.
    private FabricImage image() throws IOException {
        Map<String, Network> found = new HashMap<>();
        for (String name : store.children("/weft/networks")) {
            found.put(
                    name,
                    records.find(FabricPaths.network(name), Network.class).orElseThrow().noun());
        }
        FabricImage empty = FabricImage.EMPTY;
        return new FabricImage(
                empty.cluster(),
                empty.settings(),
                empty.presences(),
                empty.volumes(),
                empty.attachments(),
                empty.exports(),
                empty.images(),
                found,
                empty.ports(),
                empty.vms(),
                empty.placements(),
                empty.migrations());
    }
}
