package weft.storage.replica;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.ChunkList;
import weft.wire.storage.ReplicaMessage.ChunkListRequest;
import weft.wire.storage.ReplicaMessage.ChunkReply;
import weft.wire.storage.ReplicaMessage.ChunkRequest;
import weft.wire.storage.ReplicaMessage.JoinAccepted;
import weft.wire.storage.ReplicaMessage.JoinRefused;
import weft.wire.storage.ReplicaMessage.JoinRequest;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A primary's side of catch-up, for one configuration: who is joining, and the chunks they ask
/// for.
final class CatchUpSource {
    /// A store that catches up.
    static final class Learner {
        final Follower follower;
        final long attempt;

        /// Sent again as it was: the joiner counts from its base.
        final JoinAccepted accepted;

        boolean caughtUp;
        int reads;

        Learner(Follower follower, JoinAccepted accepted) {
            this.follower = follower;
            this.accepted = accepted;
            attempt = accepted.attempt();
        }
    }

    private record ListRead(Learner learner, Optional<ChunkKey> after) {}

    /// @param committedSequence when the read began
    private record ChunkRead(Learner learner, ChunkKey key, long committedSequence) {}

    /// Reads under way for one learner; more requests are dropped, it asks again.
    private static final int READS_MAX = 4;

    private final ReplicaState state;
    private final Configuration configuration;
    private final Map<StoreId, Learner> learners = new HashMap<>();
    private final Map<StoreId, Long> attemptsOver = new HashMap<>();
    private final Map<Long, ListRead> listReads = new HashMap<>();
    private final Map<Long, ChunkRead> chunkReads = new HashMap<>();

    CatchUpSource(ReplicaState state, Configuration configuration) {
        this.state = state;
        this.configuration = configuration;
    }

    Collection<Learner> learners() {
        return learners.values();
    }

    @Nullable Learner learner(Member member) {
        Learner learner = learners.get(member.store());
        return learner != null && learner.follower.member.equals(member) ? learner : null;
    }

    private @Nullable Learner learner(Member member, long attempt) {
        Learner learner = learner(member);
        return learner != null && learner.attempt == attempt ? learner : null;
    }

    /// Accepts a joiner that is wanted and no member: from now on it gets every entry. Returns it,
    /// or null.
    @Nullable Learner onJoinRequest(Member from, JoinRequest request, long nowNanos) {
        long over = attemptsOver.getOrDefault(from.store(), Long.MIN_VALUE);
        Learner known = learners.get(from.store());
        boolean stale =
                (known != null && known.attempt > request.attempt())
                        || (known != null && known.caughtUp && known.attempt == request.attempt());
        if (request.attempt() <= over) {
            // The refusal that ended it may have been lost; it would ask like that for ever.
            refuse(from.store(), request.attempt());
            return null;
        }
        if (stale || configuration.hasStore(from.store())) {
            return null;
        }
        Learner learner = learner(from, request.attempt());
        if (learner == null) {
            state.outbox.tell(state.pg + ": " + from + " catches up");
            learner = accept(from, request.attempt(), nowNanos);
            learners.put(from.store(), learner);
        }
        state.outbox.send(from.store(), learner.accepted);
        return learner;
    }

    private Learner accept(Member from, long attempt, long nowNanos) {
        PreparedList list = state.list;
        return new Learner(
                new Follower(from, list.committed(), nowNanos),
                new JoinAccepted(
                        state.pg,
                        configuration.version(),
                        attempt,
                        list.committed(),
                        list.tail(),
                        state.tables.encode()));
    }

    /// The learner lacks an entry that is no longer here.
    void forget(Learner learner) {
        StoreId store = learner.follower.member.store();
        learners.remove(store);
        attemptsOver.put(store, learner.attempt);
        refuse(store, learner.attempt);
    }

    private void refuse(StoreId store, long attempt) {
        state.outbox.send(store, new JoinRefused(state.pg, configuration.version(), attempt));
    }

    void onListRequest(Member from, ChunkListRequest request) {
        Learner learner = learner(from, request.attempt());
        if (learner == null) {
            refuse(from.store(), request.attempt());
        } else if (learner.reads < READS_MAX) {
            learner.reads++;
            long ticket = state.nextTicket();
            listReads.put(ticket, new ListRead(learner, request.after()));
            state.disk.listChunks(ticket, request.after());
        }
    }

    void onChunkRequest(Member from, ChunkRequest request) {
        Learner learner = learner(from, request.attempt());
        if (learner == null) {
            refuse(from.store(), request.attempt());
        } else if (learner.reads < READS_MAX) {
            learner.reads++;
            read(learner, request.key());
        }
    }

    private void read(Learner learner, ChunkKey key) {
        long ticket = state.nextTicket();
        chunkReads.put(ticket, new ChunkRead(learner, key, state.list.committed()));
        state.disk.readChunk(ticket, key);
    }

    void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {
        ListRead read = listReads.remove(ticket);
        if (read != null) {
            read.learner().reads--;
            state.outbox.send(
                    read.learner().follower.member.store(),
                    new ChunkList(
                            state.pg,
                            configuration.version(),
                            read.learner().attempt,
                            read.after(),
                            stamps,
                            state.list.committed(),
                            last));
        }
    }

    void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {
        ChunkRead read = chunkReads.remove(ticket);
        if (read != null) {
            read.learner().reads--;
            state.outbox.send(
                    read.learner().follower.member.store(),
                    new ChunkReply(
                            state.pg,
                            configuration.version(),
                            read.learner().attempt,
                            read.committedSequence(),
                            state.disk.busyPercent(nowNanos),
                            read.key(),
                            content));
        }
    }

    /// The chunk cannot be sent as it is. Answers who waits for its repair; empty if nobody.
    Optional<BlockRepairs.Waiting> onDamaged(long ticket) {
        ChunkRead read = chunkReads.remove(ticket);
        return Optional.ofNullable(read).map(AfterRepair::new);
    }

    /// A learner's read of a damaged chunk. If the block is lost the learner gets no answer: it
    /// does not become a member by a copy that is known to be bad.
    private final class AfterRepair implements BlockRepairs.Waiting {
        private final ChunkRead read;

        AfterRepair(ChunkRead read) {
            this.read = read;
        }

        @Override
        public void repaired() {
            read(read.learner(), read.key());
        }

        @Override
        public void lost(String detail) {
            read.learner().reads--;
        }
    }

    void onCaughtUp(Member from, CaughtUp message, long nowNanos) {
        Learner learner = learner(from, message.attempt());
        if (learner != null) {
            learner.caughtUp = true;
            learner.follower.acknowledged(message.durableSequence(), nowNanos);
        } else if (state.pending == null) {
            // Only now: a proposal under way may name it.
            attemptsOver.merge(from.store(), message.attempt(), Math::max);
            refuse(from.store(), message.attempt());
        }
    }
}
