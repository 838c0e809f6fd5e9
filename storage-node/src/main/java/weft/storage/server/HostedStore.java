package weft.storage.server;

import weft.coordination.StorageNodes;
import weft.fabric.StoreId;
import weft.runtime.Clock;
import weft.runtime.WallClock;
import weft.storage.replica.NodeLeases;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.Store;
import weft.transport.Peers;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Supplier;

/// One of the node's stores and what works on it. All of its threads are its own: a disk that hangs
/// holds nobody up but its own replicas.
final class HostedStore implements AutoCloseable {
    /// Above what any of its ticks takes, below the grace that others add.
    private static final long HANGS_NANOS = 1_500_000_000;

    /// What a checkpoint may take that they wait for, to free the journal.
    private static final long HANGS_FULL_NANOS = 10_000_000_000L;

    private final Store store;
    private final Clock clock;
    private final ReplicaDirectory replicas;
    private final SpaceQuestions space;
    private final Scrubber scrubber;

    /// What the stores of a node share.
    ///
    /// @param payloadBytesMax of each, and each of: requests, entries that wait for a loop, entries
    ///   that are prepared and not applied in groups that serve, and in those that catch up, with
    ///   those held for copies
    record Surroundings(
            ReplicaSettings settings,
            Supplier<ScrubSettings> scrub,
            int loopCount,
            long payloadBytesMax,
            NodeLeases leases,
            StorageNodes nodes,
            Peers peers,
            ConfigurationRecords configurations,
            StorageMeters meters,
            Clock clock) {}

    HostedStore(Store store, Surroundings around) {
        this.store = store;
        clock = around.clock();
        replicas =
                new ReplicaDirectory(
                        around.settings(),
                        store,
                        new LeasesAndOwnSpace(around.leases().viewOf(store.id()), store),
                        around.clock(),
                        around.peers(),
                        around.nodes()::nodeOf,
                        around.configurations(),
                        around.meters(),
                        around.loopCount(),
                        around.payloadBytesMax());
        store.limitOpenBytes(around.payloadBytesMax());
        space = new SpaceQuestions(store, replicas);
        scrubber =
                new Scrubber(
                        around.scrub(),
                        store,
                        replicas,
                        around.meters(),
                        around.clock(),
                        WallClock::epochNanos);
    }

    void start() {
        replicas.start();
        scrubber.start();
    }

    StoreId id() {
        return store.id();
    }

    ReplicaDirectory replicas() {
        return replicas;
    }

    SpaceQuestions space() {
        return space;
    }

    Scrubber scrubber() {
        return scrubber;
    }

    /// Why the store is served no more; empty while it is.
    Optional<IOException> failure() {
        return store.failure();
    }

    /// Whether a loop of its replicas stands still, as in a read that does not come back: then it
    /// cannot keep any promise.
    boolean hangs(long nowNanos) {
        long behindNanos = nowNanos - replicas.tickedAtNanos();
        return behindNanos > (store.isJournalFull() ? HANGS_FULL_NANOS : HANGS_NANOS);
    }

    /// What beats say of it.
    StoreBeat beat() {
        return new StoreBeat(
                store.member(), store.freeBytes(), store.slowPercent(clock.nowNanos()));
    }

    @Override
    public void close() {
        scrubber.close();
        space.close();
        replicas.close();
    }
}
