package weft.ops.cli.pool;

import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodePresence;
import weft.fabric.StoreId;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Stores, as people know them: by the node that serves them now.
final class Members {
    private final Map<StoreId, String> nodes = new HashMap<>();

    Members(FabricImage image) {
        for (NodePresence presence : image.presences().values()) {
            List<Member> stores = presence.stores();
            for (Member served : stores) {
                nodes.put(
                        served.store(),
                        presence.disks().size() == 1
                                ? presence.node().name()
                                : presence.node() + "/" + id(served.store()));
            }
        }
    }

    private static String id(StoreId store) {
        return store.uuid().toString().substring(0, 8);
    }

    /// The node, and which of its stores if it has several; the store itself where no live node
    /// serves it.
    String name(StoreId store) {
        return nodes.getOrDefault(store, store + " (down)");
    }

    List<String> names(List<StoreId> stores) {
        return stores.stream().map(this::name).sorted().toList();
    }
}
