package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Member;

/// Stories of members that a group does without before their leases end: those whose disks are
/// slow, and those whose end is reported.
class LeftOutScenarioTest {
    private static final long SEED = 12;

    /// A journal write takes 25 to 200 ms.
    private static final long SLOW = 500;

    private final SimPool pool = new SimPool(SEED, new SimPool.Size(1, 4, 3, 2, 3));
    private final StorageCluster cluster = pool.groups.getFirst();

    private void startWork() {
        pool.client(1).start(4);
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneCount() > 20));
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

    private boolean isMember(SimNode node) {
        return cluster.configurations.current().members().contains(node.self);
    }

    @Test
    void aMemberWithASomewhatSlowDiskStays() {
        startWork();
        cluster.nodes.get((cluster.primary() + 1) % 3).disk.setSlowness(30);
        pool.run(8_000);
        assertEquals(3, cluster.configurations.current().members().size());
        endWork();
    }

    @Test
    void aMemberWithASlowDiskIsLeftOutUntilItIsWell() {
        startWork();
        SimNode slow = cluster.nodes.get((cluster.primary() + 1) % 3);
        slow.disk.setSlowness(SLOW);
        assertTrue(pool.runUntil(4_000, () -> !isMember(slow)), pool.world::trace);
        int writes = pool.history.doneWrites();
        pool.run(1_000);
        assertTrue(pool.history.doneWrites() > writes + 100, pool.world::trace);
        slow.disk.setSlowness(1);
        pool.run(SimNode.SLOW_OUT_MILLIS - 1_500);
        assertFalse(isMember(slow), "it is not asked back soon");
        assertTrue(pool.runUntil(12_000, () -> isMember(slow)), pool.world::trace);
        endWork();
    }

    @Test
    void aDiskThatHangsIsLeftOutToo() {
        startWork();
        SimNode hung = cluster.nodes.get((cluster.primary() + 1) % 3);
        hung.disk.setSlowness(1_000_000);
        assertTrue(pool.runUntil(3_500, () -> !isMember(hung)), pool.world::trace);
        assertTrue(progressWithin(1_000), pool.world.trace());
        hung.crash();
        hung.disk.setSlowness(1);
        hung.start();
        assertTrue(pool.runUntil(20_000, () -> isMember(hung)), pool.world::trace);
        endWork();
    }

    @Test
    void aPrimaryWithASlowDiskHandsOver() {
        startWork();
        SimNode slow = cluster.nodes.get(cluster.primary());
        slow.disk.setSlowness(SLOW);
        assertTrue(pool.runUntil(4_000, () -> !isMember(slow)), pool.world::trace);
        assertTrue(progressWithin(1_000), pool.world.trace());
        slow.disk.setSlowness(1);
        assertTrue(pool.runUntil(12_000, () -> isMember(slow)), pool.world::trace);
        endWork();
    }

    @Test
    void whereAllDisksAreSlowAllStay() {
        startWork();
        cluster.nodes.forEach(node -> node.disk.setSlowness(SLOW));
        pool.run(10_000);
        assertEquals(3, cluster.configurations.current().members().size());
        cluster.nodes.forEach(node -> node.disk.setSlowness(1));
        endWork();
    }

    @Test
    void aSlowMemberThatIsNeededStays() {
        startWork();
        SimNode gone = cluster.nodes.get((cluster.primary() + 1) % 3);
        SimNode slow = cluster.nodes.get((cluster.primary() + 2) % 3);
        gone.crash();
        assertTrue(pool.runUntil(5_000, () -> !isMember(gone)), pool.world::trace);
        slow.disk.setSlowness(SLOW);
        pool.run(10_000);
        assertTrue(isMember(slow), pool.world::trace);
        slow.disk.setSlowness(1);
        endWork();
    }

    @Test
    void aReportedDeathIsNotWaitedFor() {
        startWork();
        int primary = cluster.primary();
        SimNode killed = cluster.nodes.get(primary);
        killed.crash();
        cluster.reportEnd(killed.self);
        assertTrue(progressWithin(800), pool.world.trace());
        assertNotEquals(primary, cluster.primary());
        killed.start();
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world.trace());
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        secondary.crash();
        cluster.reportEnd(secondary.self);
        assertTrue(progressWithin(500), pool.world.trace());
        assertFalse(isMember(secondary));
        endWork();
    }

    /// Of a life that is over nothing follows for the next one.
    @Test
    void aReportOfAnEarlierLifeChangesNothing() {
        startWork();
        SimNode node = cluster.nodes.get(cluster.primary());
        Member earlier = node.self;
        node.crash();
        node.start();
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world.trace());
        long version = cluster.configurations.current().version();
        cluster.reportEnd(earlier);
        pool.run(5_000);
        assertEquals(version, cluster.configurations.current().version());
        endWork();
    }
}
