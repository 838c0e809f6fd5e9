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
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/// Against a real ZooKeeper: what becomes of a VM's record when its buttons are pressed.
class VmAdminTest {
    private static final NodeId HOST1 = new NodeId("host1");
    private static final VmSpec STOPPING =
            new VmSpec(
                    "web1",
                    new UUID(1, 1),
                    "debian-micro",
                    256 << 20,
                    1,
                    List.of(),
                    List.of(),
                    VmSpec.Power.STOPPED);
    private static final VmPlacement STILL_ON =
            new VmPlacement(HOST1, HOST1, 4, VmPlacement.State.RUNNING, "");

    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;
    private FabricRecords records;
    private VmAdmin vms;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), Duration.ofSeconds(10));
        records = new FabricRecords(store);
        vms = new VmAdmin(records);
        records.create(FabricPaths.vm("web1"), STOPPING);
        records.create(FabricPaths.placement("web1"), STILL_ON);
    }

    @AfterEach
    void stop() {
        store.close();
        server.close();
    }

    private static FabricImage image(Map<String, NodePresence> presences) {
        FabricImage empty = FabricImage.EMPTY;
        return new FabricImage(
                empty.cluster(),
                empty.settings(),
                presences,
                empty.volumes(),
                empty.attachments(),
                empty.exports(),
                empty.images(),
                empty.networks(),
                empty.ports(),
                Map.of("web1", STOPPING),
                Map.of("web1", STILL_ON),
                empty.migrations());
    }

    private VmSpec spec() throws IOException {
        return records.find(FabricPaths.vm("web1"), VmSpec.class).orElseThrow().noun();
    }

    /// Otherwise the command would see it running, and its guest would go off a moment later.
    @Test
    void aVmThatIsBeingStoppedIsNotStartedBeforeItIsOff() throws IOException {
        var host1 =
                new NodePresence(
                        HOST1, NodePresence.Role.HOST, 1, "", "", "", "", List.of(), 1L << 30, 1);
        FabricImage alive = image(Map.of("host/host1", host1));
        var refused = assertThrows(Refusal.class, () -> vms.start(alive, "web1", Optional.empty()));
        assertTrue(String.valueOf(refused.getMessage()).contains("not off yet"));
        assertEquals(STOPPING, spec());
    }

    /// Nobody will ever say that it is off.
    @Test
    void aVmWhoseHostDiedWhileItStoppedCanBeStarted() throws IOException {
        vms.start(image(Map.of()), "web1", Optional.empty());
        assertEquals(VmSpec.Power.RUNNING, spec().power());
    }

    @Test
    void aPulledCableIsCountedAndLeavesTheVmStopped() throws IOException {
        vms.cut(image(Map.of()), "web1");
        vms.cut(image(Map.of()), "web1");
        assertEquals(2, spec().cuts());
        assertEquals(VmSpec.Power.STOPPED, spec().power());
        assertEquals(STOPPING.generation() + 2, spec().generation());
    }
}
