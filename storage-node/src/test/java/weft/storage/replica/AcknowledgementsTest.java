package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.fabric.VolumeId;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.PrepareAck;
import weft.wire.storage.ReplicaMessage.Reconcile;
import weft.wire.storage.ReplicaMessage.ReconcileAck;
import weft.wire.storage.StorageMessage.Refused;
import weft.wire.storage.StorageMessage.WriteDone;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/// What counts as an acknowledgement and who may serve, in orders of events made by hand.
class AcknowledgementsTest {
    private static final Member A = DrivenReplica.member(1);
    private static final Member B = DrivenReplica.member(2);
    private static final Member C = DrivenReplica.member(3);

    private final DrivenReplica driven = new DrivenReplica(A);

    /// A as primary of version 1 that waits for its two secondaries.
    private void lead() {
        var first = DrivenReplica.configuration(1, A, List.of(A, B, C));
        driven.replica.onConfiguration(first, true, 0);
        driven.becomeDurable();
        assertEquals(2, driven.sent(Reconcile.class).size());
    }

    private void reconcile(Member from) {
        driven.replica.onMessage(from, new ReconcileAck(DrivenReplica.PG, 1, 0, 0), 0);
    }

    private void acknowledge(Member from, long durable) {
        driven.replica.onMessage(from, new PrepareAck(DrivenReplica.PG, 1, durable, false), 0);
    }

    @Test
    void whatASecondaryHasBeforeItReconciledCountsForNothing() {
        lead();
        // It has three entries of an earlier primary, which it is about to drop.
        acknowledge(B, 3);
        reconcile(B);
        reconcile(C);
        long exchange = driven.write(9, 1, 1);
        driven.becomeDurable();
        acknowledge(C, 1);
        assertEquals(Optional.empty(), driven.answerTo(exchange));
        assertEquals(List.of(), driven.applied);
        acknowledge(B, 1);
        assertEquals(Optional.of(new WriteDone()), driven.answerTo(exchange));
        assertEquals(1, driven.applied.size());
    }

    @Test
    void aSecondaryAcknowledgesNothingBeforeItHasReconciled() {
        var members = List.of(A, B, C);
        driven.replica.onConfiguration(DrivenReplica.configuration(1, B, members), true, 0);
        driven.becomeDurable();
        driven.replica.onMessage(B, new Reconcile(DrivenReplica.PG, 1, 0, 0), 0);
        Entry entry = new Entry(1, 1, 9, 1, 1, 0, DrivenReplica.write(0));
        driven.replica.onMessage(B, new Prepare(DrivenReplica.PG, 1, 0, entry), 0);
        // Before it is durable another primary leads, who does not have the entry.
        driven.replica.onConfiguration(DrivenReplica.configuration(2, C, members), true, 0);
        driven.becomeDurable();
        assertEquals(List.of(), driven.sent(PrepareAck.class));
        driven.replica.onMessage(C, new Reconcile(DrivenReplica.PG, 2, 0, 0), 0);
        assertEquals(
                new ReconcileAck(DrivenReplica.PG, 2, 0, 0),
                driven.sent(ReconcileAck.class).getLast());
        assertInstanceOf(JournalRecord.Truncated.class, driven.journal.getLast());
    }

    /// Seed 3002775: what it says in a version that a crash would undo, another life may deny.
    @Test
    void aPrimarySendsNoBlockBeforeItsVersionIsDurable() {
        driven.replica.onConfiguration(DrivenReplica.configuration(1, A, List.of(A, B)), true, 0);
        var block = new DamagedBlock(new ChunkKey(new VolumeId(7), 0), 3);
        driven.replica.onMessage(B, new BlockRequest(DrivenReplica.PG, 1, block), 0);
        assertEquals(0, driven.blocksRead);
        driven.becomeDurable();
        driven.replica.onMessage(B, new BlockRequest(DrivenReplica.PG, 1, block), 0);
        assertEquals(1, driven.blocksRead);
        assertEquals(block, driven.sent(BlockReply.class).getLast().block());
    }

