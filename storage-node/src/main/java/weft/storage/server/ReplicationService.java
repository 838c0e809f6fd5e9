package weft.storage.server;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricStore;
import weft.coordination.StorageNodes;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.runtime.WallClock;
import weft.storage.replica.NodeLeases;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.Store;
import weft.transport.Handshake;
import weft.transport.Peers;
import weft.transport.Service;
import weft.wire.audit.AuditCodec;
import weft.wire.storage.StorageCodec;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// All replicas of one store, their beats and their housekeeping.
public final class ReplicationService implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ReplicationService.class);

    private final ReplicaSettings settings;
    private final NodeId node;
    private final Store store;
    private final StorageNodes nodes;
    private final Clock clock;
    private final Loop beatLoop;
    private final NodeLeases leases;
    private final ReplicaDirectory replicas;
    private final StorageServer server;
    private final LayerGarbage garbage;
    private final SpaceQuestions space;
    private final Scrubber scrubber;
    private final StorageMeters meters;

    // Beat loop only.
    private boolean failureCounted;

    /// @param self what this node says of itself on connections
    /// @param peers to the other storage nodes
    /// @param garbagePeriod between looks for layers of deleted volumes
    public ReplicationService(
            ReplicaSettings settings,
            Handshake self,
            Store store,
            FabricStore coordination,
            StorageNodes nodes,
            Peers peers,
            Clock clock,
            MeterRegistry registry,
            ScrubSettings scrub,
            Duration garbagePeriod,
            int loopCount) {
        this.settings = settings;
        this.store = store;
        this.nodes = nodes;
        this.clock = clock;
        node = self.nodeId();
        meters = new StorageMeters(registry);
        beatLoop = new Loop("beats-" + node);
        leases = new NodeLeases(settings, node, beats(), peers::send, clock.nowNanos());
        replicas =
                new ReplicaDirectory(
                        settings,
                        store,
                        new LeasesAndOwnSpace(leases, store),
                        clock,
                        peers,
                        nodes::nodeOf,
                        new ConfigurationRecords(coordination),
                        meters,
                        loopCount);
        space = new SpaceQuestions(store, replicas);
        scrubber = new Scrubber(scrub, store, replicas, clock, WallClock::epochNanos);
        server =
                new StorageServer(
                        store.id(), clock, replicas, leases, beatLoop, meters, space, scrubber);
        garbage =
                new LayerGarbage(
                        coordination,
                        replicas,
                        store.member(),
                        self,
                        meters,
                        beatLoop,
                        garbagePeriod);
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
        replicas.start();
        scrubber.start();
    }

    private void beat() {
        if (!failureCounted && store.failure().isPresent()) {
            failureCounted = true;
            meters.storeFailures.increment();
        }
        leases.setStores(beats());
        Set<NodeId> others = new HashSet<>(nodes.known());
        others.remove(node);
        leases.onTick(others, clock.nowNanos());
    }

    /// A store that failed is left out: others take over from it as from a dead node.
    private List<StoreBeat> beats() {
        return store.failure().isPresent()
                ? List.of()
                : List.of(new StoreBeat(store.member(), store.freeBytes()));
    }

    /// One line for each replica, for status pages.
    public List<String> describe() {
        return replicas.all().stream().map(HostedReplica::toString).sorted().toList();
    }

    @Override
    public void close() {
        garbage.close();
        scrubber.close();
        space.close();
        beatLoop.close();
        replicas.close();
        log.debug("{}: replication stopped", node);
    }
}
