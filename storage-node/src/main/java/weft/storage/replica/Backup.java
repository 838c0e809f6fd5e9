package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.runtime.BrokenInvariant;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.MapsRequest;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.Reconcile;
import weft.wire.storage.ReplicaMessage.ReconcileAck;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;

/// A secondary of one configuration: makes durable what the primary sends, applies what it commits,
/// and takes over when the primary is silent for longer than the grace it was given.
final class Backup implements Role {
    /// Messages that may wait for the version to be durable: a primary's first burst.
    private static final int EARLY_MAX = 256;

    private final ReplicaState state;
    private final Configuration configuration;
    private final PrimaryGrace grace;
    private final ArrayDeque<ReplicaMessage> early = new ArrayDeque<>();
    private final BlockReads blockReads;
    private final BlockRepairs repairs;
    private final MapAnswers maps;
    private boolean versionDurable;
    private boolean reconciled;

    /// How far the primary had committed by its last Prepare.
    private long commitWanted;

    Backup(ReplicaState state, Configuration configuration, long nowNanos) {
        this.state = state;
        this.configuration = configuration;
        grace = new PrimaryGrace(state, configuration.primary(), nowNanos);
        blockReads = new BlockReads(state, configuration);
        maps = new MapAnswers(state, configuration);
        repairs = new BlockRepairs(state, configuration, List.of(configuration.primary()));
    }

    void start() {
        state.takeVersion(configuration.version(), true, this::onVersionDurable);
    }

    private void onVersionDurable(long nowNanos) {
        versionDurable = true;
        while (!early.isEmpty()) {
            act(early.removeFirst(), nowNanos);
        }
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {
        if (!from.equals(configuration.primary())) {
            return;
        }
        if (versionDurable) {
            act(message, nowNanos);
        } else if (early.size() < EARLY_MAX) {
            early.add(message.onHeap());
        }
    }

    private void act(ReplicaMessage message, long nowNanos) {
        switch (message) {
            case Reconcile m -> onReconcile(m);
            case Prepare m -> onPrepare(m);
            case CommitPoint m -> commitTo(m.committedSequence());
            case BlockRequest m -> blockReads.begin(configuration.primary(), m.block());
            case BlockReply m -> repairs.onReply(configuration.primary(), m, nowNanos);
            case MapsRequest m -> {
                // What it says is committed was durable here before.
                commitTo(m.committedSequence());
                maps.begin(m);
            }
            default -> {}
        }
    }

    private void onReconcile(Reconcile reconcile) {
        PreparedList list = state.list;
        if (list.tail() < reconcile.committedSequence()) {
            throw new BrokenInvariant(
                    "%s: member of v%d with entries up to %d, %d is committed"
                            .formatted(
                                    state.pg,
                                    configuration.version(),
                                    list.tail(),
                                    reconcile.committedSequence()));
        }
        if (!reconciled && list.committed() <= reconcile.tailSequence()) {
            // Only once per version: a late copy must not undo what was prepared since.
            if (list.tail() > reconcile.tailSequence()) {
                list.truncateAfter(reconcile.tailSequence());
                state.append(
                        new JournalRecord.Truncated(
                                state.pg, configuration.version(), reconcile.tailSequence()));
            }
            reconciled = true;
        }
        commitTo(reconcile.committedSequence());
        answerReconcile();
    }

    private void answerReconcile() {
        // The truncation need not be durable: until a later entry is, what it would drop is
        // harmless,
        // and journal records become durable in order.
        state.outbox.send(
                configuration.primary().store(),
                new ReconcileAck(
                        state.pg,
                        configuration.version(),
                        state.list.committed(),
                        state.list.durable()));
    }

    private void onPrepare(Prepare prepare) {
        if (!reconciled) {
            return; // The primary sends it again after Reconcile.
        }
        Prepares.take(state, prepare, configuration.primary());
        commitWanted = Math.max(commitWanted, prepare.committedSequence());
        if (state.list.durable() == state.list.tail()) {
            commitTo(commitWanted);
        }
        // Else once the primary knows that this entry is durable, for which a client waits.
    }

    private void commitTo(long sequence) {
        while (reconciled && state.list.committed() < Math.min(sequence, state.list.durable())) {
            Entry entry = state.commitNext();
            state.disk.apply(entry);
        }
        state.list.release(state.list.committed(), 0);
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {
        blockReads.onChunk(ticket, content);
    }

    @Override
    public void onMaps(long ticket, MapPage page) {
        maps.onMaps(ticket, page);
    }

    /// Damaged here, too: the primary has to look elsewhere, and scrubbing will repair it.
    @Override
    public void onDamaged(long ticket, DamagedBlock block, long nowNanos) {
        blockReads.onDamaged(ticket).ifPresent(waiting -> waiting.lost("damaged here, too"));
    }

    @Override
    public void repair(DamagedBlock block, BlockRepairs.Waiting waiting, long nowNanos) {
        repairs.repair(block, waiting, nowNanos);
    }

    @Override
    public void onRepaired(long ticket, boolean fits, long nowNanos) {
        repairs.onWritten(ticket, fits);
    }

    @Override
    public void end() {
        repairs.end();
    }

    @Override
    public void onPreparedDurable(long nowNanos) {
        // Before that the list may hold what the primary never had.
        if (reconciled) {
            Prepares.acknowledge(state, configuration.primary(), false);
            state.outbox.hurry();
            commitTo(commitWanted);
        }
    }

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        Role.refuse(state, exchange, Reason.NOT_PRIMARY, "primary is " + configuration.primary());
    }

    @Override
    public void onTick(long nowNanos) {
        repairs.onTick(nowNanos);
        if (grace.isOverForWhoWentOn(nowNanos) && versionDurable && state.pending == null) {
            grace.takeOver(nowNanos);
        }
    }
}
