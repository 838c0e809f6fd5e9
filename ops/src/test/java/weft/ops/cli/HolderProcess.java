package weft.ops.cli;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.FabricPaths;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Attachment;
import weft.fabric.FabricJson;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.admin.VolumeAdmin;
import weft.runtime.BootClock;
import weft.runtime.FreshIds;
import weft.transport.Endpoint;
import weft.transport.Handshake;
import weft.transport.MessageServer;
import weft.transport.NodeAddress;
import weft.transport.Role;
import weft.transport.Service;
import weft.transport.Transport;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.volume.RemoteVolume;
import weft.wire.holder.HolderFamily;
import weft.wire.storage.StorageCodec;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/// What holds volumes and answers for them, as a VM host does, in the test's process: with its own
/// session, its own connections and its own ear.
final class HolderProcess implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final FabricSession session;
    private final Attachment.Process self;
    private final PoolClient pool;

    /// @param deafness in front of its ear: what it may do to a question before it is heard
    HolderProcess(LoopbackFabric fabric, String name, Deafness deafness) throws IOException {
        this(fabric.session(), fabric.layout().zookeeper(), name, deafness);
    }

    /// @param session stays the caller's
    HolderProcess(FabricSession session, String zookeeper, String name, Deafness deafness)
            throws IOException {
        this.session = session;
        self = new Attachment.Process(NodePresence.Role.HOST, new NodeId(name));
        ZooKeeperFabricStore store =
                own(ZooKeeperFabricStore.connect(zookeeper, Duration.ofSeconds(10)));
        var cluster = session.image().cluster().orElseThrow();
        var registry = new SimpleMeterRegistry();
        long incarnation = FreshIds.positive();
        Transport transport =
                own(
                        new Transport(
                                Handshake.of(cluster.id(), Role.HOST, self.node(), incarnation),
                                List.of(new StorageCodec(), new HolderFamily()),
                                1,
                                registry));
        var holds = new OpenVolumes();
        pool =
                own(
                        new PoolClient(
                                store,
                                session::image,
                                transport,
                                BootClock.SYSTEM,
                                registry,
                                holds));
        Endpoint ear = deafness.before(holds);
        MessageServer server =
                own(
                        transport.listen(
                                new InetSocketAddress("127.0.0.1", 0),
                                List.of(new Service(new HolderFamily(), ear))));
        var presence =
                new NodePresence(
                        self.node(),
                        self.role(),
                        incarnation,
                        NodeAddress.format(server.address()),
                        "",
                        "",
                        "",
                        List.of(),
                        0,
                        ProcessHandle.current().pid());
        own(store.announce(FabricPaths.presence(self.role(), name), FabricJson.write(presence)));
        try {
            Await.until(name, () -> session.image().presence(self.role(), self.node()).isPresent());
        } catch (Exception e) {
            throw new IOException(e);
        }
    }

    HolderProcess(LoopbackFabric fabric, String name) throws IOException {
        this(fabric, name, ear -> ear);
    }

    /// What stands before a process' ear.
    @FunctionalInterface
    interface Deafness {
        Endpoint before(Endpoint ear);
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    PoolClient pool() {
        return pool;
    }

    RemoteVolume open(String volume) throws IOException {
        return pool.open(
                pool.claim(
                        VolumeAdmin.find(session.image(), volume),
                        "vm test @ " + self.node(),
                        self));
    }

    @Override
    public void close() throws IOException {
        try {
            while (!parts.isEmpty()) {
                parts.pop().close();
            }
        } catch (Exception e) {
            throw new IOException(e);
        }
    }
}
