package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.runtime.BrokenInvariant;
import weft.runtime.Owned;
import weft.storage.reconfigure.Reconfiguration;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.ReplicaMessage.JoinRequest;
import weft.wire.storage.ReplicaMessage.NewerVersion;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/// One replica of one placement group: takes events, chooses its [Role] by the configuration, and
/// lets the role act. Pure: what it does to the world goes through [ReplicaDisk] and
/// [ReplicaOutbox], time comes with each event.
///
/// Invariant: it acts in one version at a time, in versions that only grow over all its lives, and
/// in none before the journal holds it. When a promise that protects data is broken
/// ([BrokenInvariant]) or the store fails, it stops for good.
@Owned("the replica's loop")
public final class Replica {
    /// Messages of a version not read yet, kept until it is: a primary's first burst.
    private static final int EARLY_MAX = 256;

    private record Early(Member from, ReplicaMessage message) {}

    private final ReplicaState state;
    private final ArrayDeque<Early> early = new ArrayDeque<>();
    private Role role;
    private boolean stopped;

    /// @param self this store in its present life
    /// @param recovered what the store found of the group; the replica keeps copies
    /// @param disk this group's data on this store
    /// @param leases the node's beats
    /// @param pace of the store's copies
    public Replica(
            ReplicaSettings settings,
            Member self,
            RecoveredState recovered,
            ReplicaDisk disk,
            ReplicaOutbox outbox,
            LeaseView leases,
            CopyPace pace,
            long nowNanos) {
        state = new ReplicaState(settings, self, recovered, disk, outbox, leases, pace);
        role = new Idle(state, nowNanos);
    }

    /// The group's configuration, from a watch or after [ReplicaOutbox#readConfiguration].
    ///
    /// @param synced read after a `sync()` that began after it was asked for, and after the last
    ///   proposal ended
    public void onConfiguration(Configuration read, boolean synced, long nowNanos) {
        guarded(() -> takeConfiguration(read, synced, nowNanos));
    }

    private void takeConfiguration(Configuration read, boolean synced, long nowNanos) {
        if (read.version() < state.versionTaken) {
            // Of a watch that lags, or of a coordination that was restored from an old copy.
            if (synced && role instanceof Idle idle) {
                idle.onBehind(read);
            }
            return;
        }
        adopt(read, nowNanos);
        if (synced) {
            if (state.readsInDoubt > 0) {
                state.readsInDoubt--;
                if (state.readsInDoubt == 0) {
                    state.pending = null;
                }
            }
            state.newerVersionSeen = 0;
            if (role instanceof Idle idle) {
                idle.onSynced(read, nowNanos);
            }
        }
    }

    /// How [ReplicaOutbox#propose] ended.
    public void onProposal(Proposal proposal, long nowNanos) {
        guarded(() -> {
            switch (proposal) {
                case Proposal.Won won -> decided(won.now(), nowNanos);
                case Proposal.Lost lost -> decided(lost.now(), nowNanos);
                case Proposal.Unknown _ -> {
                    state.readsInDoubt = 2;
                    state.outbox.readConfiguration();
                }
            }
        });
    }

    private void decided(Configuration now, long nowNanos) {
        adopt(now, nowNanos);
        state.pending = null;
        state.readsInDoubt = 0;
    }

    /// Takes a configuration, if it is newer than the present one.
    private void adopt(Configuration read, long nowNanos) {
        Configuration known = state.configuration;
        if (known != null && read.version() <= known.version()) {
            if (read.version() == known.version()) {
                adoptWanted(read, nowNanos);
            }
            return;
        }
        if (read.version() < state.versionTaken) {
            return;
        }
        boolean caughtUp = role instanceof Joining joining && joining.isCaughtUp();
        boolean whole = caughtUp || state.mayTakeOverIn(read);
        state.configuration = read;
        role.end();
        role = roleIn(read, whole, nowNanos);
        start(role);
        replayEarly(nowNanos);
    }

