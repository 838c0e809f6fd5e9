package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.storage.catchup.CatchUpPlan;
import weft.storage.journal.JournalRecord;
import weft.storage.reconfigure.Reconfiguration;
import weft.wire.MalformedMessage;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.ChunkList;
import weft.wire.storage.ReplicaMessage.ChunkListRequest;
import weft.wire.storage.ReplicaMessage.ChunkReply;
import weft.wire.storage.ReplicaMessage.ChunkRequest;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.JoinAccepted;
import weft.wire.storage.ReplicaMessage.JoinRefused;
import weft.wire.storage.ReplicaMessage.JoinRequest;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;

/// A store that should be a member of the present configuration and is not, or was in an earlier
/// life. It asks the primary until it is accepted, then compares and copies chunks while it takes
/// new entries like a member. What it had before stays whole until it is accepted: a store that
/// restarted in sync may also take over, if the primary is gone.
///
/// ```text
///   ASKING ─JoinAccepted─► STARTING ─journal─► COPYING ─nothing stale─► SETTLING ─durable─► CAUGHT_UP ─► Backup
///     ▲  no progress, gap too large                │                                     (by the primary)
///     └────────────────────────────────────────────┘
/// ```
///
/// Until it has settled nothing of what it applied is promised to survive: the journal ends with
/// `Adopted`, and what is put on top of copies is not in it. One checkpoint at the end makes all of
/// it durable; so its store lets go of entries as they are decided, like a member's.
final class Joining implements Role {
    private enum Phase {
        ASKING,
        STARTING,
        COPYING,
        SETTLING,
        CAUGHT_UP
    }

    /// If the primary says nothing for so long, and nothing is being written here, an attempt is
    /// given up.
    private static final long SILENCE_MILLIS = 3_000;

    /// The same if nothing was compared or copied, whatever else the primary says.
    private static final long PATIENCE_MILLIS = 10_000;

    private final ReplicaState state;
    private final Configuration configuration;
    private final PrimaryGrace grace;
    private final SlowMembers slow;
    private final Map<Long, ChunkKey> installs = new HashMap<>();

    /// A chunk under way.
    ///
    /// @param nanos when it was asked for last. Each has its own time: with one for all, a lost
    ///   request is never repeated while other chunks come
    /// @param paidNanos what is not settled yet
    private record Asked(long nanos, long paidNanos) {}

    private final Map<ChunkKey, Asked> asked = new HashMap<>();

    private Phase phase = Phase.ASKING;
    private long attempt;
    private CatchUpPlan plan = new CatchUpPlan(0);
    private long listTicket;
    private boolean ownListed;

    private long settleTicket;
    private long commitKnown;
    private Optional<ChunkKey> comparedTo = Optional.empty();
    private long lastSentNanos = Long.MIN_VALUE / 2;
    private long lastProgressNanos;
    private long lastHeardNanos;
    private int theirBusyPercent;

    /// When it last waited for its turn to copy, with nothing on its way.
    private long turnlessNanos = Long.MIN_VALUE / 2;

    Joining(ReplicaState state, Configuration configuration, long nowNanos) {
        this.state = state;
        this.configuration = configuration;
        grace = new PrimaryGrace(state, configuration.primary(), nowNanos);
        slow = new SlowMembers(state);
        // Unique over lives: a reply to an earlier life's attempt must not be taken.
        attempt = nowNanos;
    }

