package weft.ops.pool;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.FabricStore;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.ops.admin.Refusal;
import weft.runtime.BootClock;
import weft.runtime.FreshIds;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.transport.Transport;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.wire.audit.AuditCodec;
import weft.wire.storage.StorageCodec;

import java.util.List;
import java.util.function.Supplier;

/// A command's connection to the pool.
public final class PoolSession implements AutoCloseable {
    private final Transport transport;
    private final PoolClient client;

    /// @param image the newest picture of the fabric
    public PoolSession(FabricStore store, Supplier<FabricImage> image) {
        var cluster =
                image.get()
                        .cluster()
                        .orElseThrow(() -> Refusal.state("the fabric is not set up yet"));
        var registry = new SimpleMeterRegistry();
        var self = Handshake.of(cluster.id(), Role.CLIENT, new NodeId("weft"), FreshIds.positive());
        transport = new Transport(self, List.of(new StorageCodec(), new AuditCodec()), 1, registry);
        client =
                new PoolClient(
                        store, image, transport, BootClock.SYSTEM, registry, new OpenVolumes());
    }

    /// Opens and claims volumes.
    public PoolClient client() {
        return client;
    }

    @Override
    public void close() {
        client.close();
        transport.close();
    }
}
