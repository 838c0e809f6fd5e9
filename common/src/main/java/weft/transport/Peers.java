package weft.transport;

import weft.fabric.NodeId;
import weft.wire.WireMessage;

import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/// Connections by node: one to each, shared by all who talk to it.
public final class Peers implements AutoCloseable {
    /// Where nodes are, as far as is known now. Must not block.
    @FunctionalInterface
    public interface AddressBook {
        /// The node's advertised address; empty while it has none.
        Optional<InetSocketAddress> addressOf(NodeId node);
    }

    private final Transport transport;
    private final AddressBook addresses;
    private final List<Service> services;
    private final Map<NodeId, PeerConnection> connections = new ConcurrentHashMap<>();

    /// @param services what a peer may ask over a connection that this side opened
    public Peers(Transport transport, AddressBook addresses, List<Service> services) {
        this.transport = transport;
        this.addresses = addresses;
        this.services = List.copyOf(services);
    }

    /// Sends a one-way message; dropped if the node cannot be reached.
    public void send(NodeId node, WireMessage message) {
        to(node).ifPresent(connection -> connection.send(message));
    }

    /// Sends a request, as [PeerConnection#request] does.
    public CompletableFuture<WireMessage> request(NodeId node, WireMessage message) {
        return to(node).map(connection -> connection.request(message))
                .orElseGet(() ->
                        CompletableFuture.failedFuture(
                                new PeerUnreachable(node + " has no known address")));
    }

    /// The connection to the node; a node that moved gets a new one.
    public Optional<PeerConnection> to(NodeId node) {
        Optional<InetSocketAddress> address = addresses.addressOf(node);
        if (address.isEmpty()) {
            // A node whose presence is gone may still be reached where it was.
            return Optional.ofNullable(connections.get(node));
        }
        PeerConnection known = connections.get(node);
        if (known != null && known.address().equals(address.get())) {
            return Optional.of(known);
        }
        return Optional.of(
                connections.compute(
                        node,
                        (_, old) -> {
                            if (old != null && old.address().equals(address.get())) {
                                return old;
                            }
                            if (old != null) {
                                old.close();
                            }
                            return transport.connect(address.get(), node, services);
                        }));
    }

    /// Closes all connections.
    @Override
    public void close() {
        connections.values().forEach(PeerConnection::close);
    }
}
