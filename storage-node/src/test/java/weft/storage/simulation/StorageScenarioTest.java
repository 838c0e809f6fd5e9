package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.storage.replica.RepairOutcome;
import weft.storage.replica.Replica;
import weft.wire.storage.DamagedBlock;

import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/// Stories of single failures. The cluster checks its promises after each event; a story adds what
/// must have become of it.
class StorageScenarioTest {
    private static final long SEED = 11;

    private final StorageCluster cluster = new StorageCluster(SEED, 4, 3, 2);

    private SimClient startWork() {
        SimClient client = cluster.client(1);
        client.start(4);
        assertTrue(cluster.runUntil(1_000, () -> cluster.history.doneCount() > 20));
        return client;
    }

    private void endWork() {
        cluster.clients.forEach(SimClient::stop);
        assertTrue(
                cluster.runUntil(
                        10_000, () -> cluster.clients.stream().allMatch(SimClient::isIdle)));
        cluster.run(1_000);
        cluster.checkReplicasAreEqual();
    }

    private boolean progressWithin(long millis) {
        int before = cluster.history.doneCount();
        return cluster.runUntil(millis, () -> cluster.history.doneCount() > before + 10);
    }

    private boolean servesReads(int node) {
        Replica replica = cluster.nodes.get(node).replica;
        return replica != null && replica.mayRead(cluster.nodes.get(node).now());
    }

    @Test
    void aKilledPrimaryIsReplacedWithinFiveSecondsAndComesBackAsAMember() {
        startWork();
        int killed = cluster.primary();
        cluster.nodes.get(killed).crash();
        assertTrue(progressWithin(5_000), cluster.world.trace());
        assertNotEquals(killed, cluster.primary());
        cluster.run(2_000);
        cluster.nodes.get(killed).start();
        assertTrue(cluster.runUntil(10_000, cluster::isWhole), cluster.world.trace());
        endWork();
    }

    @Test
    void aKilledSecondaryStopsWritesForNoLongerThanTheLease() {
        startWork();
        cluster.nodes.get((cluster.primary() + 1) % 3).crash();
        assertTrue(progressWithin(3_000), cluster.world.trace());
        assertEquals(2, cluster.configurations.current().members().size());
        endWork();
    }

    @Test
    void aPrimaryThatStoodStillServesNothingWhenItWakes() {
        startWork();
        int slept = cluster.primary();
        cluster.nodes.get(slept).freeze(6_000 * StorageCluster.MILLIS);
        assertTrue(progressWithin(5_000), cluster.world.trace());
        cluster.run(3_000);
        assertFalse(servesReads(slept));
        assertTrue(cluster.runUntil(10_000, cluster::isWhole), cluster.world.trace());
        endWork();
    }

    @Test
    void aGroupWhoseMembersAllRestartServesAgain() {
        startWork();
        cluster.nodes.forEach(SimNode::crash);
        cluster.run(500);
        cluster.nodes.forEach(SimNode::start);
        assertTrue(cluster.runUntil(10_000, cluster::isWhole), cluster.world.trace());
        assertTrue(progressWithin(3_000));
        endWork();
    }

    @Test
    void aGroupWhoseMembersAllRestartServesAlsoWithoutItsPrimary() {
        startWork();
        int lost = cluster.primary();
        cluster.nodes.forEach(SimNode::crash);
        cluster.run(500);
        for (int i = 0; i < 3; i++) {
            if (i != lost) {
                cluster.nodes.get(i).start();
            }
        }
        assertTrue(progressWithin(12_000), cluster.world.trace());
        assertNotEquals(lost, cluster.primary());
        endWork();
    }

    @Test
    void belowMinReplicasReadsAreServedAndWritesWait() {
        SimClient writer = startWork();
        int left = cluster.primary();
        for (int i = 0; i < 3; i++) {
            if (i != left) {
                cluster.nodes.get(i).crash();
            }
        }
        assertTrue(
                cluster.runUntil(
                        8_000,
                        () ->
                                cluster.configurations.current().members().size() == 1
                                        && servesReads(left)),
                cluster.world.trace());
        cluster.run(1_000);
        int before = cluster.history.doneWrites();
        cluster.run(3_000);
        assertEquals(before, cluster.history.doneWrites());
        SimClient reader = cluster.client(writer.token);
        int done = cluster.history.doneCount();
        reader.sendRead(cluster.history.beginRead(0, 0, writer.token), 0);
        assertTrue(cluster.runUntil(3_000, () -> cluster.history.doneCount() > done));
        cluster.nodes.forEach(SimNode::start);
        assertTrue(
                cluster.runUntil(5_000, () -> cluster.history.doneWrites() > before),
                cluster.world.trace());
    }

