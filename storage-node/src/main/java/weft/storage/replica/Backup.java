package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.runtime.BrokenInvariant;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.Reconcile;
import weft.wire.storage.ReplicaMessage.ReconcileAck;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A secondary of one configuration: makes durable what the primary sends, applies what it commits,
/// and takes over when the primary is silent for longer than the grace it was given.
final class Backup implements Role {
    /// Messages that may wait for the version to be durable: a primary's first burst.
    private static final int EARLY_MAX = 256;

    /// Blocks being read for the primary's repairs; it asks again for what is dropped.
    private static final int BLOCK_READS_MAX = 64;

    private final ReplicaState state;
    private final Configuration configuration;
    private final PrimaryGrace grace;
    private final ArrayDeque<ReplicaMessage> early = new ArrayDeque<>();
    private final Map<Long, DamagedBlock> blockReads = new HashMap<>();
    private boolean versionDurable;
    private boolean reconciled;

    Backup(ReplicaState state, Configuration configuration, long nowNanos) {
        this.state = state;
        this.configuration = configuration;
        grace = new PrimaryGrace(state, configuration.primary(), nowNanos);
    }

    void start() {
        state.takeVersion(configuration.version(), true, _ -> onVersionDurable());
    }

    private void onVersionDurable() {
        versionDurable = true;
        while (!early.isEmpty()) {
            act(early.removeFirst());
        }
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {
        if (!from.equals(configuration.primary())) {
            return;
        }
        if (versionDurable) {
            act(message);
        } else if (early.size() < EARLY_MAX) {
            early.add(message);
        }
    }

    private void act(ReplicaMessage message) {
        switch (message) {
            case Reconcile m -> onReconcile(m);
            case Prepare m -> onPrepare(m);
            case CommitPoint m -> commitTo(m.committedSequence());
            case BlockRequest m -> onBlockRequest(m.block());
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
        commitTo(prepare.committedSequence());
    }

    private void commitTo(long sequence) {
        while (reconciled && state.list.committed() < Math.min(sequence, state.list.durable())) {
            Entry entry = state.commitNext();
            state.disk.apply(entry);
        }
        state.list.release(state.list.committed(), 0);
    }

    /// The primary's copy is damaged.
    private void onBlockRequest(DamagedBlock block) {
        if (blockReads.size() < BLOCK_READS_MAX) {
            long ticket = state.nextTicket();
            blockReads.put(ticket, block);
            state.disk.readBlock(ticket, block);
        }
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {
        DamagedBlock asked = blockReads.remove(ticket);
        if (asked != null && content.isPresent()) {
            answer(asked, content);
        }
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block, long nowNanos) {
        DamagedBlock asked = blockReads.remove(ticket);
        if (asked != null) {
            answer(asked, Optional.empty());
        }
    }

    private void answer(DamagedBlock asked, Optional<ChunkContent> content) {
        state.outbox.send(
                configuration.primary().store(),
                new BlockReply(state.pg, configuration.version(), asked, content));
    }

    @Override
    public void onPreparedDurable(long nowNanos) {
        // Before that the list may hold what the primary never had.
        if (reconciled) {
            Prepares.acknowledge(state, configuration.primary(), false);
        }
    }

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        Role.refuse(state, exchange, Reason.NOT_PRIMARY, "primary is " + configuration.primary());
    }

    @Override
    public void onTick(long nowNanos) {
        if (grace.isOver(nowNanos) && versionDurable && state.pending == null) {
            grace.takeOver(nowNanos);
        }
    }
}
