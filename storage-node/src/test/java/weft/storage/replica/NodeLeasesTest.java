package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Beat;
import weft.wire.storage.StorageMessage.BeatAck;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;

class NodeLeasesTest {
    private static final long MILLIS = 1_000_000;
    private static final NodeId OTHER = new NodeId("other");
    private static final Member OWN = new Member(new StoreId(new UUID(1, 1)), 1);
    private static final Member THEIRS = new Member(new StoreId(new UUID(2, 2)), 5);

    private final List<StorageMessage> sent = new ArrayList<>();
    private final NodeLeases leases =
            new NodeLeases(
                    new ReplicaSettings(250, 2_000, 2_500, 500, 500, 60_000, 1024, 64L << 20, 1024),
                    new NodeId("self"),
                    List.of(new StoreBeat(OWN, 100, 0)),
                    (_, message) -> sent.add(message),
                    0);

    private void answered(long sentMillis, long nowMillis) {
        leases.onBeatAck(
                new BeatAck(OTHER, sentMillis * MILLIS, List.of(new StoreBeat(THEIRS, 1, 0))),
                nowMillis * MILLIS);
    }

    private BeatAck beaten(long sentNanos, List<StoreBeat> stores, long nowMillis) {
        return leases.onBeat(new Beat(OTHER, sentNanos, stores), nowMillis * MILLIS);
    }

    @Test
    void aLeaseRunsFromWhenTheAnsweredBeatWasSent() {
        answered(1_000, 1_900);
        assertTrue(leases.isHeld(THEIRS, 2_999 * MILLIS));
        assertFalse(leases.isHeld(THEIRS, 3_000 * MILLIS));
    }

    @Test
    void aLeaseOfAnEarlierLifeIsNotALaterOnes() {
        answered(1_000, 1_100);
        assertFalse(leases.isHeld(new Member(THEIRS.store(), 6), 1_200 * MILLIS));
        assertFalse(leases.isHeld(new Member(THEIRS.store(), 4), 1_200 * MILLIS));
    }

    @Test
    void aLapseIsRememberedEvenIfNobodyLooked() {
        answered(1_000, 1_100);
        long generation = leases.generation(THEIRS);
        answered(2_900, 2_950);
        assertEquals(generation, leases.generation(THEIRS));
        // Sent before the lease ended, but it came after.
        answered(3_000, 4_950);
        assertEquals(generation + 1, leases.generation(THEIRS));
    }

    @Test
    void anAnswerThatComesTooLateGrantsNothing() {
        answered(1_000, 3_100);
        assertFalse(leases.isHeld(THEIRS, 3_100 * MILLIS));
        assertEquals(0, leases.generation(THEIRS));
    }

    @Test
    void thePromiseIsRememberedWhenItIsGiven() {
        assertEquals(0, leases.lastAnsweredNanos(THEIRS.store()));
        leases.onTick(Set.of(), 1_400 * MILLIS);
        assertEquals(
                new BeatAck(new NodeId("self"), 77, List.of(new StoreBeat(OWN, 100, 0))),
                beaten(77, List.of(new StoreBeat(THEIRS, 1, 0)), 1_500));
        assertEquals(1_500 * MILLIS, leases.lastAnsweredNanos(THEIRS.store()));
    }

    /// Two connections bring beats of one node, and one of them was held up.
    @Test
    void aLaterPromiseStaysWhenAnEarlierBeatIsAnsweredAfterIt() {
        var _ = beaten(77, List.of(new StoreBeat(THEIRS, 1, 0)), 700);
        var _ = beaten(76, List.of(new StoreBeat(THEIRS, 1, 0)), 500);
        assertEquals(700 * MILLIS, leases.lastAnsweredNanos(THEIRS.store()));
    }