    @Test
    void aPrimaryCutFromCoordinationServesWhileNobodyFails() {
        startWork();
        long version = cluster.configurations.current().version();
        cluster.nodes.forEach(node -> cluster.configurations.setCut(node.store, true));
        cluster.run(10_000);
        assertTrue(progressWithin(1_000), cluster.world.trace());
        assertEquals(version, cluster.configurations.current().version());
    }

    @Test
    void whenAPrimaryCannotHearItsSecondariesOneOfThemStays() {
        startWork();
        int deaf = cluster.primary();
        for (int i = 0; i < 4; i++) {
            cluster.cut(i, deaf);
        }
        assertTrue(progressWithin(8_000), cluster.world.trace());
        cluster.heal();
        assertTrue(cluster.runUntil(15_000, cluster::isWhole), cluster.world.trace());
        endWork();
    }

    @Test
    void aLowerTokenIsRefusedAlsoByTheNextPrimary() {
        SimClient old = startWork();
        cluster.client(2).start(2);
        assertTrue(cluster.runUntil(2_000, old::isFenced));
        cluster.nodes.get(cluster.primary()).crash();
        assertTrue(progressWithin(6_000), cluster.world.trace());
        SimClient late = cluster.client(1);
        late.start(2);
        assertTrue(cluster.runUntil(2_000, late::isFenced), cluster.world.trace());
        endWork();
    }

    @Test
    void aGroupMovesToOtherStoresWithoutStopping() {
        startWork();
        int left = cluster.primary();
        cluster.configurations.want(
                List.of(0, 1, 2, 3).stream().filter(i -> i != left).map(SimNode::storeOf).toList());
        assertTrue(cluster.runUntil(8_000, cluster::isWhole), cluster.world.trace());
        assertNotEquals(left, cluster.primary());
        assertTrue(progressWithin(1_000), cluster.world.trace());
        endWork();
    }

    @Test
    void aStoreThatWasMovedAwayFromDropsItsDataAfterAWhile() {
        startWork();
        cluster.configurations.want(List.of(1, 2, 3).stream().map(SimNode::storeOf).toList());
        assertTrue(cluster.runUntil(8_000, cluster::isWhole), cluster.world.trace());
        cluster.run(30_000);
        assertFalse(cluster.nodes.get(0).disk.chunks().isEmpty(), "kept for a minute");
        assertTrue(
                cluster.runUntil(60_000, () -> cluster.nodes.get(0).disk.chunks().isEmpty()),
                cluster.world.trace());
        endWork();
    }

    @Test
    void theLeadGoesToTheFirstOfTheWantedAfterAQuietWhile() {
        startWork();
        int next = cluster.primary() == 1 ? 2 : 1;
        cluster.configurations.want(
                List.of(next, 3 - next, 0).stream().map(SimNode::storeOf).toList());
        cluster.run(5_000);
        assertNotEquals(next, cluster.primary(), "not at once");
        assertTrue(
                cluster.runUntil(15_000, () -> cluster.primary() == next), cluster.world.trace());
        assertTrue(progressWithin(2_000), cluster.world.trace());
        assertTrue(cluster.runUntil(1_000, () -> servesReads(next)), cluster.world.trace());
        endWork();
    }

    @Test
    void aPrimaryThatStopsForGoodHandsOver() {
        startWork();
        int failed = cluster.primary();
        stop(failed);
        assertTrue(progressWithin(2_000), cluster.world.trace());
        assertNotEquals(failed, cluster.primary());
    }

    @Test
    void aSecondaryThatStopsForGoodIsTakenOut() {
        startWork();
        int failed = (cluster.primary() + 1) % 3;
        stop(failed);
        assertTrue(progressWithin(13_000), cluster.world.trace());
        assertFalse(cluster.configurations.current().hasStore(cluster.nodes.get(failed).store));
    }

    private static DamagedBlock block(int chunk, int block) {
        return new DamagedBlock(new ChunkKey(SimClient.VOLUME, chunk), block);
    }

    private int repairs() {
        return cluster.nodes.stream().mapToInt(node -> node.repairs).sum();
    }

    @Test
    void damagedBlocksOfThePrimaryAreReplacedWhileWritesGoOn() {
        startWork();
        for (int round = 0; round < 60; round++) {
            DamagedBlock bad = block(round % SimClient.CHUNKS, round / 3 % SimClient.BLOCKS);
            SimDisk disk = cluster.nodes.get(cluster.primary()).disk;
            disk.damage(bad);
            assertTrue(cluster.runUntil(10_000, () -> !disk.isDamaged(bad)), cluster.world::trace);
        }
        assertTrue(repairs() > 5, () -> repairs() + " repairs, the rest overwritten");
        assertEquals(0, cluster.nodes.stream().mapToInt(node -> node.losses).sum());
        endWork();
    }

