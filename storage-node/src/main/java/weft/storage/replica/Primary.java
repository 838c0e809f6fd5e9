package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.storage.reconfigure.Reconfiguration;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapPage;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.ChunkListRequest;
import weft.wire.storage.ReplicaMessage.ChunkRequest;
import weft.wire.storage.ReplicaMessage.JoinRequest;
import weft.wire.storage.ReplicaMessage.MapsReply;
import weft.wire.storage.ReplicaMessage.PrepareAck;
import weft.wire.storage.ReplicaMessage.ReconcileAck;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.ReadRequest;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/// The primary of one configuration: orders writes, commits what all members have in their
/// journals, reads under its leases, and proposes the next configuration when a member fails or has
/// caught up.
///
/// It begins every version alike, its first and those it proposed itself:
///
/// ```text
///   journal the version ─► Reconcile + Prepare of the open list to all ─► all answered, list
///   committed = established ─► new sequences; reads while every secondary's lease is held
/// ```
///
/// Which leases count is the business of [SecondaryLeases].
final class Primary implements Role, ClientRequests.Sequencer, ClientReads.Server {
    /// A version is to have lasted so long before the lead is passed on: several times what a
    /// killed node takes to be replaced and to return.
    private static final long QUIET_MILLIS = 10_000;

    /// What is committed and kept for who catches up, for each group. Who lacks more begins anew.
    private static final long KEPT_BYTES_MAX = 8 << 20;

    private final ReplicaState state;
    private final Configuration configuration;
    private final SecondaryLeases leases;
    private final Map<StoreId, Follower> followers = new HashMap<>();
    private final Set<StoreId> disowned = new HashSet<>();
    private final SlowMembers slow;
    private final CatchUpSource source;
    private final FollowerFeed feed;
    private final ClientRequests requests;
    private final BlockRepairs repairs;
    private final BlockReads blockReads;
    private final MapComparison maps;
    private final ClientReads reads;
    private final long openAtStart;
    private final long beganNanos;
    private boolean versionDurable;
    private boolean established;
    private long lastTickNanos;

    /// @param captured generations of the leases held when the configuration was proposed
    Primary(
            ReplicaState state,
            Configuration configuration,
            Map<StoreId, Long> captured,
            long nowNanos) {
        this.state = state;
        this.configuration = configuration;
        source = new CatchUpSource(state, configuration);
        requests = new ClientRequests(state, this);
        repairs = new BlockRepairs(state, configuration, others(state, configuration));
        maps = new MapComparison(state, configuration);
        blockReads = new BlockReads(state, configuration);
        reads = new ClientReads(state, this, requests, repairs);
        lastTickNanos = nowNanos;
        beganNanos = nowNanos;
        openAtStart = state.list.tail();
        feed = new FollowerFeed(state, configuration, followers.values(), source, openAtStart);
        leases = new SecondaryLeases(state, configuration, captured, nowNanos);
        slow = new SlowMembers(state);
        for (Member member : configuration.members()) {
            if (!member.equals(state.self)) {
                followers.put(member.store(), new Follower(member, 0, nowNanos));
            }
        }
    }

    private static List<Member> others(ReplicaState state, Configuration configuration) {
        return configuration.members().stream().filter(m -> !m.equals(state.self)).toList();
    }

    void start() {
        state.takeVersion(configuration.version(), true, this::onVersionDurable);
    }

