package weft.storage.server;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricStore;
import weft.coordination.StorageNodes;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.StoreId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.storage.disk.SlowShare;
import weft.storage.replica.NodeLeases;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.Store;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.transport.Peers;
import weft.transport.Service;
import weft.transport.Transport;
import weft.wire.WireMessage;
import weft.wire.audit.AuditCodec;
import weft.wire.storage.StorageCodec;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.BeatAck;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/// All replicas of a node's stores, its beats and their housekeeping.
///
/// ```text
///   ReplicationService ──► beat loop: one beat a node, for all its stores
///     └─ HostedStore, one a store ──► its replicas' loops, its journal, its scrubber
/// ```
public final class ReplicationService implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ReplicationService.class);

    private final ReplicaSettings settings;
    private final NodeId node;
    private final Map<StoreId, HostedStore> stores = new LinkedHashMap<>();
    private final StorageNodes nodes;
    private final Clock clock;
    private final Loop beatLoop;
    private final Peers peers;
    private final NodeLeases leases;
    private final ConfigurationRecords configurations;
    private final StorageServer server;
    private final LayerGarbage garbage;
    private final StorageMeters meters;
    private final BiConsumer<StoreId, IOException> onFailure;
    private final BiConsumer<StoreId, Boolean> onSlow;
    private volatile AutoCloseable watch = () -> {};

    // Beat loop only.
    private final Set<StoreId> failed = new HashSet<>();
    private final Set<StoreId> slow = new HashSet<>();

    /// @param self what this node says of itself on connections
    /// @param image the newest picture of the fabric, with its volumes
    /// @param transport to the storage nodes; to this one, too, for stores that replicate each
    ///   other
    /// @param scrub where the picture's settings say nothing else
    /// @param garbagePeriod between looks for layers of deleted volumes
    /// @param loopCount threads that run replicas, for each store
    /// @param onFailure is told once of each store that fails, on the beat loop
    /// @param onSlow is told when a store's disk has become slow, and when it is well again, on the
    ///   beat loop
    public ReplicationService(
            ReplicaSettings settings,
            Handshake self,
            List<Store> stores,
            FabricStore coordination,
            Supplier<FabricImage> image,
            StorageNodes nodes,
            Transport transport,
            Clock clock,
            MeterRegistry registry,
            ScrubSettings scrub,
            Duration garbagePeriod,
            int loopCount,
            BiConsumer<StoreId, IOException> onFailure,
            BiConsumer<StoreId, Boolean> onSlow) {
        this.settings = settings;
        this.nodes = nodes;
        this.clock = clock;
        this.onFailure = onFailure;
        this.onSlow = onSlow;
        node = self.nodeId();
        meters = new StorageMeters(registry);
        beatLoop = new Loop("beats-" + node);
        leases = new NodeLeases(settings, node, List.of(), this::sendBeat, clock.nowNanos());
        peers =
                new Peers(
                        transport,
                        nodes::addressOf,
                        List.of(new Service(new StorageCodec(), this::onBeatAck)));
        configurations = new ConfigurationRecords(coordination);
        var around =
                new HostedStore.Surroundings(
                        settings,
                        () -> scrub.with(image.get().settings()),
                        loopCount,
                        payloadBytesMax(stores.size()),
                        leases,
                        nodes,
                        peers,
                        configurations,
                        meters,
                        clock);
        stores.forEach(store -> this.stores.put(store.id(), new HostedStore(store, around)));
        server = new StorageServer(this.stores, clock, leases, meters);
        garbage =
                new LayerGarbage(
                        coordination, image, this::working, self, meters, beatLoop, garbagePeriod);
    }

    /// Four of these are half of the heap, for all stores together. (They seldom fill at once: what
    /// waits here is what others have not done with.)
    private static long payloadBytesMax(int stores) {
        return Runtime.getRuntime().maxMemory() / 8 / Math.max(1, stores);
    }

    /// What this node serves on its connections.
    public List<Service> services() {
        return List.of(
                new Service(new StorageCodec(), server::onStorageMessage),
                new Service(new AuditCodec(), server::onAuditMessage));
    }

    /// Begins to beat and to replicate. Blocks for the coordination.
    public void start() throws IOException {
        var _ = beatLoop.every(Duration.ofMillis(settings.beatMillis()), this::beat);
        stores.values().forEach(HostedStore::start);
        watch =
                configurations.watch(recorded ->
                        stores.values().forEach(s -> s.replicas().onConfiguration(recorded)));
    }

    private void sendBeat(NodeId to, StorageMessage beat) {
        peers.send(to, beat);
    }

    /// All that comes back over connections that this side opened, but for answers to requests.
    private void onBeatAck(WireMessage message, Caller from) {
        if (message instanceof BeatAck ack) {
            leases.onBeatAck(ack, clock.nowNanos());
        } else {
            from.garbage("only answers to beats are taken here, and not " + message.getClass());
        }
    }

    /// A store that failed, or that hangs, is left out: others take over from it as from a dead
    /// node.
    private void beat() {
        stores.values().forEach(this::noteFailure);
        long nowNanos = clock.nowNanos();
        List<StoreBeat> beats =
                working().stream()
                        .filter(store -> !store.hangs(nowNanos))
                        .map(HostedStore::beat)
                        .toList();
        beats.forEach(this::noteSlowness);
        leases.setStores(beats, nowNanos);
        Set<NodeId> others = new HashSet<>(nodes.known());
        if (stores.size() == 1) {
            others.remove(node); // Nobody there to beat to.
        }
        leases.onTick(others, nowNanos);
    }

    private void noteFailure(HostedStore store) {
        if (store.failure().isPresent() && failed.add(store.id())) {
            meters.storeFailures.increment();
            onFailure.accept(store.id(), store.failure().get());
        }
    }

    private void noteSlowness(StoreBeat store) {
        StoreId id = store.member().store();
        if (SlowShare.isSlow(store.slowPercent()) && slow.add(id)) {
            onSlow.accept(id, true);
        } else if (SlowShare.isWell(store.slowPercent()) && slow.remove(id)) {
            onSlow.accept(id, false);
        }
    }

    /// A new picture of the fabric. Any thread.
    public void onImage(FabricImage image) {
        for (NodePresence presence : image.presences().values()) {
            leases.onEnded(presence.endedLives());
        }
    }

    private List<HostedStore> working() {
        return stores.values().stream().filter(store -> store.failure().isEmpty()).toList();
    }

    /// One line for each replica, for status pages.
    public List<String> describe() {
        return stores.values().stream()
                .flatMap(store -> store.replicas().all().stream())
                .map(HostedReplica::toString)
                .sorted()
                .toList();
    }

    @Override
    public void close() {
        try {
            watch.close();
        } catch (Exception e) {
            log.debug("closing the watch of configurations", e);
        }
        garbage.close();
        beatLoop.close();
        // From now on no lease is this node's.
        leases.setStores(List.of(), clock.nowNanos());
        stores.values().forEach(HostedStore::close);
        peers.close();
        log.debug("{}: replication stopped", node);
    }
}
