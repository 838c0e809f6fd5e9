package weft.storage.replica;

import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Beat;
import weft.wire.storage.StorageMessage.BeatAck;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// The beats of one node, for all its replicas, and what follows from them: [LeaseView].
///
/// Two promises hold the protocol together. Who answers a beat will not let its replicas take over
/// from a primary on the sender's stores for the grace period, counted from the answer. Who sent
/// the beat relies on that only for the (shorter) lease period, counted from the sending. Neither
/// clock is compared with the other; only their rates must agree to 1 %.
///
/// [#setStores] and [#onTick] are called on one loop; all else from any thread, also with times
/// that are a little late: what is remembered of others only grows.
public final class NodeLeases implements LeaseView {
    /// Where beats go.
    @FunctionalInterface
    public interface Outbox {
        /// Sends one way; may be lost.
        void send(NodeId to, StorageMessage message);
    }

    /// What is known of another node's store.
    ///
    /// @param heldUntilNanos the lease from `incarnation`
    /// @param generation grows with each lease gained after none was held
    /// @param told what the store last told of itself
    private record Peer(
            long incarnation, long heldUntilNanos, long generation, long newest, StoreBeat told) {}

    /// Since when the beats name one of this node's own stores without a break.
    ///
    /// @param sinceNanos Long.MAX_VALUE while they do not
    /// @param times how often that has begun
    private record Listing(long sinceNanos, long times) {
        private static final Listing NEVER = new Listing(Long.MAX_VALUE, 0);
    }

    private final ReplicaSettings settings;
    private final NodeId self;
    private final Outbox outbox;
    private final long startedNanos;
    private final Map<StoreId, Peer> peers = new ConcurrentHashMap<>();
    private final Map<StoreId, Long> answered = new ConcurrentHashMap<>();
    private final Map<StoreId, Long> ended = new ConcurrentHashMap<>();
    private final Map<StoreId, Listing> listings = new ConcurrentHashMap<>();
    private volatile List<StoreBeat> stores;
    private volatile long lateUntilNanos;
    private volatile long lastTickNanos;
    private volatile long heardNanos;

    /// @param stores this node's stores that work
    public NodeLeases(
            ReplicaSettings settings,
            NodeId self,
            List<StoreBeat> stores,
            Outbox outbox,
            long nowNanos) {
        this.settings = settings;
        this.self = self;
        this.outbox = outbox;
        startedNanos = nowNanos;
        lastTickNanos = nowNanos;
        lateUntilNanos = nowNanos;
        heardNanos = nowNanos;
        setStores(stores, nowNanos);
    }

    /// This node's stores as they are now. A store that failed, or hangs, is left out: others then
    /// take over from it as from a dead node, and what they answer to beats without it is no lease
    /// of its.
    public void setStores(List<StoreBeat> now, long nowNanos) {
        stores = List.copyOf(now);
        Set<StoreId> named = new HashSet<>();
        for (StoreBeat store : now) {
            StoreId id = store.member().store();
            named.add(id);
            Listing known = listings.getOrDefault(id, Listing.NEVER);
            if (known.sinceNanos() == Long.MAX_VALUE) {
                listings.put(id, new Listing(nowNanos, known.times() + 1));
                if (known.times() > 0) {
                    // What waited for it is read first; then it may judge others again.
                    lateUntilNanos = nowNanos + ReplicaSettings.nanos(settings.lateMillis());
                }
            }
        }
        listings.replaceAll((id, known) ->
                named.contains(id) ? known : new Listing(Long.MAX_VALUE, known.times()));
    }

    /// What the beats say to one of this node's stores.
    public LeaseView viewOf(StoreId own) {
        return new StoreLeases(this, own);
    }

    /// Whether the lease comes of a beat that named the own store, and has since.
    boolean isHeldFor(StoreId own, Member from, long nowNanos) {
        Peer peer = peers.get(from.store());
        long leaseNanos = ReplicaSettings.nanos(settings.leaseMillis());
        return peer != null
                && peer.incarnation() == from.incarnation()
                && peer.heldUntilNanos() > nowNanos
                && peer.heldUntilNanos() - leaseNanos >= listing(own).sinceNanos();
    }

    /// Whether the beats name the own store.
    boolean isNamed(StoreId own) {
        return listing(own).sinceNanos() != Long.MAX_VALUE;
    }

    /// As [#generation], and another one after each time that beats did not name the own store.
    long generationFor(StoreId own, Member from) {
        long generation = generation(from);
        return generation == 0 ? 0 : generation + (listing(own).times() << Integer.SIZE);
    }

    private Listing listing(StoreId own) {
        return listings.getOrDefault(own, Listing.NEVER);
    }

    /// Beats once; call it every [ReplicaSettings#beatMillis].
    ///
    /// @param others the storage nodes that are, or were, in the pool; and this one, if its stores
    ///   need leases from each other
    public void onTick(Set<NodeId> others, long nowNanos) {
        noteLateness(nowNanos);
        for (NodeId other : others) {
            boolean bindsNobody = isDeaf(nowNanos) && !other.equals(self);
            outbox.send(other, new Beat(self, nowNanos, bindsNobody ? List.of() : stores));
        }
    }

