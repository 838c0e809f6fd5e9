package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.runtime.Owned;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;

import java.util.List;
import java.util.Optional;

/// One replica of one placement group.
@Owned("the replica's loop")
public final class Replica {
    private final PlacementGroupId pg;
    private final Member self;

    /// @param self this store in its present life
    /// @param disk this group's data on this store
    /// @param leases the node's beats
    public Replica(
            ReplicaSettings settings,
            Member self,
            RecoveredState recovered,
            ReplicaDisk disk,
            ReplicaOutbox outbox,
            LeaseView leases,
            long nowNanos) {
        this.pg = recovered.pg();
        this.self = self;
    }

    /// The group's configuration, from a watch or after [ReplicaOutbox#readConfiguration].
    ///
    /// @param synced read after a `sync()` that began when it was asked for
    public void onConfiguration(Configuration read, boolean synced, long nowNanos) {}

    /// How [ReplicaOutbox#propose] ended.
    public void onProposal(Proposal proposal, long nowNanos) {}

    /// A message of another replica of the group.
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {}

    /// A client's request; answered by [ReplicaOutbox#reply] with the same exchange, unique per
    /// store.
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {}

    /// Time passes: call it every 50 ms or so.
    public void onTick(long nowNanos) {}

    /// See [ReplicaDisk.Events#onDurable].
    public void onDurable(long ticket, long nowNanos) {}

    /// See [ReplicaDisk.Events#onRead].
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome, long nowNanos) {}

    /// See [ReplicaDisk.Events#onChunkList].
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last, long nowNanos) {}

    /// See [ReplicaDisk.Events#onChunk].
    public void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {}

    /// See [ReplicaDisk.Events#onDone].
    public void onDone(long ticket, long nowNanos) {}

    /// See [ReplicaDisk.Events#onFailed].
    public void onFailed(long ticket, String detail, long nowNanos) {}

    /// For status pages.
    @Override
    public String toString() {
        return pg + " @ " + self;
    }
}