    /// What a scrubber does that finds damage.
    private AtomicReference<RepairOutcome> repair(SimNode node, DamagedBlock bad) {
        var outcome = new AtomicReference<>(RepairOutcome.NOT_NOW);
        node.on(node.life(), r -> r.repair(bad, outcome::set, node.now()));
        return outcome;
    }

    @Test
    void damagedBlocksOfASecondaryAreReplacedWhileWritesGoOn() {
        startWork();
        for (int round = 0; round < 60; round++) {
            DamagedBlock bad = block(round % SimClient.CHUNKS, round / 3 % SimClient.BLOCKS);
            SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
            secondary.disk.damage(bad);
            repair(secondary, bad);
            assertTrue(
                    cluster.runUntil(10_000, () -> !secondary.disk.isDamaged(bad)),
                    cluster.world::trace);
        }
        assertTrue(repairs() > 5, () -> repairs() + " repairs, the rest overwritten");
        assertEquals(0, cluster.nodes.stream().mapToInt(node -> node.losses).sum());
        endWork();
    }

    @Test
    void aBlockDamagedAtTwoMembersIsRepairedAtBothByWayOfThePrimary() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(cluster.runUntil(10_000, writer::isIdle));
        cluster.run(1_000);
        SimNode primary = cluster.nodes.get(cluster.primary());
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        var written = primary.disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        var bad = new DamagedBlock(written.getKey(), index);
        primary.disk.damage(bad);
        secondary.disk.damage(bad);
        var outcome = repair(secondary, bad);
        assertTrue(
                cluster.runUntil(10_000, () -> outcome.get() == RepairOutcome.REPAIRED),
                cluster.world::trace);
        assertFalse(primary.disk.isDamaged(bad));
        assertEquals(2, repairs());
        cluster.checkReplicasAreEqual();
    }

    @Test
    void aBlockDamagedAtAllMembersIsLostToAScrubber() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(cluster.runUntil(10_000, writer::isIdle));
        cluster.run(1_000);
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        var written = secondary.disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        var bad = new DamagedBlock(written.getKey(), index);
        cluster.nodes.forEach(node -> node.disk.damage(bad));
        var outcome = repair(secondary, bad);
        assertTrue(
                cluster.runUntil(10_000, () -> outcome.get() == RepairOutcome.LOST),
                cluster.world::trace);
        assertTrue(secondary.disk.isDamaged(bad));
    }

    @Test
    void aBlockDamagedAtAllMembersIsRefusedUntilItIsWrittenAnew() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(cluster.runUntil(10_000, writer::isIdle));
        SimNode primary = cluster.nodes.get(cluster.primary());
        DamagedBlock bad = block(0, 0);
        cluster.nodes.forEach(node -> node.disk.damage(bad));
        SimClient reader = cluster.client(writer.token);
        int done = cluster.history.doneCount();
        reader.sendRead(cluster.history.beginRead(0, 0, writer.token), 0);
        cluster.run(3_000);
        assertTrue(primary.losses > 0, cluster.world::trace);
        assertEquals(done, cluster.history.doneCount());
        SimClient next = cluster.client(writer.token + 1);
        next.start(4);
        assertTrue(cluster.runUntil(10_000, () -> !primary.disk.isDamaged(bad)));
        next.stop();
        assertTrue(cluster.runUntil(10_000, next::isIdle));
        cluster.run(1_000);
        cluster.checkReplicasAreEqual();
    }

    @Test
    void aDamagedChunkIsRepairedBeforeAJoinerGetsIt() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(cluster.runUntil(10_000, writer::isIdle));
        SimDisk disk = cluster.nodes.get(cluster.primary()).disk;
        var written = disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        disk.damage(new DamagedBlock(written.getKey(), index));
        cluster.configurations.want(
                List.of(0, 1, 2, 3).stream()
                        .filter(i -> i != (cluster.primary() + 1) % 3)
                        .map(SimNode::storeOf)
                        .toList());
        assertTrue(cluster.runUntil(15_000, cluster::isWhole), cluster.world::trace);
        assertEquals(1, repairs());
        cluster.run(1_000);
        cluster.checkReplicasAreEqual();
    }

    private void stop(int node) {
        cluster.mayStop = true;
        SimNode at = cluster.nodes.get(node);
        at.on(at.life(), r -> r.onFailed(0, "on purpose", at.now()));
    }

    @Test
    void aMemberWithASlowDiskSlowsWritesAndStays() {
        startWork();
        cluster.nodes.get((cluster.primary() + 1) % 3).disk.slowness = 50;
        assertTrue(progressWithin(4_000), cluster.world.trace());
        assertEquals(3, cluster.configurations.current().members().size());
        endWork();
    }
}
