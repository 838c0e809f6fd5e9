package weft.coordination;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.StoreId;
import weft.transport.NodeAddress;

import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/// Store → node → address, from presence records. What was known once is remembered: a node that
/// lost its session with the coordination may still be alive and must be reached.
public final class StorageNodes {
    private final Supplier<FabricImage> image;
    private final Map<StoreId, NodeId> nodes = new ConcurrentHashMap<>();
    private final Map<NodeId, InetSocketAddress> addresses = new ConcurrentHashMap<>();

    /// @param image the newest picture of the fabric
    public StorageNodes(Supplier<FabricImage> image) {
        this.image = image;
    }

    /// The node that serves the store.
    public Optional<NodeId> nodeOf(StoreId wanted) {
        for (NodePresence presence : image.get().presences().values()) {
            for (UUID held : presence.stores()) {
                if (held.equals(wanted.uuid())) {
                    nodes.put(wanted, presence.node());
                    return Optional.of(presence.node());
                }
            }
        }
        return Optional.ofNullable(nodes.get(wanted));
    }

    /// Where a storage node is.
    public Optional<InetSocketAddress> addressOf(NodeId node) {
        image.get()
                .presence(NodePresence.Role.STORAGE, node)
                .flatMap(presence -> NodeAddress.parse(presence.address()))
                .filter(address -> !address.equals(addresses.get(node)))
                .ifPresent(address -> addresses.put(node, address));
        return Optional.ofNullable(addresses.get(node));
    }

    /// All storage nodes that are, or were, there.
    public Set<NodeId> known() {
        for (NodePresence presence : image.get().presences().values()) {
            if (presence.role() == NodePresence.Role.STORAGE) {
                NodeAddress.parse(presence.address())
                        .ifPresent(at -> addresses.put(presence.node(), at));
            }
        }
        return Set.copyOf(addresses.keySet());
    }
}
