package weft.ops.node;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Cluster;
import weft.fabric.FabricJson;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.metrics.MetricsPage;
import weft.ops.controller.Control;
import weft.ops.controller.ControlSettings;
import weft.ops.pool.LayerJanitor;
import weft.runtime.BootClock;
import weft.runtime.Pause;
import weft.storage.StorageNode;
import weft.storage.StorageNodeSettings;
import weft.storage.nbd.NbdTls;
import weft.transport.NodeAddress;
import weft.vmhost.VmHost;
import weft.vmhost.VmHostSettings;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/// One running part of the fabric, with its session, its picture of the records and its metrics
/// page.
public final class Part implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Part.class);
    private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(30);
    private static final int ANSWER_MILLIS = 1000;
    private static final int CLUSTER_POLL_MILLIS = 200;
    private static final Duration CLUSTER_PATIENCE = Duration.ofSeconds(60);

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final ZooKeeperFabricStore store;
    private final MetricsPage metrics;

    private Part(NodeOptions options, NodePresence.Role role) throws IOException {
        store = own(ZooKeeperFabricStore.connect(options.zookeeper(), CONNECT_PATIENCE));
        try {
            requireUnique(role, options.node());
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
        try {
            metrics = own(MetricsPage.serve(options.at(options.metricsPort())));
        } catch (IOException e) {
            close();
            throw new IOException(
                    "cannot serve metrics at %s:%d: %s"
                            .formatted(
                                    options.listen().getHostString(),
                                    options.metricsPort(),
                                    e.getMessage()),
                    e);
        }
    }

    @FunctionalInterface
    private interface Wiring {
        void wire(Part part) throws IOException;
    }

    private static Part start(NodeOptions options, NodePresence.Role role, Wiring wiring)
            throws IOException {
        var part = new Part(options, role);
        try {
            wiring.wire(part);
            return part;
        } catch (IOException | RuntimeException e) {
            part.close();
            throw e;
        }
    }

    /// Two parts of one name would take each other's records away. A part that has just died may
    /// still be announced, but its metrics page answers no more.
    private void requireUnique(NodePresence.Role role, NodeId node) throws IOException {
        var earlier =
                new FabricRecords(store)
                        .find(FabricPaths.presence(role, node.name()), NodePresence.class);
        if (earlier.isPresent() && answers(earlier.get().noun().metrics())) {
            throw new IOException(
                    "%s '%s' runs already (its metrics are at %s): choose another --name"
                            .formatted(role.lowerCase(), node, earlier.get().noun().metrics()));
        }
    }

    private static boolean answers(String address) {
        Optional<InetSocketAddress> announced = NodeAddress.parse(address);
        if (announced.isEmpty()) {
            return false;
        }
        try (var socket = new Socket()) {
            socket.connect(announced.get(), ANSWER_MILLIS);
            return true;
        } catch (IOException _) {
            return false;
        }
    }

    /// Starts a storage node.
    public static Part storage(NodeOptions options) throws IOException {
        return start(
                options,
                NodePresence.Role.STORAGE,
                part -> {
                    // First of all: what cannot be secured is not to be served.
                    Optional<NbdTls> tls =
                            options.nbdTls().isEmpty()
                                    ? Optional.empty()
                                    : Optional.of(NbdTls.of(options.nbdTls().get()));
                    var settings =
                            StorageNodeSettings.of(
                                            options.node(),
                                            part.awaitCluster(),
                                            options.folders(),
                                            options.listen(),
                                            options.advertise())
                                    .withAddresses(
                                            options.advertisedNbd(), part.metricsAddress(options))
                                    .withDomain(options.domain())
                                    .adopting(options.adopted());
                    StorageNode node =
                            part.own(
                                    StorageNode.start(
                                            settings, part.store, part.metrics.registry()));
                    part.own(
                            NbdGateway.start(
                                    options.node(),
                                    options.at(options.nbdPort()),
                                    tls,
                                    node,
                                    part.store,
                                    part.metrics.registry()));
                });
    }

    /// Starts a VM host.
    public static Part host(NodeOptions options) throws IOException {
        return start(
                options,
                NodePresence.Role.HOST,
                part -> {
                    Cluster cluster = part.awaitCluster();
                    FabricWatcher watcher = part.own(FabricWatcher.start(part.store));
                    var settings =
                            new VmHostSettings(
                                    options.node(),
                                    options.listen(),
                                    options.advertised(options.listen().getPort()),
                                    options.at(options.vtepPort()),
                                    options.advertised(options.vtepPort()),
                                    part.metricsAddress(options),
                                    options.offer().memoryBytes(),
                                    options.offer().engine());
                    part.own(
                            VmHost.start(
                                    settings,
                                    cluster.id(),
                                    part.store,
                                    watcher,
                                    part.metrics.registry()));
                });
    }

    /// Starts a control process; the first one ever makes the cluster.
    ///
    /// @param first what the cluster is to be, if there is none yet
    public static Part control(NodeOptions options, Cluster first, ControlSettings settings)
            throws IOException {
        return start(
                options,
                NodePresence.Role.CONTROL,
                part -> {
                    if (new FabricRecords(part.store).create(FabricPaths.CLUSTER, first)) {
                        log.info("cluster {} made", first.id());
                    }
                    FabricWatcher watcher = part.own(FabricWatcher.start(part.store));
                    Control control =
                            part.own(
                                    new Control(
                                            options.node(),
                                            part.store,
                                            watcher,
                                            settings,
                                            BootClock.SYSTEM));
                    control.start();
                    LayerJanitor janitor =
                            part.own(new LayerJanitor(options.node(), part.store, watcher));
                    janitor.start();
                    part.own(part.announceControl(options));
                });
    }

    private AutoCloseable announceControl(NodeOptions options) throws IOException {
        var presence =
                new NodePresence(
                        options.node(),
                        NodePresence.Role.CONTROL,
                        BootClock.SYSTEM.nowNanos(),
                        "",
                        "",
                        "",
                        metricsAddress(options),
                        List.of(),
                        0,
                        ProcessHandle.current().pid());
        return store.announce(
                FabricPaths.presence(NodePresence.Role.CONTROL, options.node().name()),
                FabricJson.write(presence));
    }

    /// The defaults of a new cluster of at least three storage nodes.
    public static Cluster newCluster(int replicas, int minReplicas) {
        return new Cluster(
                UUID.randomUUID(), Cluster.FORMAT_VERSION, PG_BITS_DEFAULT, replicas, minReplicas);
    }

    /// 32 placement groups: enough to spread over a dozen nodes; a pool can double them later.
    private static final int PG_BITS_DEFAULT = 5;

    private String metricsAddress(NodeOptions options) {
        return options.advertised(metrics.address().getPort());
    }

    /// The cluster's record, which the first control process makes; parts may start in any order.
    private Cluster awaitCluster() throws IOException {
        var records = new FabricRecords(store);
        long endNanos = BootClock.SYSTEM.nowNanos() + CLUSTER_PATIENCE.toNanos();
        while (BootClock.SYSTEM.nowNanos() < endNanos) {
            var found = records.find(FabricPaths.CLUSTER, Cluster.class);
            if (found.isPresent()) {
                return found.get().noun();
            }
            Pause.millis(CLUSTER_POLL_MILLIS);
        }
        throw new IOException(
                "no cluster is set up at this ZooKeeper after %d s: start 'weft node control' first"
                        .formatted(CLUSTER_PATIENCE.toSeconds()));
    }

    private <T extends AutoCloseable> T own(T part) {
        opened.push(part);
        return part;
    }

    /// Where its metrics are.
    public String metricsPage() {
        return "http://" + NodeAddress.format(metrics.address()) + "/metrics";
    }

    @Override
    public void close() {
        while (!opened.isEmpty()) {
            AutoCloseable part = opened.pop();
            try {
                part.close();
            } catch (Exception e) {
                log.warn("closing {}", part, e);
            }
        }
    }
}