    /// The same version; only what control wants may have changed.
    private void adoptWanted(Configuration read, long nowNanos) {
        state.configuration = read;
        boolean mine = isMine(read);
        if (mine ? role instanceof Idle : role instanceof Joining) {
            role.end();
            role = mine ? new Joining(state, read, nowNanos) : new Idle(state, nowNanos);
        }
    }

    private boolean isMine(Configuration read) {
        StoreId store = state.self.store();
        return read.hasStore(store) || read.wanted().contains(store);
    }

    private Role roleIn(Configuration read, boolean whole, long nowNanos) {
        Member self = state.self;
        if (read.primary().equals(self) && whole) {
            return new Primary(state, read, capturedFor(read), nowNanos);
        }
        if (read.members().contains(self) && whole) {
            return new Backup(state, read, nowNanos);
        }
        return isMine(read) ? new Joining(state, read, nowNanos) : new Idle(state, nowNanos);
    }

    private static void start(Role role) {
        switch (role) {
            case Primary primary -> primary.start();
            case Backup backup -> backup.start();
            case Joining _, Idle _ -> {}
        }
    }

    /// The leases that reads may rely on: those held when this very configuration was proposed. One
    /// that came about otherwise has none until it is renewed.
    private Map<StoreId, Long> capturedFor(Configuration read) {
        ReplicaState.Pending pending = state.pending;
        if (pending == null) {
            return Map.of();
        }
        boolean own =
                pending.next().version() == read.version()
                        && pending.next().primary().equals(read.primary())
                        && pending.next().members().equals(read.members());
        return own ? pending.captured() : Map.of();
    }

    private void replayEarly(long nowNanos) {
        List<Early> waiting = List.copyOf(early);
        early.clear();
        waiting.forEach(message -> take(message.from(), message.message(), nowNanos));
    }

    /// A message of another replica of the group.
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {
        guarded(() -> take(from, message, nowNanos));
    }

    private void take(Member from, ReplicaMessage message, long nowNanos) {
        Configuration known = state.configuration;
        long version = known == null ? state.versionTaken : known.version();
        if (message.version() > version || known == null) {
            state.newerVersionSeen = Math.max(state.newerVersionSeen, message.version());
            if (!(message instanceof NewerVersion) && early.size() < EARLY_MAX) {
                early.add(new Early(from, message.onHeap()));
            }
            state.askConfiguration(nowNanos);
            return;
        }
        if (message.version() < version && !(message instanceof JoinRequest)) {
            if (!(message instanceof NewerVersion)) {
                state.outbox.send(from.store(), new NewerVersion(state.pg, version));
            }
            return;
        }
        role.onMessage(from, message, nowNanos);
    }

