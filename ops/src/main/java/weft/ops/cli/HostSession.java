package weft.ops.cli;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.HostAddresses;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.ops.admin.Refusal;
import weft.runtime.FreshIds;
import weft.transport.Handshake;
import weft.transport.Peers;
import weft.transport.Role;
import weft.transport.Transport;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/// A command's connections to the VM hosts: what is asked at the machines themselves and is not in
/// the fabric's records.
public final class HostSession implements AutoCloseable {
    private final Transport transport;
    private final Peers hosts;

    /// @param caller as whom the hosts know the command
    /// @param family what is spoken with them
    /// @param image the newest picture of the fabric
    /// @throws Refusal if the fabric is not set up yet
    public HostSession(String caller, MessageFamily<?> family, Supplier<FabricImage> image) {
        var cluster =
                image.get()
                        .cluster()
                        .orElseThrow(() -> Refusal.state("the fabric is not set up yet"));
        var self = Handshake.of(cluster.id(), Role.CLIENT, new NodeId(caller), FreshIds.positive());
        transport = new Transport(self, List.of(family), 1, new SimpleMeterRegistry());
        hosts = new Peers(transport, new HostAddresses(image), List.of());
    }

    /// Asks a host, as [Peers#request] does.
    public CompletableFuture<WireMessage> request(NodeId host, WireMessage question) {
        return hosts.request(host, question);
    }

    @Override
    public void close() {
        hosts.close();
        transport.close();
    }
}