    private void onVersionDurable(long nowNanos) {
        versionDurable = true;
        followers.values().forEach(follower -> feed.reconcile(follower, nowNanos));
        advance();
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {
        switch (message) {
            case PrepareAck m -> onPrepareAck(from, m, nowNanos);
            case ReconcileAck m -> onReconcileAck(from, m, nowNanos);
            case JoinRequest m -> onJoinRequest(from, m, nowNanos);
            case ChunkListRequest m -> source.onListRequest(from, m);
            case ChunkRequest m -> source.onChunkRequest(from, m);
            case CaughtUp m -> source.onCaughtUp(from, m, nowNanos);
            case BlockReply m -> repairs.onReply(from, m, nowNanos);
            case MapsReply m -> maps.onReply(from, m);
            case BlockRequest m -> {
                // Before that it says nothing in this version; it is asked again.
                if (versionDurable) {
                    blockReads.begin(from, m.block());
                }
            }
            default -> {}
        }
    }

    private void onReconcileAck(Member from, ReconcileAck ack, long nowNanos) {
        Follower follower = followers.get(from.store());
        if (follower == null || !follower.member.equals(from)) {
            return;
        }
        if (ack.committedSequence() > state.list.tail()) {
            // It knows of a commit that this primary has never seen: that one must lead.
            state.outbox.tell(
                    "%s: %s committed %d, above this primary's %d: handing over"
                            .formatted(state.pg, from, ack.committedSequence(), state.list.tail()));
            if (state.pending == null) {
                propose(Reconfiguration.handOver(state.current(), from), nowNanos);
            }
            return;
        }
        follower.reconciled = true;
        follower.acknowledged(ack.durableSequence(), nowNanos);
        advance();
    }

    private void onPrepareAck(Member from, PrepareAck ack, long nowNanos) {
        Follower follower = followers.get(from.store());
        if (follower != null && follower.member.equals(from)) {
            // Before it has reconciled it may count entries that it is about to drop.
            if (follower.reconciled) {
                follower.acknowledged(ack.durableSequence(), nowNanos);
                if (ack.lacking()) {
                    feed.resend(follower, nowNanos);
                }
                advance();
            }
            return;
        }
        CatchUpSource.Learner learner = source.learner(from);
        if (learner != null) {
            learner.follower.acknowledged(ack.durableSequence(), nowNanos);
            if (ack.lacking()) {
                feed.resendToLearner(learner, nowNanos);
            }
            advance();
        }
    }

    private void onJoinRequest(Member from, JoinRequest request, long nowNanos) {
        if (from.store().equals(state.self.store())) {
            return;
        }
        if (configuration.hasStore(from.store())) {
            // It runs, and says that it is not what this configuration takes it for.
            disowned.add(from.store());
            return;
        }
        if (!state.current().wanted().contains(from.store())) {
            // Perhaps control wants it and the watch is late.
            state.askConfiguration(nowNanos);
            return;
        }
        if (!established) {
            return;
        }
        CatchUpSource.Learner learner = source.onJoinRequest(from, request, nowNanos);
        if (learner != null) {
            feed.begin(learner);
        }
    }

    /// Commits what all members have durable; establishes the version once all that was open is.
    @Override
    public void advance() {
        if (!versionDurable) {
            return;
        }
        long all = state.list.durable();
        for (Follower follower : followers.values()) {
            all = Math.min(all, follower.reconciled ? follower.durable : 0);
        }
        // From the moment a joiner is proposed it may be a member, so nothing commits without it.
        for (CatchUpSource.Learner learner : source.learners()) {
            all = Math.min(all, isProposed(learner) ? learner.follower.durable : all);
        }
        commitTo(all);
        release();
        if (!established
                && state.list.committed() >= openAtStart
                && followers.values().stream().allMatch(f -> f.reconciled)) {
            established = true;
            state.outbox.tell("%s: primary of v%d".formatted(state.pg, configuration.version()));
            requests.answerDone();
        }
        requests.pump();
    }

    private void commitTo(long all) {
        long sequence = state.list.committed() + 1;
        if (sequence > all) {
            return;
        }
        while (state.list.committed() < all) {
            requests.onCommitted(state.commitNext());
        }
        // All journals have it: the answer need not wait for this store's files. Reads do, which
        // are later events.
        state.outbox.hurry();
        for (; sequence <= all; sequence++) {
            state.disk.apply(state.list.get(sequence));
            reads.onCommitted(sequence);
        }
    }

    private boolean isProposed(CatchUpSource.Learner learner) {
        ReplicaState.Pending pending = state.pending;
        return pending != null && pending.next().members().contains(learner.follower.member);
    }

    private void release() {
        long needed = state.list.committed();
        for (CatchUpSource.Learner learner : source.learners()) {
            needed = Math.min(needed, learner.follower.durable);
        }
        state.list.release(needed, KEPT_BYTES_MAX);
    }

    @Override
    public void onPreparedDurable(long nowNanos) {
        advance();
    }

    // ---- Writes.

    @Override
    public boolean maySequence() {
        return established
                && !isStopped()
                && mayAnswer()
                && state.list.openCount() < state.settings.windowEntriesMax()
                && state.list.openBytes() < state.settings.windowBytesMax()
                && (state.list.openCount() == 0 || !state.disk.isCrowded());
    }

    /// Whether someone else may already lead: a higher version was met, or this primary proposed
    /// another one.
    private boolean isStopped() {
        ReplicaState.Pending pending = state.pending;
        return state.newerVersionSeen > configuration.version()
                || (pending != null && !pending.next().primary().equals(state.self));
    }

    @Override
    public boolean mayAnswer() {
        return configuration.members().size() >= configuration.minReplicas();
    }

    @Override
    public long freeBytesMin() {
        long least = state.leases.freeBytes(state.self.store());
        for (StoreId store : followers.keySet()) {
            least = Math.min(least, state.leases.freeBytes(store));
        }
        return least;
    }

    @Override
    public Entry sequence(WriteBlocks request, Mutation mutation, boolean own) {
        var entry =
                new Entry(
                        configuration.version(),
                        state.list.tail() + 1,
                        own ? 0 : request.session(),
                        own ? 0 : request.requestSequence(),
                        own ? 0 : request.lowestUnfinished(),
                        request.token(),
                        mutation);
        // The members' journals and this one work at the same time.
        feed.send(entry);
        state.prepare(entry);
        return entry;
    }

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        switch (request) {
            case WriteBlocks write -> requests.admit(exchange, write);
            case ReadRequest read -> reads.admit(exchange, read, nowNanos);
        }
    }

    // ---- Reads.

    /// No other primary can have committed anything since the leases were granted. A proposal may
    /// have been decided long before this replica hears of it, and whom it makes a member may lead.
    @Override
    public boolean mayRead(long nowNanos) {
        ReplicaState.Pending pending = state.pending;
        return established
                && !isStopped()
                && leases.areAllUnbroken(nowNanos)
                && (pending == null || leases.areUnbroken(pending, nowNanos));
    }