    /// Whether all chunks are as the primary's, so that the primary may name it a member.
    boolean isCaughtUp() {
        return phase == Phase.CAUGHT_UP;
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {
        if (!from.equals(configuration.primary())) {
            return;
        }
        lastHeardNanos = nowNanos;
        switch (message) {
            case JoinAccepted m -> onAccepted(m, nowNanos);
            case Prepare m -> onPrepare(m);
            case CommitPoint m -> onCommitPoint(m.committedSequence());
            case ChunkList m -> onTheirList(m, nowNanos);
            case ChunkReply m -> onTheirChunk(m, nowNanos);
            case JoinRefused m -> onRefused(m, nowNanos);
            default -> {}
        }
    }

    private void onAccepted(JoinAccepted accepted, long nowNanos) {
        if (phase != Phase.ASKING || accepted.attempt() != attempt || state.pending != null) {
            return;
        }
        try {
            state.tables = ReplicatedTables.decode(accepted.tables());
        } catch (MalformedMessage e) {
            state.outbox.tell(state.pg + ": primary sent bad tables: " + e.getMessage());
            return;
        }
        phase = Phase.STARTING;
        lastProgressNanos = nowNanos;
        plan = new CatchUpPlan(accepted.committedSequence());
        ownListed = false;
        comparedTo = Optional.empty();
        commitKnown = accepted.committedSequence();
        state.list.restart(accepted.committedSequence());
        long own = attempt;
        // From here on this store is no longer what it was; the journal says so first.
        state.takeVersion(configuration.version(), false, _ -> {});
        state.append(
                new JournalRecord.Adopted(
                        state.pg,
                        configuration.version(),
                        accepted.committedSequence(),
                        accepted.tables()),
                durableNanos -> onStarted(own, durableNanos));
        state.outbox.tell(
                "%s: catching up from %s at %d"
                        .formatted(
                                state.pg, configuration.primary(), accepted.committedSequence()));
    }

    private void onStarted(long ofAttempt, long nowNanos) {
        if (phase == Phase.STARTING && attempt == ofAttempt) {
            phase = Phase.COPYING;
            listOwn(Optional.empty());
            lastProgressNanos = nowNanos;
        }
    }

    private void listOwn(Optional<ChunkKey> after) {
        listTicket = state.nextTicket();
        state.disk.listChunks(listTicket, after);
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last, long nowNanos) {
        if (ticket != listTicket || phase != Phase.COPYING || ownListed) {
            return;
        }
        stamps.forEach(plan::addOwn);
        lastProgressNanos = nowNanos;
        if (last) {
            ownListed = true;
            askNext(nowNanos);
        } else {
            listOwn(Optional.of(stamps.getLast().key()));
        }
    }

    private void onTheirList(ChunkList list, long nowNanos) {
        boolean expected =
                phase == Phase.COPYING
                        && ownListed
                        && list.attempt() == attempt
                        && !plan.isCompared()
                        && list.after().equals(comparedTo);
        if (!expected || (!list.last() && list.stamps().isEmpty())) {
            return;
        }
        plan.compare(list.after(), list.stamps(), list.committedSequence(), list.last());
        // Of an idle group nothing else would tell: what the pages may have is to be decided first.
        commitKnown = Math.max(commitKnown, list.committedSequence());
        if (!list.stamps().isEmpty()) {
            comparedTo = Optional.of(list.stamps().getLast().key());
        }
        lastProgressNanos = nowNanos;
        commitMore();
        askNext(nowNanos);
    }

    /// Asks for what is due: the next page, or chunks.
    private void askNext(long nowNanos) {
        lastSentNanos = nowNanos;
        long version = configuration.version();
        if (!plan.isCompared()) {
            send(new ChunkListRequest(state.pg, version, attempt, comparedTo));
            return;
        }
        askChunks(nowNanos);
        settleIfComplete();
    }

    private void askChunks(long nowNanos) {
        while (plan.isToCopy()) {
            OptionalLong paid =
                    state.pace.begin(state.pg, busyPercent(nowNanos), isMove(), nowNanos);
            if (paid.isEmpty()) {
                turnlessNanos = plan.underWay().isEmpty() ? nowNanos : turnlessNanos;
                return;
            }
            askChunk(plan.next().orElseThrow(), paid.getAsLong(), nowNanos);
        }
    }

    private void askChunk(ChunkKey key, long paidNanos, long nowNanos) {
        asked.put(key, new Asked(nowNanos, paidNanos));
        send(new ChunkRequest(state.pg, configuration.version(), attempt, key));
    }

    private void askChunksAgain(long nowNanos) {
        long patience = ReplicaSettings.nanos(state.settings.resendMillis());
        for (ChunkKey key : plan.underWay()) {
            Asked before = Objects.requireNonNull(asked.get(key));
            if (nowNanos - before.nanos() >= patience && !installs.containsValue(key)) {
                askChunk(key, before.paidNanos(), nowNanos);
            }
        }
    }

    private int busyPercent(long nowNanos) {
        return Math.max(theirBusyPercent, state.disk.busyPercent(nowNanos));
    }

    private boolean isMove() {
        Configuration present = state.current();
        return present.members().size() >= present.wanted().size();
    }

    private static long lengthBytes(Optional<ChunkContent> copy) {
        return copy.stream()
                .flatMap(content -> content.runs().stream())
                .mapToLong(run -> run.payload().remaining())
                .sum();
    }

    private void settleIfComplete() {
        if (phase == Phase.COPYING && plan.isComplete()) {
            phase = Phase.SETTLING;
            settleTicket = state.nextTicket();
            state.disk.settle(settleTicket);
        }
    }

    private void sendCaughtUp() {
        send(new CaughtUp(state.pg, configuration.version(), attempt, state.list.durable()));
    }

    private void onTheirChunk(ChunkReply reply, long nowNanos) {
        boolean expected =
                phase == Phase.COPYING
                        && reply.attempt() == attempt
                        && plan.underWay().contains(reply.key())
                        && plan.isRecent(reply.key(), reply.committedSequence())
                        && !installs.containsValue(reply.key());
        if (!expected) {
            return;
        }
        lastProgressNanos = nowNanos;
        long ticket = state.nextTicket();
        installs.put(ticket, reply.key());
        theirBusyPercent = reply.busyPercent();
        Asked before = Objects.requireNonNull(asked.get(reply.key()));
        asked.put(reply.key(), new Asked(before.nanos(), 0));
        state.pace.settle(
                before.paidNanos(), lengthBytes(reply.content()), busyPercent(nowNanos), isMove());
        if (reply.content().isPresent()) {
            state.disk.installChunk(ticket, reply.content().get());
        } else {
            state.disk.deleteChunk(ticket, reply.key());
        }
        askChunks(nowNanos);
    }

    @Override
    public void onDone(long ticket, long nowNanos) {
        if (ticket == settleTicket && phase == Phase.SETTLING) {
            phase = Phase.CAUGHT_UP;
            lastSentNanos = nowNanos;
            sendCaughtUp();
            return;
        }
        ChunkKey key = installs.remove(ticket);
        if (key == null || phase != Phase.COPYING) {
            return;
        }
        lastProgressNanos = nowNanos;
        asked.remove(key);
        for (Entry held : plan.installed(key)) {
            state.disk.applyLate(held);
        }
        state.disk.countHeld(plan.heldBytes());
        askNext(nowNanos);
    }

    private void onPrepare(Prepare prepare) {
        if (phase == Phase.ASKING) {
            return;
        }
        // Entries stay until the comparison is done. Who cannot keep more begins anew, with less to
        // copy; a member takes all that its primaries, who look at their own, have begun.
        if (state.list.openCount() == 0 || !state.disk.isCrowded()) {
            Prepares.take(state, prepare, configuration.primary());
        }
        onCommitPoint(prepare.committedSequence());
    }

    private void onCommitPoint(long sequence) {
        if (phase != Phase.ASKING) {
            commitKnown = Math.max(commitKnown, sequence);
            commitMore();
            settleIfComplete();
        }
    }

    /// Takes committed entries; before the comparison it is not known what to do with them.
    private void commitMore() {
        PreparedList list = state.list;
        while (plan.isCompared() && list.committed() < Math.min(commitKnown, list.durable())) {
            Entry entry = state.commitNext();
            if (plan.decide(entry, !state.disk.isCrowded()) == CatchUpPlan.Decision.APPLY) {
                state.disk.apply(entry);
            } else {
                state.disk.leaveOut(entry);
                state.disk.countHeld(plan.heldBytes());
            }
        }
        list.release(list.committed(), 0);
    }

    @Override
    public void onPreparedDurable(long nowNanos) {
        if (phase != Phase.ASKING) {
            Prepares.acknowledge(state, configuration.primary(), false);
            commitMore();
            settleIfComplete();
        }
    }

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        Role.refuse(state, exchange, Reason.NOT_PRIMARY, "primary is " + configuration.primary());
    }

