package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.wire.holder.HolderMessage;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Stories of cuts over two volumes of two processes in two groups, while both are written.
class CutScenarioTest {
    private static final VolumeId FIRST = SimPool.VOLUME;
    private static final VolumeId SECOND = new VolumeId(8);
    private static final long SEED = 5;

    private final SimPool pool = new SimPool(SEED, new SimPool.Size(2, 4, 3, 2, 3));
    private final SimClient one = pool.client(FIRST, 1);
    private final SimClient two = pool.client(SECOND, 1);
    private final SimProcess cutter = pool.process();
    private final List<SimSnapshots.Taken> taken = new ArrayList<>();

    private void work() {
        one.start(4);
        two.start(4);
        assertTrue(pool.runUntil(2_000, () -> pool.history.doneCount() > 40));
    }

    private void cut() {
        new SimCut(pool, cutter, List.of(FIRST, SECOND), this::sealed).start();
    }

    private void sealed(List<Volume> snapshots) {
        pool.snapshots.sealed(snapshots, taken::addAll);
    }

    /// What was sealed stays, and so does everything else.
    private void end() {
        pool.run(1_000);
        pool.clients.forEach(SimClient::stop);
        assertTrue(
                pool.runUntil(20_000, () -> pool.clients.stream().allMatch(SimClient::isIdle)),
                pool.world::trace);
        pool.snapshots.checkUnchanged();
        assertTrue(pool.runUntil(10_000, pool.snapshots::isIdle));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    /// Many writes at a time: some begin in the one volume while the other has switched already.
    @Test
    void manyCutsAreSealedWhileWritesGoOn() {
        one.start(16);
        two.start(16);
        work();
        for (int i = 1; i <= 12; i++) {
            int wanted = taken.size() + 2;
            boolean sealed = false;
            for (int attempt = 0; attempt < 3 && !sealed; attempt++) {
                // A message may be lost: the next one does not wait for it as long as its cut does.
                cut();
                sealed = pool.runUntil(4_000, () -> taken.size() >= wanted);
            }
            assertTrue(sealed, pool.world::trace);
        }
        end();
    }

    @Test
    void aCutOfAPrimaryThatDiesIsSealedAfterItsReplacement() {
        work();
        cut();
        pool.run(2);
        StorageCluster group = pool.groups.getFirst();
        group.nodes.get(group.primary()).crash();
        assertTrue(pool.runUntil(30_000, () -> taken.size() == 2), pool.world::trace);
        end();
    }

    @Test
    void aHolderThatDiesInTheMidstIsFencedAndTheCutTakenAnew() {
        work();
        pool.run(100);
        cut();
        pool.run(2);
        two.process.die();
        assertTrue(pool.runUntil(10_000, () -> taken.size() == 2), pool.world::trace);
        assertTrue(pool.records.volume(SECOND).token() > 1, pool.world::trace);
        end();
    }

    /// Its groups have its writes and stand still; the next holder knows nothing of those.
    @Test
    void whatADeadHolderHadUnderWayIsOverBeforeACutIsSealed() {
        work();
        for (StorageCluster group : pool.groups) {
            group.nodes.get(group.primary()).freeze(1_200 * SimPool.MILLIS);
        }
        pool.run(30);
        one.process.die();
        var _ = pool.client(FIRST, 2);
        new SimCut(pool, cutter, List.of(FIRST), this::sealed).start();
        assertTrue(pool.runUntil(10_000, () -> taken.size() == 1), pool.world::trace);
        end();
    }

    /// The first one's request is lost, and sent again after a second: to the layer below.
    @Test
    void aPartOfABlockWaitsForWhatGoesToTheLayerBelow() {
        pool.run(500);
        pool.groups.forEach(group -> group.lossRate = 1);
        one.writeOnce(0, 1);
        pool.run(50);
        pool.groups.forEach(group -> group.lossRate = 0);
        pool.addLayer(FIRST);
        one.writeOnce(1, 1);
        assertTrue(pool.runUntil(10_000, one::isIdle), pool.world::trace);
        one.readOnce(0, 4);
        assertTrue(pool.runUntil(10_000, one::isIdle), pool.world::trace);
        assertEquals(3, pool.history.doneCount());
    }

    /// Its writes have their place in the order, before the token that refuses it.
    @Test
    void aFencedHolderDoesNotKnowWhatBecameOfItsWrites() {
        work();
        for (StorageCluster group : pool.groups) {
            group.nodes.get(1).disk.setSlowness(10_000);
        }
        pool.run(100);
        pool.client(FIRST, 2).start(4);
        assertTrue(pool.runUntil(10_000, one::isFenced), pool.world::trace);
        List<HolderMessage> answers = new ArrayList<>();
        one.process.ask(
                new HolderMessage.Settle(1, List.of(new HolderMessage.Holding(FIRST, 1))),
                answers::add);
        assertTrue(pool.runUntil(10_000, () -> !answers.isEmpty()), pool.world::trace);
        assertEquals(List.of(new HolderMessage.Settled(false, false)), answers);
        pool.heal();
        end();
    }

    @Test
    void aClaimInTheMidstMakesACutVoid() {
        work();
        pool.run(100); // until the holder knows that all groups have its token
        new SimCut(pool, cutter, List.of(FIRST), this::sealed).start();
        assertTrue(
                pool.runUntil(
                        1_000, () -> pool.records.volume(FIRST).record().layers().size() == 2));
        // What is under way does not end, so the cut is not sealed before the claim.
        pool.groups.forEach(group -> group.lossRate = 1);
        pool.client(FIRST, 2).start(4);
        pool.run(50);
        pool.groups.forEach(group -> group.lossRate = 0);
        assertTrue(pool.runUntil(20_000, () -> taken.size() == 1), pool.world::trace);
        assertEquals(3, pool.records.volume(FIRST).record().layers().size(), pool.world::trace);
        end();
    }

    @Test
    void aCutWhoseProcessDiesHarmsNobody() {
        work();
        cut();
        pool.run(5);
        cutter.die();
        int before = pool.history.doneCount();
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneCount() > before + 40));
        assertEquals(List.of(), taken);
        end();
    }

    @Test
    void theCheckSeesACutThatLacksACause() {
        var world = new SimWorld(1);
        var history = new History(world);
        History.Operation cause = history.beginWrite(FIRST, 0, 1, one);
        world.run(10);
        history.endWrite(cause);
        world.run(10);
        History.Operation effect = history.beginWrite(SECOND, 0, 1, two);
        world.run(10);
        history.endWrite(effect);
        var lacksTheCause = List.of(taken(FIRST, 0), taken(SECOND, effect.value()));
        var lacksTheEffect = List.of(taken(FIRST, cause.value()), taken(SECOND, 0));
        history.checkCut(lacksTheEffect);
        assertThrows(AssertionError.class, () -> history.checkCut(lacksTheCause));
    }

    private SimSnapshots.Taken taken(VolumeId id, long value) {
        Volume record = pool.records.volume(id).record().withAccess(Volume.Access.READ_ONLY);
        return new SimSnapshots.Taken(record, Map.of(0L, value));
    }
}
