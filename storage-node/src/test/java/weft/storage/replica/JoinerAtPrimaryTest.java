package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.VolumeId;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.JoinAccepted;
import weft.wire.storage.ReplicaMessage.JoinRefused;
import weft.wire.storage.ReplicaMessage.JoinRequest;

import java.nio.ByteBuffer;
import java.util.List;

/// What a primary owes a joiner, and what it may do while one is proposed.
class JoinerAtPrimaryTest {
    private static final Member A = DrivenReplica.member(1);
    private static final Member B = DrivenReplica.member(2);

    private final DrivenReplica driven = new DrivenReplica(A);

    /// A leads alone; B has caught up, and A has proposed it.
    private void proposeB() {
        driven.replica.onConfiguration(
                new Configuration(
                        DrivenReplica.PG, 1, A, List.of(A), List.of(A.store(), B.store()), 1),
                true,
                0);
        driven.becomeDurable();
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 7), 0);
        assertEquals(7, driven.sent(JoinAccepted.class).getLast().attempt());
        driven.replica.onMessage(B, new CaughtUp(DrivenReplica.PG, 1, 7, 0), 0);
        driven.replica.onTick(1);
        assertEquals(1, driven.proposals.size());
    }

    /// Seed 112964: it asked with that attempt for ever, and nobody answered.
    @Test
    void whoAsksWithAnAttemptThatIsOverIsToldSo() {
        driven.replica.onConfiguration(
                new Configuration(
                        DrivenReplica.PG, 1, A, List.of(A), List.of(A.store(), B.store()), 1),
                true,
                0);
        driven.becomeDurable();
        driven.replica.onMessage(B, new CaughtUp(DrivenReplica.PG, 1, 7, 0), 0);
        assertEquals(1, driven.sent(JoinRefused.class).size());
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 7), 0);
        assertEquals(2, driven.sent(JoinRefused.class).size());
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 8), 0);
        assertEquals(8, driven.sent(JoinAccepted.class).getLast().attempt());
    }

    /// Its disk stood still: it said nothing while more was written than is kept for a joiner, and
    /// then asked again, because it had not heard that it was accepted.
    @Test
    void whoAsksAgainAfterWhatItLacksWasLetGoOfBeginsAnew() {
        driven.replica.onConfiguration(
                new Configuration(
                        DrivenReplica.PG, 1, A, List.of(A), List.of(A.store(), B.store()), 1),
                true,
                0);
        driven.becomeDurable();
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 7), 0);
        int bytes = 1 << 20;
        for (int i = 0; i < 9; i++) {
            var payload = ByteBuffer.allocate(bytes);
            long exchange =
                    driven.write(
                            1,
                            i + 1,
                            i + 1,
                            new Mutation.Write(
                                    List.of(new VolumeId(7)),
                                    0,
                                    0,
                                    payload,
                                    BlockChecksums.of(0, payload)));
            driven.becomeDurable();
            assertTrue(driven.answerTo(exchange).isPresent());
        }
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 7), 0);
        assertFalse(driven.replica.isStopped());
        assertEquals(7, driven.sent(JoinRefused.class).getLast().attempt());
        driven.replica.onMessage(B, new JoinRequest(DrivenReplica.PG, 1, 8), 0);
        assertEquals(9, driven.sent(JoinAccepted.class).getLast().committedSequence());
    }

    /// Seed 101034: the only member proposed a joiner and stood still; the joiner was made a
    /// member, waited for its grace, and led. Awake again, the old primary had nobody whose lease
    /// it missed.
    @Test
    void whileAJoinerIsProposedItsLeaseCountsToo() {
        proposeB();
        assertTrue(driven.replica.mayRead(1));
        driven.lapsed.add(B);
        assertFalse(driven.replica.mayRead(1));
        driven.lapsed.clear();
        driven.replica.onConfiguration(driven.proposals.getLast(), true, 1);
        driven.becomeDurable();
        driven.lapsed.add(B);
        assertFalse(driven.replica.mayRead(1), "a member's, as ever");
    }
}