    private void send(ReplicaMessage message) {
        state.outbox.send(configuration.primary().store(), message);
    }

    @Override
    public void onTick(long nowNanos) {
        if (state.pending != null) {
            return;
        }
        boolean due =
                nowNanos - lastSentNanos >= ReplicaSettings.nanos(state.settings.resendMillis());
        switch (phase) {
            case ASKING -> onTickAsking(due, nowNanos);
            case STARTING, COPYING -> {
                if (isLost(nowNanos)) {
                    giveUp(nowNanos);
                } else if (plan.isCompared()) {
                    askChunks(nowNanos);
                    askChunksAgain(nowNanos);
                } else if (due && ownListed) {
                    askNext(nowNanos);
                }
            }
            case SETTLING -> {}
            case CAUGHT_UP -> {
                // It stays what it is: the primary may be about to name it.
                if (due) {
                    lastSentNanos = nowNanos;
                    sendCaughtUp();
                }
            }
        }
    }

    private boolean isLost(long nowNanos) {
        if (!installs.isEmpty()) {
            return false; // The own disk is at work, or fails.
        }
        // Until then it asked for nothing.
        long sinceNanos = Math.max(lastProgressNanos, turnlessNanos);
        long heardNanos = Math.max(lastHeardNanos, sinceNanos);
        return nowNanos - heardNanos > ReplicaSettings.nanos(SILENCE_MILLIS)
                || (nowNanos - sinceNanos > ReplicaSettings.nanos(PATIENCE_MILLIS)
                        && !plan.isBehind());
    }

