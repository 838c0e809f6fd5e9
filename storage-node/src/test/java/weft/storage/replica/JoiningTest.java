package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.ChunkList;
import weft.wire.storage.ReplicaMessage.ChunkReply;
import weft.wire.storage.ReplicaMessage.ChunkRequest;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.JoinAccepted;
import weft.wire.storage.ReplicaMessage.JoinRefused;
import weft.wire.storage.ReplicaMessage.JoinRequest;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.PrepareAck;

import java.util.List;
import java.util.Optional;

/// A store that joins, in orders of events made by hand.
class JoiningTest {
    private static final Member A = DrivenReplica.member(1);
    private static final Member B = DrivenReplica.member(2);
    private static final long TICK_NANOS = 1_000_000_000;
    private static final ChunkKey CHUNK = new ChunkKey(new VolumeId(7), 0);

    private final DrivenReplica driven = new DrivenReplica(A);
    private long attempt;

    /// A has asked for the only chunk that B has, as of entry 5.
    private void copyOneChunk() {
        compareOneChunk();
        assertEquals(CHUNK, driven.sent(ChunkRequest.class).getLast().key());
    }

    private void compareOneChunk() {
        driven.replica.onConfiguration(
                new Configuration(
                        DrivenReplica.PG, 1, B, List.of(B), List.of(A.store(), B.store()), 1),
                true,
                0);
        driven.becomeDurable();
        driven.replica.onTick(TICK_NANOS);
        attempt = driven.sent(JoinRequest.class).getLast().attempt();
        driven.replica.onMessage(
                B,
                new JoinAccepted(
                        DrivenReplica.PG, 1, attempt, 5, 5, new ReplicatedTables().encode()),
                0);
        driven.becomeDurable();
        driven.listNothing();
        var stamps = List.of(new ChunkStamp(CHUNK, 1, 5));
        driven.replica.onMessage(
                B,
                new ChunkList(DrivenReplica.PG, 1, attempt, Optional.empty(), stamps, 5, true),
                0);
    }

    /// Eight bytes that commit at once.
    private Entry write(long sequence) {
        Entry entry = new Entry(1, sequence, 9, sequence, 1, 0, DrivenReplica.write(0));
        driven.replica.onMessage(B, new Prepare(DrivenReplica.PG, 1, sequence - 1, entry), 0);
        driven.becomeDurable();
        driven.replica.onMessage(B, new CommitPoint(DrivenReplica.PG, 1, sequence), 0);
        return entry;
    }

    private void copied(long committedSequence) {
        copied(committedSequence, committedSequence);
    }

    private void copied(long stamp, long committedSequence) {
        var content = new ChunkContent(new ChunkStamp(CHUNK, 1, stamp), List.of());
        driven.replica.onMessage(
                B,
                new ChunkReply(
                        DrivenReplica.PG,
                        1,
                        attempt,
                        committedSequence,
                        0,
                        CHUNK,
                        Optional.of(content)),
                0);
        driven.endWork();
    }

    @Test
    void whatWaitsForACopyIsCountedUntilItIsApplied() {
        copyOneChunk();
        Entry first = write(6);
        Entry second = write(7);
        assertEquals(16, driven.heldBytes);
        assertEquals(List.of(), driven.applied);
        copied(5);
        assertEquals(0, driven.heldBytes);
        assertEquals(List.of(first, second), driven.applied);
        assertEquals(List.of(), driven.sent(CaughtUp.class), "it is not durable yet");
        driven.endWork();
        assertEquals(7, driven.sent(CaughtUp.class).getLast().durableSequence());
    }

