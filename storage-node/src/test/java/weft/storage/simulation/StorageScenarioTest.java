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
    private static final int CHUNKS = 3;
    private static final int BLOCKS = 3;

    private final SimPool pool = new SimPool(SEED, new SimPool.Size(1, 4, 3, 2, CHUNKS));
    private final StorageCluster cluster = pool.groups.getFirst();

    private SimClient startWork() {
        SimClient client = pool.client(1);
        client.start(4);
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneCount() > 20));
        return client;
    }

    private void endWork() {
        pool.clients.forEach(SimClient::stop);
        assertTrue(pool.runUntil(10_000, () -> pool.clients.stream().allMatch(SimClient::isIdle)));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    private boolean progressWithin(long millis) {
        int before = pool.history.doneCount();
        return pool.runUntil(millis, () -> pool.history.doneCount() > before + 10);
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
        assertTrue(progressWithin(5_000), pool.world.trace());
        assertNotEquals(killed, cluster.primary());
        pool.run(2_000);
        cluster.nodes.get(killed).start();
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world.trace());
        endWork();
    }

    @Test
    void aKilledSecondaryStopsWritesForNoLongerThanTheLease() {
        startWork();
        cluster.nodes.get((cluster.primary() + 1) % 3).crash();
        assertTrue(progressWithin(3_000), pool.world.trace());
        assertEquals(2, cluster.configurations.current().members().size());
        endWork();
    }

    @Test
    void aPrimaryThatStoodStillServesNothingWhenItWakes() {
        startWork();
        int slept = cluster.primary();
        cluster.nodes.get(slept).freeze(6_000 * SimPool.MILLIS);
        assertTrue(progressWithin(5_000), pool.world.trace());
        pool.run(3_000);
        assertFalse(servesReads(slept));
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world.trace());
        endWork();
    }

    /// Not each request after it: who was answered by another asks that one first from then on.
    @Test
    void aPrimaryThatHangsDelaysWhatWasUnderWay() {
        startWork();
        cluster.nodes.get(cluster.primary()).freeze(20_000 * SimPool.MILLIS);
        assertTrue(progressWithin(8_000), pool.world.trace());
        pool.run(3_000);
        int before = pool.history.doneCount();
        pool.run(2_000);
        int done = pool.history.doneCount() - before;
        assertTrue(done > 200, () -> done + " operations in 2 s");
    }

    @Test
    void aGroupWhoseMembersAllRestartServesAgain() {
        startWork();
        cluster.nodes.forEach(SimNode::crash);
        pool.run(500);
        cluster.nodes.forEach(SimNode::start);
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world.trace());
        assertTrue(progressWithin(3_000));
        endWork();
    }

    @Test
    void aGroupWhoseMembersAllRestartServesAlsoWithoutItsPrimary() {
        startWork();
        int lost = cluster.primary();
        cluster.nodes.forEach(SimNode::crash);
        pool.run(500);
        for (int i = 0; i < 3; i++) {
            if (i != lost) {
                cluster.nodes.get(i).start();
            }
        }
        assertTrue(progressWithin(12_000), pool.world.trace());
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
                pool.runUntil(
                        8_000,
                        () ->
                                cluster.configurations.current().members().size() == 1
                                        && servesReads(left)),
                pool.world.trace());
        pool.run(1_000);
        int before = pool.history.doneWrites();
        pool.run(3_000);
        assertEquals(before, pool.history.doneWrites());
        SimClient reader = pool.client(writer.attached.token());
        int done = pool.history.doneCount();
        reader.readOnce(0, 4);
        assertTrue(pool.runUntil(3_000, () -> pool.history.doneCount() > done));
        cluster.nodes.forEach(SimNode::start);
        assertTrue(
                pool.runUntil(5_000, () -> pool.history.doneWrites() > before), pool.world.trace());
    }

    @Test
    void aPrimaryCutFromCoordinationServesWhileNobodyFails() {
        startWork();
        long version = cluster.configurations.current().version();
        cluster.nodes.forEach(node -> cluster.configurations.setCut(node.store, true));
        pool.run(10_000);
        assertTrue(progressWithin(1_000), pool.world.trace());
        assertEquals(version, cluster.configurations.current().version());
    }

    @Test
    void whenAPrimaryCannotHearItsSecondariesOneOfThemStays() {
        startWork();
        int deaf = cluster.primary();
        for (int i = 0; i < 4; i++) {
            cluster.cut(i, deaf);
        }
        assertTrue(progressWithin(8_000), pool.world.trace());
        pool.heal();
        assertTrue(pool.runUntil(15_000, pool::isWhole), pool.world.trace());
        endWork();
    }

    @Test
    void aLowerTokenIsRefusedAlsoByTheNextPrimary() {
        SimClient old = startWork();
        pool.client(2).start(2);
        assertTrue(pool.runUntil(2_000, old::isFenced));
        cluster.nodes.get(cluster.primary()).crash();
        assertTrue(progressWithin(6_000), pool.world.trace());
        SimClient late = pool.client(1);
        late.start(2);
        assertTrue(pool.runUntil(2_000, late::isFenced), pool.world.trace());
        endWork();
    }

    @Test
    void aGroupMovesToOtherStoresWithoutStopping() {
        startWork();
        int left = cluster.primary();
        cluster.configurations.want(
                List.of(0, 1, 2, 3).stream().filter(i -> i != left).map(SimNode::storeOf).toList());
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world.trace());
        assertNotEquals(left, cluster.primary());
        assertTrue(progressWithin(1_000), pool.world.trace());
        endWork();
    }

    @Test
    void aStoreThatWasMovedAwayFromDropsItsDataAfterAWhile() {
        startWork();
        cluster.configurations.want(List.of(1, 2, 3).stream().map(SimNode::storeOf).toList());
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world.trace());
        pool.run(30_000);
        assertFalse(cluster.nodes.get(0).disk.chunks().isEmpty(), "kept for a minute");
        assertTrue(
                pool.runUntil(60_000, () -> cluster.nodes.get(0).disk.chunks().isEmpty()),
                pool.world.trace());
        endWork();
    }

    @Test
    void theLeadGoesToTheFirstOfTheWantedAfterAQuietWhile() {
        startWork();
        int next = cluster.primary() == 1 ? 2 : 1;
        cluster.configurations.want(
                List.of(next, 3 - next, 0).stream().map(SimNode::storeOf).toList());
        pool.run(5_000);
        assertNotEquals(next, cluster.primary(), "not at once");
        assertTrue(pool.runUntil(15_000, () -> cluster.primary() == next), pool.world.trace());
        assertTrue(progressWithin(2_000), pool.world.trace());
        assertTrue(pool.runUntil(1_000, () -> servesReads(next)), pool.world.trace());
        endWork();
    }

    @Test
    void aPrimaryThatStopsForGoodHandsOver() {
        startWork();
        int failed = cluster.primary();
        stop(failed);
        assertTrue(progressWithin(2_000), pool.world.trace());
        assertNotEquals(failed, cluster.primary());
    }

    @Test
    void aSecondaryThatStopsForGoodIsTakenOut() {
        startWork();
        int failed = (cluster.primary() + 1) % 3;
        stop(failed);
        assertTrue(progressWithin(13_000), pool.world.trace());
        assertFalse(cluster.configurations.current().hasStore(cluster.nodes.get(failed).store));
    }

    private static DamagedBlock block(int chunk, int block) {
        return new DamagedBlock(new ChunkKey(SimPool.VOLUME, chunk), block);
    }

    private int repairs() {
        return cluster.nodes.stream().mapToInt(node -> node.repairs).sum();
    }

    @Test
    void damagedBlocksOfThePrimaryAreReplacedWhileWritesGoOn() {
        startWork();
        for (int round = 0; round < 60; round++) {
            DamagedBlock bad = block(round % CHUNKS, round / 3 % BLOCKS);
            ModelDisk disk = cluster.nodes.get(cluster.primary()).model();
            disk.damage(bad);
            assertTrue(pool.runUntil(10_000, () -> !disk.isDamaged(bad)), pool.world::trace);
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
            DamagedBlock bad = block(round % CHUNKS, round / 3 % BLOCKS);
            SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
            secondary.model().damage(bad);
            repair(secondary, bad);
            assertTrue(
                    pool.runUntil(10_000, () -> !secondary.model().isDamaged(bad)),
                    pool.world::trace);
        }
        assertTrue(repairs() > 5, () -> repairs() + " repairs, the rest overwritten");
        assertEquals(0, cluster.nodes.stream().mapToInt(node -> node.losses).sum());
        endWork();
    }

    @Test
    void aBlockDamagedAtTwoMembersIsRepairedAtBothByWayOfThePrimary() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        pool.run(1_000);
        SimNode primary = cluster.nodes.get(cluster.primary());
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        var written = primary.disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        var bad = new DamagedBlock(written.getKey(), index);
        primary.model().damage(bad);
        secondary.model().damage(bad);
        var outcome = repair(secondary, bad);
        assertTrue(
                pool.runUntil(10_000, () -> outcome.get() == RepairOutcome.REPAIRED),
                pool.world::trace);
        assertFalse(primary.model().isDamaged(bad));
        assertEquals(2, repairs());
        pool.checkReplicasAreEqual();
    }

    @Test
    void aBlockDamagedAtAllMembersIsLostToAScrubber() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        pool.run(1_000);
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        var written = secondary.disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        var bad = new DamagedBlock(written.getKey(), index);
        cluster.nodes.forEach(node -> node.model().damage(bad));
        var outcome = repair(secondary, bad);
        assertTrue(
                pool.runUntil(10_000, () -> outcome.get() == RepairOutcome.LOST),
                pool.world::trace);
        assertTrue(secondary.model().isDamaged(bad));
    }

    @Test
    void aBlockDamagedAtAllMembersIsRefusedUntilItIsWrittenAnew() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        SimNode primary = cluster.nodes.get(cluster.primary());
        DamagedBlock bad = block(0, 0);
        cluster.nodes.forEach(node -> node.model().damage(bad));
        SimClient reader = pool.client(writer.attached.token());
        int done = pool.history.doneCount();
        reader.readOnce(0, 4);
        pool.run(3_000);
        assertTrue(primary.losses > 0, pool.world::trace);
        assertEquals(done, pool.history.doneCount());
        SimClient next = pool.client(writer.attached.token() + 1);
        next.start(4);
        assertTrue(pool.runUntil(10_000, () -> !primary.model().isDamaged(bad)));
        next.stop();
        assertTrue(pool.runUntil(10_000, next::isIdle));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    @Test
    void aDamagedChunkIsRepairedBeforeAJoinerGetsIt() {
        SimClient writer = startWork();
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        ModelDisk disk = cluster.nodes.get(cluster.primary()).model();
        var written = disk.chunks().firstEntry();
        int index = written.getValue().blocks().keySet().iterator().next();
        disk.damage(new DamagedBlock(written.getKey(), index));
        cluster.configurations.want(
                List.of(0, 1, 2, 3).stream()
                        .filter(i -> i != (cluster.primary() + 1) % 3)
                        .map(SimNode::storeOf)
                        .toList());
        assertTrue(pool.runUntil(15_000, pool::isWhole), pool.world::trace);
        assertEquals(1, repairs());
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    private void stop(int node) {
        cluster.mayStop = true;
        SimNode at = cluster.nodes.get(node);
        at.on(at.life(), r -> r.onFailed(0, "on purpose", at.now()));
    }

    @Test
    void aMemberThatIsFullRefusesWritesAndGivesSpaceBack() {
        startWork();
        SimNode full = cluster.nodes.get((cluster.primary() + 1) % 3);
        full.freeBytes = 0;
        pool.run(1_000);
        long tail = full.disk.durableTail();
        int reads = pool.history.doneCount() - pool.history.doneWrites();
        pool.run(2_000);
        assertTrue(pool.history.doneCount() - pool.history.doneWrites() > reads + 20);
        // Zeroes and trims are still taken.
        assertTrue(full.disk.durableTail() > tail, pool.world::trace);
        assertTrue(pool.world.trace().contains("is told"), pool.world::trace);
        full.freeBytes = Long.MAX_VALUE;
        pool.run(1_000);
        int writes = pool.history.doneWrites();
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneWrites() > writes + 20));
        endWork();
    }
}