    /// Whether its stores work nobody looks at then.
    @Test
    void aNodeWhoseTicksStandStillPromisesNothing() {
        leases.onTick(Set.of(), 1_000 * MILLIS);
        assertEquals(1, beaten(77, List.of(new StoreBeat(THEIRS, 1, 0)), 1_750).stores().size());
        assertEquals(0, beaten(78, List.of(new StoreBeat(THEIRS, 1, 0)), 1_751).stores().size());
        leases.onTick(Set.of(), 2_000 * MILLIS);
        assertEquals(1, beaten(79, List.of(new StoreBeat(THEIRS, 1, 0)), 2_001).stores().size());
    }

    @Test
    void aNodeThatStoodStillAccusesNobodyForAWhile() {
        leases.onTick(Set.of(), 250 * MILLIS);
        assertFalse(leases.isSelfLate(300 * MILLIS));
        assertTrue(leases.isSelfLate(5_000 * MILLIS));
        leases.onTick(Set.of(), 5_000 * MILLIS);
        assertTrue(leases.isSelfLate(5_100 * MILLIS));
        leases.onTick(Set.of(), 5_250 * MILLIS);
        leases.onTick(Set.of(), 5_500 * MILLIS);
        assertFalse(leases.isSelfLate(5_550 * MILLIS));
    }

    /// Its own stores still need leases from each other.
    @Test
    void aNodeThatHearsOnlyItselfIsCutOffForTheOthers() {
        NodeId self = new NodeId("self");
        leases.onTick(Set.of(self), 1_900 * MILLIS);
        var _ =
                leases.onBeat(
                        new Beat(self, 1, List.of(new StoreBeat(OWN, 100, 0))), 2_000 * MILLIS);
        leases.onBeatAck(new BeatAck(self, 1, List.of(new StoreBeat(OWN, 100, 0))), 2_050 * MILLIS);
        leases.onTick(Set.of(OTHER), 2_100 * MILLIS);
        assertEquals(List.of(), ((Beat) sent.getLast()).stores());
        leases.onTick(Set.of(self), 2_150 * MILLIS);
        assertEquals(List.of(new StoreBeat(OWN, 100, 0)), ((Beat) sent.getLast()).stores());
    }

    @Test
    void aNodeThatHearsNobodyAsksForNoPromise() {
        leases.onTick(Set.of(OTHER), 1_000 * MILLIS);
        assertEquals(List.of(new StoreBeat(OWN, 100, 0)), ((Beat) sent.getLast()).stores());
        leases.onTick(Set.of(OTHER), 2_100 * MILLIS);
        assertEquals(List.of(), ((Beat) sent.getLast()).stores());
        assertEquals(List.of(), beaten(1, List.of(), 2_200).stores());
        leases.onTick(Set.of(OTHER), 2_300 * MILLIS);
        assertEquals(List.of(new StoreBeat(OWN, 100, 0)), ((Beat) sent.getLast()).stores());
    }

    /// A node with several stores goes on to beat for those that work.
    @Test
    void aStoreThatWasLeftOutHasNoLeaseUntilABeatNamesItAgain() {
        LeaseView own = leases.viewOf(OWN.store());
        answered(0, 50);
        assertTrue(own.isHeld(THEIRS, 100 * MILLIS));
        long before = own.generation(THEIRS);
        leases.setStores(List.of(), 1_000 * MILLIS);
        answered(1_100, 1_150);
        assertTrue(leases.isHeld(THEIRS, 1_200 * MILLIS), "another store's");
        assertFalse(own.isHeld(THEIRS, 1_200 * MILLIS));
        leases.setStores(List.of(new StoreBeat(OWN, 100, 0)), 1_300 * MILLIS);
        assertFalse(own.isHeld(THEIRS, 1_350 * MILLIS), "that beat did not name it");
        assertTrue(leases.isSelfLate(1_350 * MILLIS), "it accuses nobody right away");
        answered(1_400, 1_450);
        assertTrue(own.isHeld(THEIRS, 1_500 * MILLIS));
        assertNotEquals(before, own.generation(THEIRS));
    }
}