    /// Seed 112964: the acceptance was lost, and the refusal that ended the attempt was not heard.
    @Test
    void whoIsRefusedWhileItAsksAsksAnew() {
        compareOneChunk();
        driven.replica.onMessage(B, new JoinRefused(DrivenReplica.PG, 1, attempt), TICK_NANOS);
        driven.replica.onTick(2 * TICK_NANOS);
        long second = driven.sent(JoinRequest.class).getLast().attempt();
        assertTrue(second > attempt);
        driven.replica.onMessage(B, new JoinRefused(DrivenReplica.PG, 1, attempt), 2 * TICK_NANOS);
        driven.replica.onTick(3 * TICK_NANOS);
        assertEquals(second, driven.sent(JoinRequest.class).getLast().attempt(), "an old one");
        driven.replica.onMessage(B, new JoinRefused(DrivenReplica.PG, 1, second), 3 * TICK_NANOS);
        driven.replica.onTick(4 * TICK_NANOS);
        assertTrue(driven.sent(JoinRequest.class).getLast().attempt() > second);
    }

    @Test
    void whereMuchIsPreparedNothingIsHeldAndTheChunkIsCopiedOnceMore() {
        copyOneChunk();
        driven.crowded = true;
        write(6);
        assertEquals(6, driven.sent(PrepareAck.class).getLast().durableSequence());
        assertEquals(0, driven.heldBytes);
        copied(5);
        assertEquals(List.of(), driven.applied);
        assertEquals(2, driven.sent(ChunkRequest.class).size());
        copied(5);
        assertEquals(2, driven.sent(ChunkRequest.class).size(), "an answer from before: not taken");
        copied(6);
        driven.endWork();
        assertEquals(6, driven.sent(CaughtUp.class).getLast().durableSequence());
    }

    /// Seed 647: an entry may change nothing, as a copy down of what is not there, and leaves the
    /// chunk's stamp as it was. Who waited for one with its sequence waited for ever.
    @Test
    void aCopyIsRecentByWhatWasCommittedAndNotByItsStamp() {
        copyOneChunk();
        driven.crowded = true;
        write(6);
        copied(5);
        assertEquals(2, driven.sent(ChunkRequest.class).size());
        copied(5, 6);
        driven.endWork();
        assertEquals(6, driven.sent(CaughtUp.class).getLast().durableSequence());
    }

    @Test
    void anAttemptThatIsGivenUpHoldsNothing() {
        copyOneChunk();
        write(6);
        assertEquals(8, driven.heldBytes);
        driven.replica.onTick(30 * TICK_NANOS);
        assertEquals(0, driven.heldBytes);
        driven.replica.onTick(31 * TICK_NANOS);
        assertTrue(driven.sent(JoinRequest.class).getLast().attempt() > attempt);
    }

    private void othersCopy(long nowNanos) {
        var other = new PlacementGroupId(77 + (int) (nowNanos / TICK_NANOS));
        assertTrue(driven.pace.begin(other, 100, false, nowNanos).isPresent());
    }

    /// Whoever takes over for it begins with nothing, and others need not wait for its copies.
    @Test
    void aRoleThatEndsHoldsNothingAndGivesBackWhatItPaid() {
        copyOneChunk();
        write(6);
        assertEquals(8, driven.heldBytes);
        var later = new Configuration(DrivenReplica.PG, 2, B, List.of(B), List.of(B.store()), 1);
        driven.replica.onConfiguration(later, true, 0);
        assertEquals(0, driven.heldBytes);
        othersCopy(1);
    }

    /// However long others take their turns, it does not begin anew; when it has asked it does.
    @Test
    void whoWaitsForItsTurnToCopyIsNotLost() {
        othersCopy(0);
        compareOneChunk();
        for (long nanos = TICK_NANOS; nanos < 60 * TICK_NANOS; nanos += TICK_NANOS) {
            othersCopy(nanos);
            driven.replica.onTick(nanos);
            assertEquals(List.of(), driven.sent(ChunkRequest.class));
        }
        driven.replica.onTick(60 * TICK_NANOS);
        assertEquals(1, driven.sent(ChunkRequest.class).size());
        assertEquals(attempt, driven.sent(JoinRequest.class).getLast().attempt());
        driven.replica.onTick(64 * TICK_NANOS);
        driven.replica.onTick(65 * TICK_NANOS);
        assertTrue(driven.sent(JoinRequest.class).getLast().attempt() > attempt);
    }
}
