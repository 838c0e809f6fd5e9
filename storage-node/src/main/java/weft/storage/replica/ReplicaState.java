package weft.storage.replica;

import org.jspecify.annotations.Nullable;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.runtime.Owned;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.Entry;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;

/// What outlives a role: the prepared list, the replicated tables, the version taken, the tickets.
@Owned("the replica's loop")
final class ReplicaState {
    /// Something to do once a journal record is durable.
    private record Waiting(long ticket, LongConsumer action) {}

    /// A configuration proposed and not yet decided.
    ///
    /// @param captured generation of each lease held when it was proposed: what reads may rely on
    record Pending(Configuration next, Map<StoreId, Long> captured) {}

    final ReplicaSettings settings;
    final PlacementGroupId pg;
    final Member self;
    final ReplicaDisk disk;
    final ReplicaOutbox outbox;
    final LeaseView leases;
    final CopyPace pace;
    final PreparedList list;

    /// The last entry that the store found in its journal.
    private final long recoveredTail;

    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();

    ReplicatedTables tables;

    /// The newest configuration read; null before the first.
    @Nullable Configuration configuration;

    /// The version whose taking is in the journal or on its way there.
    long versionTaken;

    /// The highest version whose taking is durable: no message but a question goes out in a later
    /// one.
    long versionDurable;

    /// Whether this store has everything that was committed before [#versionTaken], and may become
    /// primary by itself.
    boolean inSync;

    /// Whether the data went away because all wanted stores have them elsewhere.
    boolean dropped;

    /// Lives of stores that were too slow, and until when they are not to come back; see
    /// [SlowMembers].
    final Map<Member, Long> outUntilNanos = new HashMap<>();

    /// The one proposal under way; null if none.
    @Nullable Pending pending;

    /// While nobody knows how [#pending] ended: the synced reads still needed. Two, because the
    /// first may have begun before the proposal ended; reads follow each other.
    int readsInDoubt;

    /// The version someone else acts in and this replica has not read yet; 0 if none.
    long newerVersionSeen;

    private long ticket;
    private long readAskedNanos = Long.MIN_VALUE;

    ReplicaState(
            ReplicaSettings settings,
            Member self,
            RecoveredState recovered,
            ReplicaDisk disk,
            ReplicaOutbox outbox,
            LeaseView leases,
            CopyPace pace) {
        this.settings = settings;
        this.pg = recovered.pg();
        this.self = self;
        this.disk = disk;
        this.outbox = outbox;
        this.leases = leases;
        this.pace = pace;
        this.versionTaken = recovered.version();
        this.versionDurable = recovered.version();
        this.inSync = recovered.inSync();
        this.tables = recovered.tables().copy();
        this.list = new PreparedList(recovered.appliedSequence());
        for (Entry entry : recovered.prepared()) {
            list.append(entry, 0);
        }
        list.onDurable(0);
        recoveredTail = list.tail();
    }

    /// Whether what a crash left half written has been written again: before, some bytes may be
    /// later than their checksums.
    boolean isReplayed() {
        return list.committed() >= Math.min(recoveredTail, list.tail());
    }

    /// The configuration of a role that has one.
    Configuration current() {
        Configuration known = configuration;
        if (known == null) {
            throw new IllegalStateException(pg + " has no configuration");
        }
        return known;
    }

    /// A ticket never used before in this life.
    long nextTicket() {
        ticket++;
        return ticket;
    }

    /// Appends to the journal.
    long append(JournalRecord record) {
        long used = nextTicket();
        disk.append(used, record);
        return used;
    }

    /// Appends, and acts when that is durable.
    void append(JournalRecord record, LongConsumer whenDurable) {
        waiting.add(new Waiting(append(record), whenDurable));
    }

    /// Persists that this replica acts in the configuration's version.
    void takeVersion(long version, boolean nowInSync, LongConsumer whenDurable) {
        versionTaken = version;
        inSync = nowInSync;
        dropped = false;
        append(
                new JournalRecord.VersionTaken(pg, version, nowInSync),
                nowNanos -> {
                    versionDurable = Math.max(versionDurable, version);
                    whenDurable.accept(nowNanos);
                });
    }

    /// Adds an entry to the list and the journal.
    void prepare(Entry entry) {
        list.append(entry, append(new JournalRecord.Prepared(pg, versionTaken, entry)));
    }

    /// Journal records up to `durableTicket` are durable. Returns whether the prepared list became
    /// durable further.
    boolean onDurable(long durableTicket, long nowNanos) {
        boolean moved = list.onDurable(durableTicket);
        while (!waiting.isEmpty() && waiting.getFirst().ticket() <= durableTicket) {
            waiting.removeFirst().action().accept(nowNanos);
        }
        return moved;
    }

    /// Commits the next entry: into the tables and onto the disk.
    Entry commitNext() {
        Entry entry = list.commitNext();
        tables.apply(entry);
        return entry;
    }

    /// Whether this store may propose itself although no primary made it a member in this life: it
    /// took its last version in sync and has been listed ever since, so that nothing was committed
    /// without its journal. Or it was listed from the first version on and never wrote anything.
    boolean mayTakeOver() {
        return configuration != null && mayTakeOverIn(configuration);
    }

    /// The same for another configuration than the present one.
    boolean mayTakeOverIn(Configuration read) {
        return read.hasStore(self.store())
                && (inSync || versionTaken == 0)
                && read.version() >= versionTaken;
    }

    /// Proposes a configuration; the leases held now are what reads in it may rely on.
    void propose(Configuration next, Map<StoreId, Long> captured) {
        pending = new Pending(next, captured);
        outbox.propose(current(), next);
    }

    /// Asks for the configuration, at most every 250 ms.
    void askConfiguration(long nowNanos) {
        if (readAskedNanos == Long.MIN_VALUE
                || nowNanos - readAskedNanos >= ReplicaSettings.nanos(250)) {
            readAskedNanos = nowNanos;
            outbox.readConfiguration();
        }
    }

    /// The generations of the leases now held from the members.
    Map<StoreId, Long> heldLeases(Iterable<Member> members, long nowNanos) {
        Map<StoreId, Long> held = new HashMap<>();
        for (Member member : members) {
            if (!member.equals(self) && leases.isHeld(member, nowNanos)) {
                held.put(member.store(), leases.generation(member));
            }
        }
        return held;
    }
}
