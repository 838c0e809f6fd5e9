package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.util.ArrayList;
import java.util.List;

/// Stories of a volume that two processes hold together, in two groups: what both do is one history
/// of each block, whoever comes and goes, and whatever is cut.
class ShareScenarioTest {
    private static final VolumeId SHARED = SimPool.VOLUME;
    private static final VolumeId OTHER = new VolumeId(8);

    private final SimPool pool = new SimPool(11, new SimPool.Size(2, 4, 3, 2, 3));
    private final SimClient one = pool.sharer(SHARED);
    private final SimClient two = pool.sharer(SHARED);
    private final SimProcess cutter = pool.process();
    private final List<SimSnapshots.Taken> taken = new ArrayList<>();

    private void work() {
        one.start(6);
        two.start(6);
        assertTrue(pool.runUntil(2_000, () -> pool.history.doneCount() > 40));
    }

    /// Messages of a cut are lost sometimes, and it gives up: as one who types it, it is begun
    /// anew.
    private void cut(List<VolumeId> volumes) {
        int wanted = taken.size() + volumes.size();
        for (int i = 0; i < 3 && taken.size() < wanted; i++) {
            new SimCut(pool, cutter, volumes, this::sealed).start();
            var _ = pool.runUntil(20_000, () -> taken.size() >= wanted);
        }
        assertTrue(taken.size() >= wanted, pool.world::trace);
    }

    private void sealed(List<Volume> snapshots) {
        pool.snapshots.sealed(snapshots, taken::addAll);
    }

    private void moreIsDone() {
        int before = pool.history.doneCount();
        assertTrue(
                pool.runUntil(5_000, () -> pool.history.doneCount() > before + 40),
                pool.world::trace);
    }

    private void end() {
        pool.clients.forEach(SimClient::stop);
        assertTrue(
                pool.runUntil(20_000, () -> pool.clients.stream().allMatch(SimClient::isIdle)),
                pool.world::trace);
        pool.snapshots.checkUnchanged();
        assertTrue(pool.runUntil(10_000, pool.snapshots::isIdle));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    @Test
    void whoWasThereGoesOnWhenAnotherComes() {
        work();
        assertEquals(2, one.token());
        SimClient three = pool.sharer(SHARED);
        three.start(4);
        moreIsDone();
        assertEquals(List.of(3L, 3L, 3L), List.of(one.token(), two.token(), three.token()));
        assertFalse(one.isFenced() || two.isFenced() || three.isFenced());
        end();
    }

    @Test
    void whoTakesTheVolumeAloneEndsAllWhoHeldIt() {
        work();
        SimClient alone = pool.client(SHARED, pool.records.volume(SHARED).token() + 1);
        alone.start(4);
        assertTrue(pool.runUntil(2_000, () -> one.isFenced() && two.isFenced()), pool.world::trace);
        moreIsDone();
        end();
    }

    @Test
    void cutsAreSealedWhileBothWrite() {
        work();
        for (int i = 0; i < 12; i++) {
            cut(List.of(SHARED));
            moreIsDone();
        }
        assertFalse(one.isFenced() || two.isFenced());
        end();
    }

    @Test
    void aCutOfASharedVolumeAndOfOthersHasWhatLedToWhatItHas() {
        SimClient other = pool.client(OTHER, 1);
        SimClient third = pool.client(new VolumeId(9), 1);
        other.start(6);
        third.start(6);
        work();
        for (int i = 0; i < 12; i++) {
            cut(List.of(SHARED, OTHER, new VolumeId(9)));
            moreIsDone();
        }
        end();
    }

    /// Nobody asks a dead one, and the other is not held up by it.
    @Test
    void aCutDoesNotWaitForASharerThatDied() {
        work();
        two.process.die();
        long before = pool.world.nowNanos();
        cut(List.of(SHARED));
        assertTrue(pool.world.nowNanos() - before < 300 * SimPool.MILLIS, pool.world::trace);
        moreIsDone();
        end();
    }

    /// Else sharers would wait for a seal that never comes.
    @Test
    void aCutWhoseMakerDiesHoldsSharersUpForAMoment() {
        work();
        new SimCut(pool, cutter, List.of(SHARED), this::sealed).start();
        while (pool.records.volume(SHARED).record().layers().size() == 1) {
            pool.run(1);
        }
        cutter.die();
        pool.run(1_200);
        moreIsDone();
        assertEquals(List.of(), taken);
        end();
    }

    /// It lives on, and does not know.
    @Test
    void whoHasToGoIsRefusedAndTheOtherIsCutAsBefore() {
        work();
        pool.leave(SHARED, two.process);
        assertTrue(pool.runUntil(2_000, two::isFenced), pool.world::trace);
        assertFalse(one.isFenced());
        for (int i = 0; i < 6; i++) {
            cut(List.of(SHARED));
            moreIsDone();
        }
        assertFalse(one.isFenced());
        end();
    }
}
