package weft.ops.admin;

import weft.fabric.FabricImage;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;

import java.util.Comparator;
import java.util.List;

/// A disk that is served and keeps writers waiting.
public record SlowDisk(String node, String folder, StoreId store) {
    /// All that live nodes tell of, by node.
    public static List<SlowDisk> all(FabricImage image) {
        return image.presences().values().stream()
                .flatMap(presence ->
                        presence.disks().stream()
                                .filter(disk -> disk.slow())
                                .flatMap(disk ->
                                        disk.served().stream()
                                                .map(served ->
                                                        new SlowDisk(
                                                                presence.node().name(),
                                                                disk.folder(),
                                                                served.store()))))
                .sorted(Comparator.comparing(SlowDisk::node).thenComparing(SlowDisk::folder))
                .toList();
    }

    /// Whether this is the store's disk.
    public boolean isOf(PoolStore record) {
        return record.store().equals(store);
    }

    /// For people.
    public String sentence() {
        return "the disk of %s at %s is slow: groups do without it where they can"
                .formatted(node, folder);
    }
}
