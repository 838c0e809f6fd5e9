package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// What a replica is in the present configuration. A role lives for one configuration (a primary
/// also goes on into those it proposed); events for an earlier role's tickets find nothing.
///
/// ```text
///            named by nobody          wanted, or was a member in an earlier life
///   start ──► Idle ◄──────────────────────► Joining ──(caught up, named)──► Backup
///                                              │                             │ primary silent for
///                                              └──(whole group restarted)──┐ │ the grace: CAS won
///                                                                          ▼ ▼
///                                                                         Primary
/// ```
sealed interface Role permits Idle, Joining, Backup, Primary {
    /// A message of the present version.
    void onMessage(Member from, ReplicaMessage message, long nowNanos);

    /// A client's request.
    void onRequest(long exchange, StorageMessage.Request request, long nowNanos);

    /// Time passes.
    void onTick(long nowNanos);

    /// The prepared list became durable further.
    default void onPreparedDurable(long nowNanos) {}

    /// A read ended.
    default void onRead(long ticket, ReplicaDisk.ReadOutcome outcome, long nowNanos) {}

    /// A page of the own chunk list.
    default void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last, long nowNanos) {}

    /// A chunk was read.
    default void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {}

    /// A chunk or block could not be read.
    default void onDamaged(long ticket, DamagedBlock block, long nowNanos) {}

    /// Has a block of the own copy replaced; a role that is no member's cannot.
    default void repair(DamagedBlock block, BlockRepairs.Waiting waiting, long nowNanos) {
        waiting.givenUp();
    }

    /// Has chunks of all members compared; only a primary can.
    default void compareMaps(Optional<ChunkKey> after, Consumer<ComparisonOutcome> told) {
        told.accept(new ComparisonOutcome.NotNow("not the primary"));
    }

    /// A page of the own maps.
    default void onMaps(long ticket, MapPage page) {}

    /// A repair was written, or did not fit.
    default void onRepaired(long ticket, boolean fits, long nowNanos) {}

    /// An install or delete is durable.
    default void onDone(long ticket, long nowNanos) {}

    /// Another role takes over: answer what waits.
    default void end() {}

    /// Refuses on behalf of a role that serves nobody.
    static void refuse(ReplicaState state, long exchange, Reason reason, String detail) {
        state.outbox.reply(
                exchange,
                new StorageMessage.Refused(
                        reason, Optional.ofNullable(state.configuration), detail));
    }
}
