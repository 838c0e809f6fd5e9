package weft.vmhost.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.MacAddress;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/// Against a real ZooKeeper: who may run a VM.
class ClaimsTest {
    private static final NodeId HOST1 = new NodeId("host1");
    private static final NodeId HOST2 = new NodeId("host2");
    private static final VmSpec WEB1 =
            new VmSpec(
                    "web1",
                    new UUID(1, 1),
                    "debian-micro",
                    256 << 20,
                    List.of("web1-root"),
                    List.of("web1-0"),
                    VmSpec.Power.RUNNING,
                    0,
                    1);
    private static final VolumeId DISK = new VolumeId(1);

    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;
    private FabricRecords records;
    private Claims host1;
    private Claims host2;
    private FabricImage image;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), Duration.ofSeconds(10));
        records = new FabricRecords(store);
        host1 = new Claims(records, HOST1);
        host2 = new Claims(records, HOST2);
        var disk =
                new Volume(
                        DISK, "web1-root", 1 << 30, Volume.Access.READ_WRITE, List.of(DISK), DISK);
        var empty = FabricImage.EMPTY;
        image =
                new FabricImage(
                        empty.cluster(),
                        empty.presences(),
                        Map.of("web1-root", disk),
                        empty.attachments(),
                        empty.exports(),
                        empty.images(),
                        empty.networks(),
                        empty.ports(),
                        empty.vms(),
                        empty.placements(),
                        empty.migrations());
        records.create(
                FabricPaths.placement("web1"),
                new VmPlacement(HOST1, null, 0, VmPlacement.State.STOPPED, ""));
        records.create(
                FabricPaths.port("web1-0"),
                new PortBinding(
                        "web1-0",
                        "blue",
                        new MacAddress(0x5254_0000_0001L),
                        "10.0.0.10/24",
                        null,
                        null,
                        0));
    }

    @AfterEach
    void stop() {
        store.close();
        server.close();
    }

    @Test
    void aClaimRaisesEpochAndTokenAndBindsThePort() throws IOException {
        Claims.Held held = host1.claim(image, WEB1).orElseThrow();
        assertEquals(1, held.placement().epoch());
        assertEquals(1, held.attachments().getFirst().token());
        assertEquals(HOST1, port().host());
    }

    @Test
    void theSameHostClaimsAgainAfterItsOwnCrashWithANewToken() throws IOException {
        var _ = host1.claim(image, WEB1).orElseThrow();
        Claims.Held again = host1.claim(image, WEB1).orElseThrow();
        assertEquals(2, again.placement().epoch());
        assertEquals(2, again.attachments().getFirst().token());
    }

    @Test
    void anotherHostCannotClaimWhatIsOwnedOrMeantForSomeoneElse() throws IOException {
        assertEquals(Optional.empty(), host2.claim(image, WEB1));
        var _ = host1.claim(image, WEB1).orElseThrow();
        assertEquals(Optional.empty(), host2.claim(image, WEB1));
        assertEquals(1, token());
    }

    @Test
    void aTakeOverMovesOwnerTokenAndPortAtOnce() throws IOException {
        Migration migration = migrating();
        Claims.Held held = host2.takeOver(image, WEB1, migration).orElseThrow();
        assertEquals(HOST2, held.placement().owner());
        assertEquals(2, held.attachments().getFirst().token());
        assertEquals(HOST2, port().host());
        assertNull(port().next());
        assertTrue(
                host1.keep(WEB1, 1, "migration failed").isEmpty(), "the source must never resume");
    }

    @Test
    void aSourceThatKeptItsVmMakesALateTakeOverFail() throws IOException {
        Migration migration = migrating();
        assertEquals(2, host1.keep(WEB1, 1, "migration failed").orElseThrow());
        assertEquals(Optional.empty(), host2.takeOver(image, WEB1, migration));
        assertEquals(HOST1, placement().owner());
        assertEquals(2, placement().epoch());
        assertEquals(1, token(), "the source's disk stays writable: its token was not raised");
    }

    @Test
    void aCancelledMigrationCannotBeCommitted() throws IOException {
        Migration migration = migrating();
        var _ =
                records.update(
                        FabricPaths.migration("web1"),
                        Migration.class,
                        now -> now.inPhase(Migration.Phase.CANCELLED, "cancelled"));
        assertEquals(Optional.empty(), host2.takeOver(image, WEB1, migration));
    }

    @Test
    void aReleasedVmIsNobodysAndItsPortIsNowhere() throws IOException {
        var _ = host1.claim(image, WEB1).orElseThrow();
        host2.release(WEB1, VmPlacement.State.STOPPED, "");
        assertEquals(HOST1, placement().owner(), "only the owner releases");
        host1.release(WEB1, VmPlacement.State.STOPPED, "");
        assertNull(placement().owner());
        assertNull(port().host());
    }

    private Migration migrating() throws IOException {
        var _ = host1.claim(image, WEB1).orElseThrow();
        var migration =
                new Migration(
                        new UUID(5, 5),
                        "web1",
                        HOST1,
                        HOST2,
                        1,
                        Migration.Phase.SWITCHING,
                        2,
                        0,
                        0,
                        0,
                        0,
                        "");
        records.create(FabricPaths.migration("web1"), migration);
        host1.announceNext(WEB1, HOST2);
        assertEquals(HOST2, port().next());
        return migration;
    }

    private VmPlacement placement() throws IOException {
        return records.find(FabricPaths.placement("web1"), VmPlacement.class).orElseThrow().noun();
    }

    private PortBinding port() throws IOException {
        return records.find(FabricPaths.port("web1-0"), PortBinding.class).orElseThrow().noun();
    }

    private long token() throws IOException {
        return records.find(FabricPaths.attachment(DISK), Attachment.class)
                .orElseThrow()
                .noun()
                .token();
    }
}