    @Override
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome, long nowNanos) {
        reads.onRead(ticket, outcome, nowNanos);
    }

    @Override
    public void compareMaps(Optional<ChunkKey> after, Consumer<ComparisonOutcome> told) {
        if (established && !isStopped()) {
            maps.begin(after, told);
        } else {
            told.accept(new ComparisonOutcome.NotNow("the primary does not serve"));
        }
    }

    @Override
    public void onMaps(long ticket, MapPage page) {
        maps.onMaps(ticket, page);
    }

    @Override
    public void onRepaired(long ticket, boolean fits, long nowNanos) {
        repairs.onWritten(ticket, fits);
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last, long nowNanos) {
        source.onChunkList(ticket, stamps, last);
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {
        source.onChunk(ticket, content, nowNanos);
        blockReads.onChunk(ticket, content);
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block, long nowNanos) {
        source.onDamaged(ticket).ifPresent(waiting -> repair(block, waiting, nowNanos));
        blockReads.onDamaged(ticket).ifPresent(waiting -> repair(block, waiting, nowNanos));
    }

    @Override
    public void repair(DamagedBlock block, BlockRepairs.Waiting waiting, long nowNanos) {
        repairs.repair(block, waiting, nowNanos);
    }

    // ---- Time.

    @Override
    public void onTick(long nowNanos) {
        boolean late =
                nowNanos - lastTickNanos > ReplicaSettings.nanos(state.settings.lateMillis());
        lastTickNanos = nowNanos;
        if (!versionDurable) {
            if (!late
                    && state.pending == null
                    && state.newerVersionSeen <= configuration.version()) {
                slow.withoutSelf(configuration, nowNanos)
                        .ifPresent(next -> propose(next, nowNanos));
            }
            return;
        }
        feed.resendToQuiet(nowNanos);
        repairs.onTick(nowNanos);
        advance();
        feed.tellCommit();
        boolean judges = !late && !state.leases.isSelfLate(nowNanos);
        if (judges && state.pending == null && state.newerVersionSeen <= configuration.version()) {
            nextConfiguration(nowNanos).ifPresent(next -> propose(next, nowNanos));
        }
    }

    /// What should change, if anything: failed members first, then lapsed leases, then growth.
    private Optional<Configuration> nextConfiguration(long nowNanos) {
        Set<StoreId> failed = leases.failed(disowned, nowNanos);
        failed.addAll(stuck(failed.size(), nowNanos));
        if (!failed.isEmpty()) {
            return Optional.of(Reconfiguration.remove(state.current(), failed));
        }
        if (!established) {
            return Optional.empty();
        }
        if (leases.isAnyRegained(nowNanos)) {
            return Optional.of(Reconfiguration.renew(state.current()));
        }
        Optional<Configuration> faster = slow.without(state.current(), nowNanos);
        if (faster.isPresent()) {
            return faster;
        }
        for (CatchUpSource.Learner learner : source.learners()) {
            Member member = learner.follower.member;
            boolean whole = learner.caughtUp && learner.follower.durable >= state.list.committed();
            boolean fits = configuration.members().size() < Configuration.MEMBERS_MAX;
            boolean may = slow.mayJoin(member, configuration, nowNanos);
            if (whole && fits && may && state.leases.isHeld(member, nowNanos)) {
                return Optional.of(Reconfiguration.add(state.current(), member));
            }
        }
        Optional<Configuration> dismissed = Reconfiguration.dismissUnwanted(state.current());
        return dismissed.isPresent() ? dismissed : passedOn(nowNanos);
    }

    /// Passes the lead to whom it belongs, once nothing has happened for a while: a store that
    /// comes and goes is not to stop the group each time.
    private Optional<Configuration> passedOn(long nowNanos) {
        if (nowNanos - beganNanos < ReplicaSettings.nanos(QUIET_MILLIS)) {
            return Optional.empty();
        }
        return Reconfiguration.nextLeader(state.current())
                .filter(next -> state.leases.isHeld(next, nowNanos))
                .filter(next -> slow.isAble(next, nowNanos))
                .map(next -> Reconfiguration.lead(state.current(), next));
    }

    /// A member whose node lives but whose journal does not move. It is not taken out if too few
    /// would be left to answer writes: slow is better than not at all.
    private Set<StoreId> stuck(int failedCount, long nowNanos) {
        int spare = configuration.members().size() - failedCount - configuration.minReplicas();
        for (Follower follower : followers.values()) {
            if (follower.isStuck(state.list.tail(), nowNanos) && spare > 0) {
                return Set.of(follower.member.store());
            }
        }
        return Set.of();
    }

    private void propose(Configuration next, long nowNanos) {
        state.outbox.tell(
                "%s: proposing v%d with %s".formatted(state.pg, next.version(), next.members()));
        state.propose(next, state.heldLeases(next.members(), nowNanos));
    }

    @Override
    public void end() {
        requests.end();
        reads.end();
        repairs.end();
        maps.end();
    }
}
