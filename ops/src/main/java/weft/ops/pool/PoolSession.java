package weft.ops.pool;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.FabricStore;
import weft.coordination.HostAddresses;
import weft.coordination.StorageNodes;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.ops.admin.Refusal;
import weft.runtime.BootClock;
import weft.runtime.FreshIds;
import weft.transport.Handshake;
import weft.transport.PeerUnreachable;
import weft.transport.Peers;
import weft.transport.Role;
import weft.transport.Transport;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.wire.WireMessage;
import weft.wire.audit.AuditCodec;
import weft.wire.holder.HolderFamily;
import weft.wire.holder.HolderMessage;
import weft.wire.storage.StorageCodec;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/// A command's connection to the pool.
public final class PoolSession implements AutoCloseable {
    private final Transport transport;
    private final Peers hosts;
    private final Peers nodes;
    private final PoolClient client;

    /// @param image the newest picture of the fabric
    public PoolSession(FabricStore store, Supplier<FabricImage> image) {
        var cluster =
                image.get()
                        .cluster()
                        .orElseThrow(() -> Refusal.state("the fabric is not set up yet"));
        var registry = new SimpleMeterRegistry();
        var self = Handshake.of(cluster.id(), Role.CLIENT, new NodeId("weft"), FreshIds.positive());
        transport =
                new Transport(
                        self,
                        List.of(new StorageCodec(), new AuditCodec(), new HolderFamily()),
                        1,
                        registry);
        hosts = new Peers(transport, new HostAddresses(image), List.of());
        nodes = new Peers(transport, new StorageNodes(image)::addressOf, List.of());
        client =
                new PoolClient(
                        store, image, transport, BootClock.SYSTEM, registry, new OpenVolumes());
    }

    /// Opens and claims volumes.
    public PoolClient client() {
        return client;
    }

    /// Asks a process that holds volumes, as [Peers#request] does.
    CompletableFuture<WireMessage> ask(Attachment.Process process, HolderMessage question) {
        return switch (process.role()) {
            case HOST -> hosts.request(process.node(), question);
            case STORAGE -> nodes.request(process.node(), question);
            case CONTROL ->
                    CompletableFuture.failedFuture(
                            new PeerUnreachable(process + " holds no volumes"));
        };
    }

    @Override
    public void close() {
        client.close();
        hosts.close();
        nodes.close();
        transport.close();
    }
}