    private void onTickAsking(boolean due, long nowNanos) {
        boolean own = configuration.primary().store().equals(state.self.store());
        if (state.mayTakeOver()) {
            if (own && grace.isOverForItsNextLife(nowNanos)) {
                Configuration next = Reconfiguration.restart(state.current(), state.self);
                state.propose(next, state.heldLeases(next.members(), nowNanos));
                return;
            }
            if (!own && grace.isOver(nowNanos)) {
                grace.takeOver(nowNanos);
                return;
            }
        }
        if (due && !own && slow.mayJoin(state.self, configuration, nowNanos)) {
            lastSentNanos = nowNanos;
            send(new JoinRequest(state.pg, configuration.version(), attempt));
        }
    }

    private void onRefused(JoinRefused refused, long nowNanos) {
        if (refused.attempt() == attempt) {
            giveUp(nowNanos);
        }
    }

    @Override
    public void end() {
        letGo();
    }

    private void letGo() {
        plan = new CatchUpPlan(0);
        state.disk.countHeld(0);
        asked.values().forEach(each -> state.pace.settle(each.paidNanos(), 0, 0, false));
        asked.clear();
        state.pace.leave(state.pg);
    }

    private void giveUp(long nowNanos) {
        state.outbox.tell(
                "%s: catch-up without progress, %d chunks left; starting over"
                        .formatted(state.pg, plan.remainingCount()));
        phase = Phase.ASKING;
        letGo();
        attempt = Math.max(attempt + 1, nowNanos);
        installs.clear();
        lastSentNanos = nowNanos;
    }
}
