package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.wire.CountedMemory;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/// What the replicas of one group say to each other. Each message names the configuration version
/// its sender acts in; a receiver in a newer one answers [NewerVersion], a receiver in an older one
/// stops until it has read the configuration.
public sealed interface ReplicaMessage {
    /// The group.
    PlacementGroupId pg();

    /// The version the sender acts in.
    long version();

    /// The memory in which its long bytes lie. Who keeps the message holds that.
    default CountedMemory memory() {
        return CountedMemory.HEAP;
    }

    /// The same for who keeps it without holding its memory: with its bytes on the heap.
    default ReplicaMessage onHeap() {
        return this;
    }

    /// Primary → all: make this durable, in order.
    ///
    /// @param committedSequence everything up to it is committed
    record Prepare(PlacementGroupId pg, long version, long committedSequence, Entry entry)
            implements ReplicaMessage {
        @Override
        public CountedMemory memory() {
            return entry.mutation().memory();
        }

        @Override
        public Prepare onHeap() {
            return new Prepare(pg, version, committedSequence, entry.onHeap());
        }
    }

    /// Member → primary: everything up to `durableSequence` is in my journal.
    ///
    /// @param lacking some later entry came, but not the one after `durableSequence`: send again
    record PrepareAck(PlacementGroupId pg, long version, long durableSequence, boolean lacking)
            implements ReplicaMessage {}

    /// Primary → all, when no Prepare is due to say it.
    record CommitPoint(PlacementGroupId pg, long version, long committedSequence)
            implements ReplicaMessage {}

    /// Primary of a new configuration → its members: drop what you prepared beyond `tailSequence`;
    /// Prepares of (committedSequence, tailSequence] follow.
    record Reconcile(PlacementGroupId pg, long version, long committedSequence, long tailSequence)
            implements ReplicaMessage {}

    /// Member → primary: done and durable, the version too.
    ///
    /// @param committedSequence the member's; above the primary's tail it makes the primary retire
    record ReconcileAck(
            PlacementGroupId pg, long version, long committedSequence, long durableSequence)
            implements ReplicaMessage {}

    /// To the sender of an older message: `version` exists; read the configuration.
    record NewerVersion(PlacementGroupId pg, long version) implements ReplicaMessage {}

    /// Store → primary: I should be a member and am not (or was in an earlier life).
    ///
    /// @param attempt the joiner's count, echoed in all that follows, so that replies of an earlier
    ///   attempt are told apart
    record JoinRequest(PlacementGroupId pg, long version, long attempt) implements ReplicaMessage {}

    /// Primary → joiner: from `committedSequence` on you get every entry; here is the rest of the
    /// replicated state at that point.
    ///
    /// @param tables as `ReplicatedTables` writes itself
    record JoinAccepted(
            PlacementGroupId pg,
            long version,
            long attempt,
            long committedSequence,
            long tailSequence,
            ByteBuffer tables)
            implements ReplicaMessage {}

    /// Joiner → primary: which chunks have you after `after`?
    record ChunkListRequest(
            PlacementGroupId pg, long version, long attempt, Optional<ChunkKey> after)
            implements ReplicaMessage {}

    /// Primary → joiner: chunks in ascending order, at most [#STAMPS_MAX].
    ///
    /// @param after as asked
    /// @param committedSequence no later entry is in the stamps
    /// @param last nothing follows
    record ChunkList(
            PlacementGroupId pg,
            long version,
            long attempt,
            Optional<ChunkKey> after,
            List<ChunkStamp> stamps,
            long committedSequence,
            boolean last)
            implements ReplicaMessage {
        public ChunkList {
            stamps = List.copyOf(stamps);
        }
    }

    /// Joiner → primary: send me this chunk.
    record ChunkRequest(PlacementGroupId pg, long version, long attempt, ChunkKey key)
            implements ReplicaMessage {}

    /// Primary → joiner: the chunk, or that there is none.
    ///
    /// @param committedSequence every entry up to it is in the copy
    /// @param busyPercent how much the primary's disk has been at work for writers, 0 to 100
    record ChunkReply(
            PlacementGroupId pg,
            long version,
            long attempt,
            long committedSequence,
            int busyPercent,
            ChunkKey key,
            Optional<ChunkContent> content)
            implements ReplicaMessage {}

    /// Primary → member, or member → primary: my copy of this block is damaged; send me yours.
    record BlockRequest(PlacementGroupId pg, long version, DamagedBlock block)
            implements ReplicaMessage {}

    /// Its answer.
    ///
    /// @param content the chunk's stamp here and the block's run, no run if it is not stored here;
    ///   empty if it is damaged here too
    record BlockReply(
            PlacementGroupId pg, long version, DamagedBlock block, Optional<ChunkContent> content)
            implements ReplicaMessage {}

    /// Primary → members: what do your maps say of chunks after `after`, at this point of the log?
    ///
    /// @param question the primary's count, echoed in the answer
    /// @param committedSequence the point: everything up to it is committed, and nothing beyond
    record MapsRequest(
            PlacementGroupId pg,
            long version,
            long question,
            long committedSequence,
            Optional<ChunkKey> after)
            implements ReplicaMessage {}

    /// Its answer.
    ///
    /// @param tablesCrc CRC32C of the replicated tables with the first page, 0 with others
    /// @param page empty: this member is at another point, ask anew
    record MapsReply(
            PlacementGroupId pg, long version, long question, int tablesCrc, Optional<MapPage> page)
            implements ReplicaMessage {}

    /// Joiner → primary: all chunks compared and copied, everything to `durableSequence` durable.
    record CaughtUp(PlacementGroupId pg, long version, long attempt, long durableSequence)
            implements ReplicaMessage {}

    /// Primary → joiner: this attempt is not (or no longer) known and never will be; start over.
    record JoinRefused(PlacementGroupId pg, long version, long attempt) implements ReplicaMessage {}

    /// The most stamps in one [ChunkList].
    int STAMPS_MAX = 4096;

    /// The most bytes of the replicated tables.
    int TABLES_BYTES_MAX = 4 << 20;
}
