package weft.ops.system;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.HostAddresses;
import weft.coordination.UnreliableStore;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.node.NodeOptions;
import weft.runtime.BootClock;
import weft.transport.Handshake;
import weft.transport.NodeAddress;
import weft.transport.Peers;
import weft.transport.Role;
import weft.transport.Transport;
import weft.vmhost.agent.HostAgent;
import weft.vmhost.agent.HostParts;
import weft.vmhost.agent.VmMeters;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.wire.capture.CaptureFamily;
import weft.wire.console.ConsoleFamily;
import weft.wire.migration.MigrationFamily;
import weft.wire.network.SwitchFamily;
import weft.wire.storage.StorageCodec;
import weft.wire.vm.VmFamily;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/// A VM host as `VmHost` wires it, but with a bad line to the records, and with a picture of the
/// pool that a test can spoil.
final class UnluckyHost implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final UnreliableStore store;
    private final FabricWatcher watcher;
    private final HostAgent agent;
    private final Peers hosts;
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private volatile UnaryOperator<FabricImage> poolView = UnaryOperator.identity();

    UnluckyHost(NodeOptions options) throws IOException {
        NodeId self = options.node();
        var zookeeper =
                own(ZooKeeperFabricStore.connect(options.zookeeper(), Duration.ofSeconds(10)));
        store = new UnreliableStore(zookeeper);
        var records = new FabricRecords(store);
        Cluster cluster = records.find(FabricPaths.CLUSTER, Cluster.class).orElseThrow().noun();
        watcher = own(FabricWatcher.start(zookeeper));
        Transport transport =
                own(
                        new Transport(
                                Handshake.of(cluster.id(), Role.HOST, self, 1),
                                List.of(
                                        new StorageCodec(),
                                        new MigrationFamily(),
                                        new ConsoleFamily(),
                                        new CaptureFamily(),
                                        new VmFamily(),
                                        new SwitchFamily()),
                                1,
                                registry));
        PoolClient pool =
                own(
                        new PoolClient(
                                store,
                                () -> poolView.apply(watcher.image()),
                                transport,
                                BootClock.SYSTEM,
                                registry,
                                new OpenVolumes()));
        var vtep = new java.net.InetSocketAddress(options.listen().getAddress(), 0);
        VSwitch vswitch =
                own(new VSwitch(VSwitchSettings.of(self, vtep), BootClock.SYSTEM, registry));
        hosts = own(new Peers(transport, new HostAddresses(watcher::image), List.of()));
        agent =
                own(
                        new HostAgent(
                                new HostParts(
                                        self,
                                        records,
                                        watcher,
                                        pool,
                                        vswitch,
                                        hosts,
                                        options.offer().engine(),
                                        new VmMeters(registry, self),
                                        BootClock.SYSTEM,
                                        options.offer().memoryBytes())));
        own(transport.listen(options.listen(), agent.services()));
        agent.start();
        own(announce(options, zookeeper, vswitch));
    }

    private static AutoCloseable announce(
            NodeOptions options, ZooKeeperFabricStore zookeeper, VSwitch vswitch)
            throws IOException {
        var presence =
                new NodePresence(
                        options.node(),
                        NodePresence.Role.HOST,
                        1,
                        NodeAddress.format(options.listen()),
                        "",
                        NodeAddress.format(vswitch.underlayAddress()),
                        "",
                        List.of(),
                        options.offer().memoryBytes(),
                        1);
        return zookeeper.announce(
                FabricPaths.presence(NodePresence.Role.HOST, options.node().name()),
                FabricJson.write(presence));
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    /// Waits until its picture of the records looks so.
    void awaitKnowing(Predicate<FabricImage> wanted) throws IOException {
        try {
            Await.until("what a host knows", () -> wanted.test(watcher.image()));
        } catch (Exception e) {
            throw new IOException(e);
        }
    }

    /// Its line to the records.
    UnreliableStore store() {
        return store;
    }

    HostAgent agent() {
        return agent;
    }

    MeterRegistry registry() {
        return registry;
    }

    /// Its connections to the other host.
    Peers hosts() {
        return hosts;
    }

    /// What its client of the pool takes for the fabric.
    void poolSees(UnaryOperator<FabricImage> view) {
        poolView = view;
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            AutoCloseable part = parts.pop();
            try {
                part.close();
            } catch (Exception e) {
                throw new AssertionError("closing " + part, e);
            }
        }
    }
}
