package weft.ops.pool;

import weft.coordination.FabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.volume.PoolSpace;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// What takes the pool's space, counted from the block maps. All but `writableBytes` is of one
/// copy.
///
/// @param storedBytes of all volumes, each block once
/// @param unownedBytes of layers of volumes that were deleted, not given back yet
/// @param writableBytes what can still be written, in about, if it spreads evenly
public record SpaceReport(
        List<Row> volumes,
        int replicas,
        long storedBytes,
        long unownedBytes,
        long writableBytes,
        List<PoolSpace.StoreSpace> stores) {
    /// A volume.
    ///
    /// @param ownBytes stored in layers that no other volume has
    /// @param inheritedBytes stored in layers that others have too
    public record Row(String volume, long sizeBytes, long ownBytes, long inheritedBytes) {}

    /// Asks all storage nodes. Blocks.
    ///
    /// @throws Refusal naming those that do not answer
    public static SpaceReport ask(FabricStore store, Supplier<FabricImage> image)
            throws IOException {
        PoolSpace.Result space;
        try (var pool = new PoolSession(store, image)) {
            space = pool.client().space().ask();
        }
        if (!space.silent().isEmpty()) {
            throw Refusal.state(
                    "no answer from %s: what it alone can tell is missing (weft pool status)",
                    space.silent().stream()
                            .map(node -> node.name())
                            .collect(Collectors.joining(", ")));
        }
        FabricImage now = image.get();
        return of(now, space, now.cluster().orElseThrow().replicas());
    }

    private static SpaceReport of(FabricImage image, PoolSpace.Result space, int replicas) {
        Map<VolumeId, Long> users =
                image.volumes().values().stream()
                        .flatMap(volume -> volume.layers().stream())
                        .collect(Collectors.groupingBy(layer -> layer, Collectors.counting()));
        List<Row> rows =
                image.volumes().values().stream()
                        .sorted(Comparator.comparing(Volume::name))
                        .map(volume -> row(volume, users, space.layers()))
                        .toList();
        long stored = 0;
        long unowned = 0;
        for (var layer : space.layers().entrySet()) {
            stored += layer.getValue();
            unowned += users.containsKey(layer.getKey()) ? 0 : layer.getValue();
        }
        long leastFree =
                space.stores().stream().mapToLong(PoolSpace.StoreSpace::freeBytes).min().orElse(0);
        long copies = Math.max(1, Math.min(replicas, space.stores().size()));
        return new SpaceReport(
                rows,
                replicas,
                stored - unowned,
                unowned,
                leastFree * space.stores().size() / copies,
                space.stores());
    }

    private static Row row(Volume volume, Map<VolumeId, Long> users, Map<VolumeId, Long> stored) {
        long own = 0;
        long inherited = 0;
        for (VolumeId layer : volume.layers()) {
            long bytes = stored.getOrDefault(layer, 0L);
            if (users.getOrDefault(layer, 0L) > 1) {
                inherited += bytes;
            } else {
                own += bytes;
            }
        }
        return new Row(volume.name(), volume.sizeBytes(), own, inherited);
    }
}
