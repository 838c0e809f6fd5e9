package weft.ops.admin;

import org.jspecify.annotations.Nullable;

import weft.fabric.FabricImage;
import weft.fabric.NodeDisk;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;

import java.util.Comparator;
import java.util.List;

/// A disk that its node, which is alive, cannot serve.
///
/// @param store null if the folder did not even tell which it is
/// @param why the node's own words
public record DiskFailure(String node, String folder, @Nullable StoreId store, String why) {
    /// All that live nodes tell of, by node.
    public static List<DiskFailure> all(FabricImage image) {
        return image.presences().values().stream()
                .flatMap(presence ->
                        presence.disks().stream()
                                .filter(disk -> disk.served().isEmpty() && !disk.ended())
                                .map(disk -> of(presence.node().name(), disk)))
                .sorted(Comparator.comparing(DiskFailure::node).thenComparing(DiskFailure::folder))
                .toList();
    }

    private static DiskFailure of(String node, NodeDisk disk) {
        return new DiskFailure(node, disk.folder(), disk.store(), disk.failure());
    }

    /// Whether this is the store's disk: the node names it, or has something in its place.
    public boolean isOf(PoolStore record) {
        return record.node().name().equals(node)
                && (record.store().equals(store) || record.folder().equals(folder));
    }

    /// For people.
    public String sentence() {
        return "%s does not serve %s: %s".formatted(node, folder, why);
    }
}