    /// One entry is always taken: else groups could wait for each other for ever.
    @Test
    void whereMuchIsPreparedAGroupTakesOneEntryAtATime() {
        driven.crowded = true;
        lead();
        reconcile(B);
        reconcile(C);
        driven.write(9, 1, 1);
        driven.write(9, 2, 1);
        assertEquals(2, driven.sent(Prepare.class).size(), "one to each");
        driven.becomeDurable();
        acknowledge(B, 1);
        acknowledge(C, 1);
        assertEquals(2, driven.sent(Prepare.class).getLast().entry().sequence());
    }

    @Test
    void aStoreThatTookAHigherVersionThanTheCoordinationHasServesNobodyAndSaysSo() {
        var recovered =
                new RecoveredState(DrivenReplica.PG, 7, true, 0, List.of(), new ReplicatedTables());
        var restored = new DrivenReplica(A, recovered);
        restored.replica.onConfiguration(DrivenReplica.configuration(3, A, List.of(A)), true, 0);
        long exchange = restored.write(9, 1, 1);
        var refused = assertInstanceOf(Refused.class, restored.answerTo(exchange).orElseThrow());
        assertEquals(Refused.Reason.NOT_SERVING, refused.reason());
        assertTrue(refused.detail().contains("has v3, this store took v7"), refused::detail);
        assertEquals(List.of(), restored.journal);
        restored.replica.onConfiguration(DrivenReplica.configuration(8, A, List.of(A)), true, 0);
        assertEquals(1, restored.journal.size());
    }

    /// They would be damaged in all copies.
    @Test
    void blocksWithoutTheirChecksumsGetNoSequence() {
        lead();
        reconcile(B);
        reconcile(C);
        int prepares = driven.sent(Prepare.class).size();
        ByteBuffer payload = ByteBuffer.allocate(3 * ChunkKey.BLOCK_BYTES + 100);
        int offset = ChunkKey.BLOCK_BYTES - 50;
        ByteBuffer checksums = BlockChecksums.of(offset, payload);
        // A byte of a part of a block has none; the message's own is looked at before.
        payload.put(10, (byte) 1);
        var intact = new Mutation.Write(List.of(new VolumeId(7)), 0, offset, payload, checksums);
        long served = driven.write(9, 1, 1, intact);
        assertEquals(prepares + 2, driven.sent(Prepare.class).size());
        ByteBuffer spoilt = ByteBuffer.allocate(payload.remaining());
        spoilt.put(2 * ChunkKey.BLOCK_BYTES + 60, (byte) 1);
        var damaged = new Mutation.Write(List.of(new VolumeId(7)), 0, offset, spoilt, checksums);
        long refused = driven.write(9, 2, 1, damaged);
        assertEquals(
                Refused.Reason.BAD_REQUEST,
                assertInstanceOf(Refused.class, driven.answerTo(refused).orElseThrow()).reason());
        assertEquals(prepares + 2, driven.sent(Prepare.class).size());
        assertEquals(Optional.empty(), driven.answerTo(served));
    }

    @Test
    void aRequestThatItsClientGaveUpGetsNoSequenceBehindLaterOnes() {
        lead();
        reconcile(B);
        reconcile(C);
        long later = driven.write(9, 6, 6);
        int prepares = driven.sent(Prepare.class).size();
        long late = driven.write(9, 5, 5);
        assertEquals(
                Refused.Reason.BAD_REQUEST,
                assertInstanceOf(Refused.class, driven.answerTo(late).orElseThrow()).reason());
        assertEquals(prepares, driven.sent(Prepare.class).size());
        // The same request again is no late one: it waits for its entry.
        long again = driven.write(9, 6, 6);
        driven.becomeDurable();
        acknowledge(B, 1);
        acknowledge(C, 1);
        assertEquals(Optional.of(new WriteDone()), driven.answerTo(later));
        assertEquals(Optional.of(new WriteDone()), driven.answerTo(again));
        assertEquals(1, driven.applied.size());
    }
}