    /// A client's request; answered by [ReplicaOutbox#reply] with the same exchange, unique per
    /// store.
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        if (stopped) {
            Role.refuse(state, exchange, Reason.NOT_SERVING, "the replica has stopped");
            return;
        }
        guarded(() -> {
            Configuration known = state.configuration;
            if (known == null || request.knownVersion() > known.version()) {
                state.askConfiguration(nowNanos);
            }
            role.onRequest(exchange, request, nowNanos);
        });
    }

    /// Has a block of the own copy that turned out damaged replaced from another member; told once.
    public void repair(DamagedBlock block, Consumer<RepairOutcome> told, long nowNanos) {
        if (stopped) {
            told.accept(RepairOutcome.NOT_NOW);
            return;
        }
        guarded(() ->
                role.repair(
                        block,
                        new BlockRepairs.Waiting() {
                            @Override
                            public void repaired() {
                                told.accept(RepairOutcome.REPAIRED);
                            }

                            @Override
                            public void lost(String detail) {
                                told.accept(RepairOutcome.LOST);
                            }

                            @Override
                            public void unanswered(String detail) {
                                told.accept(RepairOutcome.NOT_NOW);
                            }

                            @Override
                            public void givenUp() {
                                told.accept(RepairOutcome.NOT_NOW);
                            }
                        },
                        nowNanos));
    }

    /// Has what the members' maps say of the chunks after that one compared, as many as a page
    /// holds; told once, unless this replica stops. A comparison under way ends.
    public void compareMaps(Optional<ChunkKey> after, Consumer<ComparisonOutcome> told) {
        if (stopped) {
            told.accept(new ComparisonOutcome.NotNow("the replica has stopped"));
            return;
        }
        guarded(() -> role.compareMaps(after, told));
    }

    /// Whether it is a member of the group, with all that was committed before it started.
    public boolean isMember() {
        return !stopped
                && (role instanceof Primary || role instanceof Backup)
                && state.isReplayed();
    }

    /// Time passes: call it every 50 ms or so.
    public void onTick(long nowNanos) {
        guarded(() -> {
            if (state.newerVersionSeen > 0 || state.readsInDoubt > 0) {
                state.askConfiguration(nowNanos);
            }
            role.onTick(nowNanos);
        });
    }

    /// See [ReplicaDisk.Events#onDurable].
    public void onDurable(long ticket, long nowNanos) {
        guarded(() -> {
            if (state.onDurable(ticket, nowNanos)) {
                role.onPreparedDurable(nowNanos);
            }
        });
    }

    /// See [ReplicaDisk.Events#onRead].
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome, long nowNanos) {
        guarded(() -> role.onRead(ticket, outcome, nowNanos));
    }

    /// See [ReplicaDisk.Events#onChunkList].
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last, long nowNanos) {
        guarded(() -> role.onChunkList(ticket, stamps, last, nowNanos));
    }

    /// See [ReplicaDisk.Events#onChunk].
    public void onChunk(long ticket, Optional<ChunkContent> content, long nowNanos) {
        guarded(() -> role.onChunk(ticket, content, nowNanos));
    }

    /// See [ReplicaDisk.Events#onDamaged].
    public void onDamaged(long ticket, DamagedBlock block, long nowNanos) {
        guarded(() -> role.onDamaged(ticket, block, nowNanos));
    }

    /// See [ReplicaDisk.Events#onMaps].
    public void onMaps(long ticket, MapPage page) {
        guarded(() -> role.onMaps(ticket, page));
    }

    /// See [ReplicaDisk.Events#onRepaired].
    public void onRepaired(long ticket, boolean fits, long nowNanos) {
        guarded(() -> role.onRepaired(ticket, fits, nowNanos));
    }

    /// See [ReplicaDisk.Events#onDone].
    public void onDone(long ticket, long nowNanos) {
        guarded(() -> role.onDone(ticket, nowNanos));
    }

    /// See [ReplicaDisk.Events#onFailed].
    public void onFailed(long ticket, String detail, long nowNanos) {
        stop("store failed: " + detail);
    }

    private void guarded(Runnable event) {
        if (stopped) {
            return;
        }
        try {
            event.run();
        } catch (BrokenInvariant e) {
            stop(String.valueOf(e.getMessage()));
        }
    }

    private void stop(String why) {
        if (!stopped) {
            stopped = true;
            state.outbox.tell(state.pg + ": replica stops: " + why);
            role.end();
            if (role instanceof Primary && state.pending == null) {
                handOver();
            }
        }
    }

    /// A primary that stops says so at once: its node may live on, and then nobody would miss it.
    private void handOver() {
        Configuration last = state.current();
        for (Member member : last.members()) {
            if (!member.equals(state.self)) {
                state.outbox.propose(last, Reconfiguration.handOver(last, member));
                return;
            }
        }
    }

    /// Whether the replica stopped for good: its store should leave the beats.
    public boolean isStopped() {
        return stopped;
    }

    /// The volumes whose tokens the group knows.
    public Set<VolumeId> volumesWithToken() {
        return state.tables.volumes();
    }

    /// Whether it would answer a read now.
    public boolean mayRead(long nowNanos) {
        return !stopped && role instanceof Primary primary && primary.mayRead(nowNanos);
    }

    /// What the replica is now, for status pages and checkers.
    public ReplicaStatus status() {
        Configuration known = state.configuration;
        return new ReplicaStatus(
                state.pg,
                state.self,
                role.getClass().getSimpleName(),
                Optional.ofNullable(known),
                state.list.committed(),
                state.list.durable(),
                state.list.tail());
    }

    @Override
    public String toString() {
        return status().toString();
    }
}
