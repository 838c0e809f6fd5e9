package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

import weft.fabric.StoreId;
import weft.storage.store.Store;

/// Stories of single failures of disks with production stores on them.
class StoreScenarioTest {
    private static final long SEED = 12;

    static {
        // Every simulated power cut fails a store: expected, and no news.
        ((Logger) LoggerFactory.getLogger(Store.class)).setLevel(Level.OFF);
    }

    private final SimPool pool =
            new SimPool(SEED, new SimPool.Size(1, 4, 3, 2, 3), SimDisk.Kind.STORE);
    private final StorageCluster cluster = pool.groups.getFirst();

    private void startWork() {
        pool.nodes().forEach(node -> new SimScrub(pool, node).start());
        pool.client(1).start(4);
        assertTrue(pool.runUntil(2_000, () -> pool.history.doneCount() > 40 && pool.isWhole()));
    }

    private void endWork() {
        assertTrue(pool.runUntil(15_000, pool::isWhole), pool.world::trace);
        assertTrue(pool.runUntil(5_000, cluster::isIntact), pool.world::trace);
        pool.clients.forEach(SimClient::stop);
        assertTrue(pool.runUntil(10_000, () -> pool.clients.stream().allMatch(SimClient::isIdle)));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    @ParameterizedTest
    @EnumSource
    void aChunkWriteThatIsSpoiltAtThePrimaryIsRepairedFromAnotherMember(FaultyDisk.Mishap how) {
        startWork();
        SimNode primary = cluster.nodes.get(cluster.primary());
        // Some are overwritten before anybody looks, or were to be done where they were done.
        for (int round = 0; round < 12; round++) {
            primary.production().medium.spoilNextWrite("chunks/", how);
            assertTrue(pool.runUntil(5_000, () -> !primary.production().medium.isToSpoil()));
            pool.run(20);
        }
        endWork();
        assertTrue(primary.repairs > 0, pool.world::trace);
        assertEquals(0, cluster.nodes.stream().mapToInt(node -> node.losses).sum());
    }

    @Test
    void aStoreWhoseJournalIsDamagedInItsMidstIsRefusedAndReplaced() {
        startWork();
        SimNode node = cluster.nodes.get((cluster.primary() + 1) % 3);
        StoreId before = node.store;
        // A checkpoint may have freed what was damaged, or it was the last group.
        for (int round = 0; round < 10 && cluster.replacedDisks == 0; round++) {
            node.production().medium.spoilNextWrite("journal/", FaultyDisk.Mishap.NOWHERE);
            pool.run(40);
            node.crash();
            pool.run(4_000);
            node.start();
            assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world::trace);
        }
        endWork();
        assertEquals(1, cluster.replacedDisks, pool.world::trace);
        assertNotEquals(before, node.store);
        assertTrue(cluster.configurations.current().hasStore(node.store));
    }

    @Test
    void aMemberWhoseDiskForgotWhatItHadForcedIsFilledAgain() {
        startWork();
        SimNode node = cluster.nodes.get((cluster.primary() + 1) % 3);
        node.production().medium.lieAbout("");
        pool.run(800);
        long said = node.disk.durableTail();
        node.crash();
        pool.run(3_000);
        node.start();
        boolean forgot = cluster.replacedDisks > 0 || node.disk.durableTail() < said;
        assertTrue(forgot, pool.world::trace);
        endWork();
    }

    /// Seed 100020, and 9017553, which was given the lead while it was down: it led with what its
    /// journal had, and the others dropped what it did not have, though it had been answered.
    @Test
    void aPrimaryWhoseDiskForgotAndThatIsBackAtOnceDoesNotLead() {
        startWork();
        SimNode node = cluster.nodes.get(cluster.primary());
        node.production().medium.lieAbout("journal");
        pool.run(8);
        long said = node.disk.durableTail();
        node.crash();
        pool.run(20);
        node.start();
        assertTrue(node.disk.durableTail() < said, pool.world::trace);
        pool.run(1_500);
        assertNotEquals(node.store, cluster.configurations.current().primary().store());
        String led = "primary " + node.self + " members";
        assertFalse(pool.world.trace().contains(led), pool.world::trace);
        endWork();
    }

    @Test
    void aPrimaryWhoseDiskIsFullRefusesWritesAndGoesOn() {
        startWork();
        SimNode full = cluster.nodes.get(cluster.primary());
        full.setFull(true);
        assertTrue(
                pool.runUntil(20_000, () -> pool.world.trace().contains("is told")),
                pool.world::trace);
        int reads = pool.history.doneCount() - pool.history.doneWrites();
        pool.run(2_000);
        assertTrue(pool.history.doneCount() - pool.history.doneWrites() > reads + 20);
        full.setFull(false);
        pool.run(1_000);
        int writes = pool.history.doneWrites();
        assertTrue(pool.runUntil(2_000, () -> pool.history.doneWrites() > writes + 20));
        endWork();
    }

    @Test
    void requestsThatAreLostAndComeTwiceAreDoneOnce() {
        startWork();
        cluster.lossRate = 0.05;
        cluster.lateRate = 0.02;
        int done = pool.history.doneCount();
        assertTrue(pool.runUntil(60_000, () -> pool.history.doneCount() > done + 300));
        cluster.heal();
        endWork();
    }
}
