package weft.coordination;

import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.StoreId;
import weft.transport.NodeAddress;

import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/// Store → node → address, from presence records. What was known once is remembered: a node that
/// lost its session with the coordination may still be alive and must be reached.
public final class StorageNodes {
    private final Supplier<FabricImage> image;
    private final Map<StoreId, NodeId> nodes = new ConcurrentHashMap<>();
    private final Map<NodeId, InetSocketAddress> addresses = new ConcurrentHashMap<>();
    private volatile FabricImage seen = FabricImage.EMPTY;

    /// @param image the newest picture of the fabric
    public StorageNodes(Supplier<FabricImage> image) {
        this.image = image;
    }

    /// Looks through a picture once, not for each message.
    private void look() {
        FabricImage now = image.get();
        if (now == seen) {
            return;
        }
        for (NodePresence presence : now.presences().values()) {
            for (Member served : presence.stores()) {
                nodes.put(served.store(), presence.node());
            }
            if (presence.role() == NodePresence.Role.STORAGE) {
                NodeAddress.parse(presence.address())
                        .ifPresent(address -> addresses.put(presence.node(), address));
            }
        }
        // Last: who looked through an older picture meanwhile makes the next call look again.
        seen = now;
    }

    /// The node that serves the store.
    public Optional<NodeId> nodeOf(StoreId wanted) {
        look();
        return Optional.ofNullable(nodes.get(wanted));
    }

    /// Where a storage node is.
    public Optional<InetSocketAddress> addressOf(NodeId node) {
        look();
        InetSocketAddress known = addresses.get(node);
        if (known != null && known.isUnresolved()) {
            known = new InetSocketAddress(known.getHostString(), known.getPort());
            addresses.put(node, known);
        }
        return Optional.ofNullable(known);
    }

    /// All stores that are, or were, served.
    public Set<StoreId> stores() {
        look();
        return Set.copyOf(nodes.keySet());
    }

    /// All storage nodes that are, or were, there.
    public Set<NodeId> known() {
        look();
        return Set.copyOf(addresses.keySet());
    }
}
