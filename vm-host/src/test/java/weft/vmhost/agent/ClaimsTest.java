package weft.vmhost.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.coordination.UnreliableStore;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Attachment;
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
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

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
                    1,
                    List.of("web1-root"),
                    List.of("web1-0"),
                    VmSpec.Power.RUNNING);
    private static final VolumeId DISK = new VolumeId(1);
    private static final Predicate<List<Change>> ANY = _ -> true;

    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;
    private UnreliableStore line1;
    private UnreliableStore line2;
    private FabricRecords records;
    private Claims host1;
    private Claims host2;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), Duration.ofSeconds(10));
        records = new FabricRecords(store);
        line1 = new UnreliableStore(store);
        line2 = new UnreliableStore(store);
        host1 = new Claims(new FabricRecords(line1), HOST1);
        host2 = new Claims(new FabricRecords(line2), HOST2);
        var disk =
                new Volume(
                        DISK, "web1-root", 1 << 30, Volume.Access.READ_WRITE, List.of(DISK), DISK);
        records.create(FabricPaths.volume("web1-root"), disk);
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
        Claims.Held held = host1.claim(WEB1).orElseThrow();
        assertEquals(1, held.placement().epoch());
        assertEquals(1, held.disks().getFirst().attachment().token());
        assertEquals(HOST1, port().host());
    }

    @Test
    void theSameHostClaimsAgainAfterItsOwnCrashWithANewToken() throws IOException {
        var _ = host1.claim(WEB1).orElseThrow();
        Claims.Held again = host1.claim(WEB1).orElseThrow();
        assertEquals(2, again.placement().epoch());
        assertEquals(2, again.disks().getFirst().attachment().token());
    }

    @Test
    void anotherHostCannotClaimWhatIsOwnedOrMeantForSomeoneElse() throws IOException {
        assertEquals(Optional.empty(), host2.claim(WEB1));
        var _ = host1.claim(WEB1).orElseThrow();
        assertEquals(Optional.empty(), host2.claim(WEB1));
        assertEquals(1, token());
    }

    @Test
    void aTakeOverMovesOwnerTokenAndPortAtOnce() throws IOException {
        Migration migration = migrating();
        Claims.Held held = host2.takeOver(WEB1, migration).orElseThrow();
        assertEquals(HOST2, held.placement().owner());
        assertEquals(2, held.disks().getFirst().attachment().token());
        assertEquals(HOST2, port().host());
        assertNull(port().next());
        assertTrue(
                host1.keep(WEB1, 1, "migration failed").isEmpty(), "the source must never resume");
    }

    @Test
    void aSourceThatKeptItsVmMakesALateTakeOverFail() throws IOException {
        Migration migration = migrating();
        assertEquals(2, host1.keep(WEB1, 1, "migration failed").orElseThrow());
        assertEquals(Optional.empty(), host2.takeOver(WEB1, migration));
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
        assertEquals(Optional.empty(), host2.takeOver(WEB1, migration));
    }

    @Test
    void aTakeOverNeedsTheSwitchingPhase() throws IOException {
        Migration migration = migrating();
        for (Migration.Phase phase : Migration.Phase.values()) {
            var _ =
                    records.update(
                            FabricPaths.migration("web1"),
                            Migration.class,
                            now -> now.inPhase(phase, ""));
            if (phase != Migration.Phase.SWITCHING) {
                assertEquals(Optional.empty(), host2.takeOver(WEB1, migration), phase::toString);
            }
        }
        assertEquals(HOST1, placement().owner());
        assertEquals(1, placement().epoch());
        assertEquals(1, token());
        assertEquals(HOST1, port().host());
    }

    @Test
    void aTakeOverNeedsTheEpochTheSourceAndTheRecordThatItWasMadeFor() throws IOException {
        Migration migration = migrating();
        for (Migration other :
                List.of(
                        like(migration, migration.id(), HOST1, 0),
                        like(migration, migration.id(), HOST1, 2),
                        like(migration, migration.id(), new NodeId("host3"), 1),
                        like(migration, new UUID(6, 6), HOST1, 1))) {
            assertEquals(Optional.empty(), host2.takeOver(WEB1, other), other::toString);
        }
        assertTrue(host2.takeOver(WEB1, migration).isPresent());
        assertEquals(Optional.empty(), host2.takeOver(WEB1, migration), "the epoch has passed");
    }

    @Test
    void aTakeOverThatIsCancelledBetweenItsLookAndItsCommitIsNone() throws IOException {
        Migration migration = migrating();
        line2.next(
                ANY,
                (real, changes) -> {
                    var _ =
                            records.update(
                                    FabricPaths.migration("web1"),
                                    Migration.class,
                                    now -> now.inPhase(Migration.Phase.FAILED, "called off"));
                    return real.commit(changes);
                });
        assertEquals(Optional.empty(), host2.takeOver(WEB1, migration));
        assertEquals(HOST1, placement().owner());
    }

    @Test
    void aTakeOverWhoseAnswerIsLostHasDecidedAllTheSame() throws IOException {
        Migration migration = migrating();
        line2.next(ANY, UnreliableStore.answerLost());
        assertThrows(IOException.class, () -> host2.takeOver(WEB1, migration));

        assertEquals(OptionalLong.empty(), host1.keep(WEB1, 1, ""), "the source must never resume");
        Claims.Held held = host2.held(WEB1, placement());
        assertEquals(HOST2, held.placement().owner());
        assertEquals(2, held.disks().getFirst().attachment().token());
    }

    @Test
    void aDiskThatWasTakenAwaySinceComesWithATokenThatIsRefused() throws IOException {
        Migration migration = migrating();
        line2.next(ANY, UnreliableStore.answerLost());
        assertThrows(IOException.class, () -> host2.takeOver(WEB1, migration));
        var _ =
                records.update(
                        FabricPaths.attachment(DISK),
                        Attachment.class,
                        now -> Attachment.nobody(DISK, now.token() + 1));

        Claims.Held held = host2.held(WEB1, placement());
        assertEquals(2, held.disks().getFirst().attachment().token(), "below the 3 in force");
    }

    @Test
    void aKeepWhoseAnswerIsLostIsWonAgainAndTheTakeOverLoses() throws IOException {
        Migration migration = migrating();
        line1.next(ANY, UnreliableStore.answerLost());
        assertThrows(IOException.class, () -> host1.keep(WEB1, 1, ""));

        assertEquals(Optional.empty(), host2.takeOver(WEB1, migration));
        assertEquals(3, host1.keep(WEB1, 1, "").orElseThrow());
        assertEquals(HOST1, placement().owner());
        assertEquals(1, token());
    }

    @Test
    void aKeepThatNeverArrivedLeavesTheVmToTheTakeOver() throws IOException {
        Migration migration = migrating();
        line1.next(ANY, UnreliableStore.lost());
        assertThrows(IOException.class, () -> host1.keep(WEB1, 1, ""));

        assertTrue(host2.takeOver(WEB1, migration).isPresent());
        assertEquals(OptionalLong.empty(), host1.keep(WEB1, 1, ""));
    }

    @Test
    void aTakeOverThatLandsAfterTheSourceKeptItsVmChangesNothing() throws IOException {
        Migration migration = migrating();
        var late = new AtomicReference<List<Change>>(List.of());
        line2.next(
                ANY,
                (_, changes) -> {
                    late.set(changes);
                    throw new IOException("no answer yet");
                });
        assertThrows(IOException.class, () -> host2.takeOver(WEB1, migration));
        assertEquals(2, host1.keep(WEB1, 1, "").orElseThrow());

        assertInstanceOf(Outcome.Conflict.class, store.commit(late.get()));
        assertEquals(HOST1, placement().owner());
        assertEquals(HOST1, port().host());
        assertEquals(1, token());
    }

    @Test
    void ofATakeOverAndAKeepAtOnceExactlyOneWins() throws Exception {
        var start = new CyclicBarrier(2);
        int taken = 0;
        try (var threads = Executors.newFixedThreadPool(2)) {
            for (int round = 0; round < 30; round++) {
                Migration migration = migratingAnew(round);
                // A take-over has more to read: some keeps have the longer way.
                int detours = round % 6;
                line1.next(
                        ANY,
                        (real, changes) -> {
                            for (int i = 0; i < detours; i++) {
                                var _ = real.read(FabricPaths.placement("web1"));
                            }
                            return real.commit(changes);
                        });
                var takeOver =
                        threads.submit(() -> {
                            start.await(10, TimeUnit.SECONDS);
                            return host2.takeOver(WEB1, migration).isPresent();
                        });
                var keep =
                        threads.submit(() -> {
                            start.await(10, TimeUnit.SECONDS);
                            return host1.keep(WEB1, migration.epoch(), "").isPresent();
                        });
                boolean isTaken = takeOver.get(20, TimeUnit.SECONDS);
                boolean isKept = keep.get(20, TimeUnit.SECONDS);
                assertNotEquals(isTaken, isKept, "one of both wins");
                assertEquals(isTaken ? HOST2 : HOST1, placement().owner());
                assertEquals(migration.epoch() + 1, placement().epoch());
                taken += isTaken ? 1 : 0;
                (isTaken ? host2 : host1).release(WEB1, VmPlacement.State.STOPPED, "");
            }
        }
        System.out.println("30 races: the destination won " + taken);
    }

    @Test
    void aHostTakesBackOnlyItsOwnAnnouncement() throws IOException {
        var _ = migrating();
        host1.withdrawNext(WEB1);
        assertEquals(HOST2, port().next(), "host2 may still send for it");
        host2.withdrawNext(WEB1);
        assertNull(port().next());
        assertEquals(HOST1, port().host());
    }

    @Test
    void aReleasedVmIsNobodysAndItsPortIsNowhere() throws IOException {
        var _ = host1.claim(WEB1).orElseThrow();
        host2.release(WEB1, VmPlacement.State.STOPPED, "");
        assertEquals(HOST1, placement().owner(), "only the owner releases");
        host1.release(WEB1, VmPlacement.State.STOPPED, "");
        assertNull(placement().owner());
        assertNull(port().host());
    }

    /// The same VM in a further move from host1, whoever had it before.
    private Migration migratingAnew(int round) throws IOException {
        var _ =
                records.update(
                        FabricPaths.placement("web1"),
                        VmPlacement.class,
                        now ->
                                new VmPlacement(
                                        HOST1, null, now.epoch(), VmPlacement.State.STOPPED, ""));
        Claims.Held held = host1.claim(WEB1).orElseThrow();
        var migration =
                new Migration(
                        new UUID(7, round),
                        "web1",
                        HOST1,
                        HOST2,
                        held.placement().epoch(),
                        Migration.Phase.SWITCHING,
                        1,
                        0,
                        0,
                        0,
                        0,
                        "");
        var _ = records.delete(FabricPaths.migration("web1"));
        records.create(FabricPaths.migration("web1"), migration);
        return migration;
    }

    private static Migration like(Migration migration, UUID id, NodeId from, long epoch) {
        return new Migration(
                id,
                migration.vm(),
                from,
                migration.to(),
                epoch,
                migration.phase(),
                2,
                0,
                0,
                0,
                0,
                "");
    }

    private Migration migrating() throws IOException {
        var _ = host1.claim(WEB1).orElseThrow();
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
