package weft.ops.cli.node;

import org.jspecify.annotations.Nullable;

import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.ops.admin.DiskFailure;
import weft.ops.admin.NodeAdmin;
import weft.volume.PoolSpace;

import java.util.List;

/// A store, as `weft node list` shows it.
///
/// @param groups placement groups of which it has a copy in sync
/// @param primaries of how many of them it orders the writes
/// @param due placement groups of which it is to have a copy and has none in sync
/// @param usedBytes null if it does not answer
/// @param folder where its node has it
/// @param failure why its node does not serve it, if that is alive and tells
record NodeRow(
        String node,
        String store,
        double weight,
        String zone,
        String rack,
        String host,
        String state,
        long groups,
        long primaries,
        long due,
        @Nullable Long usedBytes,
        @Nullable Long sizeBytes,
        String folder,
        String failure) {
    static NodeRow of(
            PoolStore store,
            FabricImage image,
            List<Configuration> groups,
            List<PoolSpace.StoreSpace> spaces) {
        NodeAdmin.Life life = NodeAdmin.Life.of(image, store);
        StoreId id = store.store();
        var space = spaces.stream().filter(s -> s.store().equals(id)).findFirst();
        return new NodeRow(
                store.node().name(),
                id.uuid().toString(),
                store.weight(),
                store.domain().zone(),
                store.domain().rack(),
                store.domain().host(),
                NodeAdmin.describe(store, life, NodeAdmin.groupsOf(groups, id)),
                groups.stream().filter(group -> group.hasStore(id)).count(),
                groups.stream().filter(group -> group.primary().store().equals(id)).count(),
                groups.stream()
                        .filter(group -> group.wanted().contains(id) && !group.hasStore(id))
                        .count(),
                space.map(PoolSpace.StoreSpace::usedBytes).orElse(null),
                space.map(s -> s.usedBytes() + s.freeBytes()).orElse(null),
                store.folder(),
                life != NodeAdmin.Life.FAILED
                        ? ""
                        : DiskFailure.all(image).stream()
                                .filter(failure -> failure.isOf(store))
                                .map(DiskFailure::why)
                                .findFirst()
                                .orElse(""));
    }

    String domain() {
        return zone + "/" + rack + "/" + host;
    }
}