    private void noteHeard(NodeId from, long nowNanos) {
        // Hearing itself, a node with several stores would not notice that it is cut off.
        if (!from.equals(self)) {
            heardNanos = Math.max(heardNanos, nowNanos);
        }
    }

    /// Nothing came for a whole lease: then this node must not bind others to a promise that it has
    /// no use for. A beat without stores asks for a sign of life and for no promise.
    private boolean isDeaf(long nowNanos) {
        return nowNanos - heardNanos > ReplicaSettings.nanos(settings.leaseMillis());
    }

    private void noteLateness(long nowNanos) {
        if (standsStill(nowNanos)) {
            // What arrived while this node stood still is read first; then it may judge again.
            lateUntilNanos = nowNanos + ReplicaSettings.nanos(settings.lateMillis());
        }
        lastTickNanos = nowNanos;
    }

    private boolean standsStill(long nowNanos) {
        return nowNanos - lastTickNanos
                > ReplicaSettings.nanos(settings.beatMillis() + settings.lateMillis());
    }

    /// A beat of another node: remembers the promise.
    ///
    /// @return the answer, to be sent back
    public BeatAck onBeat(Beat beat, long nowNanos) {
        noteHeard(beat.from(), nowNanos);
        for (StoreBeat store : beat.stores()) {
            answered.merge(store.member().store(), nowNanos, Math::max);
            noteLife(store);
        }
        // Whether they work is looked at before each tick. Where that stands still they may not.
        boolean promises = !beat.stores().isEmpty() && !standsStill(nowNanos);
        return new BeatAck(self, beat.sentNanos(), promises ? stores : List.of());
    }

    private void noteLife(StoreBeat store) {
        peers.merge(
                store.member().store(),
                new Peer(0, Long.MIN_VALUE, 0, store.member().incarnation(), store),
                (known, heard) ->
                        new Peer(
                                known.incarnation(),
                                known.heldUntilNanos(),
                                known.generation(),
                                Math.max(known.newest(), heard.newest()),
                                heard.told()));
    }

    /// The answer to a beat of this node.
    public void onBeatAck(BeatAck ack, long nowNanos) {
        if (ack.sentNanos() > nowNanos) {
            return; // Not a time of this node's clock.
        }
        noteHeard(ack.from(), nowNanos);
        long until = ack.sentNanos() + ReplicaSettings.nanos(settings.leaseMillis());
        for (StoreBeat store : ack.stores()) {
            noteLife(store);
            peers.computeIfPresent(
                    store.member().store(), (id, known) -> extended(known, store, until, nowNanos));
        }
    }

    private static Peer extended(Peer known, StoreBeat store, long until, long nowNanos) {
        long incarnation = store.member().incarnation();
        if (incarnation < known.incarnation() || until <= nowNanos) {
            return known;
        }
        boolean unbroken = incarnation == known.incarnation() && known.heldUntilNanos() > nowNanos;
        return new Peer(
                incarnation,
                unbroken ? Math.max(known.heldUntilNanos(), until) : until,
                unbroken ? known.generation() : known.generation() + 1,
                known.newest(),
                store);
    }

    /// Lives that are over, as they said themselves, or who ran their process. Any thread.
    public void onEnded(Collection<Member> lives) {
        for (Member life : lives) {
            ended.merge(life.store(), life.incarnation(), Math::max);
        }
    }

    @Override
    public boolean isHeld(Member from, long nowNanos) {
        Peer peer = peers.get(from.store());
        return peer != null
                && peer.incarnation() == from.incarnation()
                && peer.heldUntilNanos() > nowNanos;
    }

    @Override
    public long generation(Member from) {
        Peer peer = peers.get(from.store());
        return peer != null && peer.incarnation() == from.incarnation() ? peer.generation() : 0;
    }

    @Override
    public long lastAnsweredNanos(StoreId primary) {
        return answered.getOrDefault(primary, startedNanos);
    }

    @Override
    public long newestIncarnation(StoreId store) {
        Peer peer = peers.get(store);
        return peer == null ? 0 : peer.newest();
    }

    @Override
    public long freeBytes(StoreId store) {
        Peer peer = peers.get(store);
        return peer == null ? Long.MAX_VALUE : peer.told().freeBytes();
    }

    @Override
    public int slowPercent(StoreId store) {
        for (StoreBeat own : stores) {
            if (own.member().store().equals(store)) {
                return own.slowPercent();
            }
        }
        Peer peer = peers.get(store);
        return peer == null ? 0 : peer.told().slowPercent();
    }

    @Override
    public boolean hasEnded(Member life) {
        return ended.getOrDefault(life.store(), Long.MIN_VALUE) >= life.incarnation();
    }

    @Override
    public boolean isSelfLate(long nowNanos) {
        return nowNanos < lateUntilNanos || standsStill(nowNanos);
    }
}
