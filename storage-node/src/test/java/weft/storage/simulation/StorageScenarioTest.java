package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.storage.replica.Replica;

import java.util.List;

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
