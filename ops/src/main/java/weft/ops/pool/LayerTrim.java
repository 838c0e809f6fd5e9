package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.volume.LayerCopier;
import weft.volume.PoolClient;

import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// Gives back what shrunken volumes have beyond their ends: of each sealed layer what nobody sees.
/// What a snapshot still sees stays until that is deleted.
///
/// Not thread-safe. What was trimmed is remembered here, so that it is not looked for again in each
/// round; a volume's record says so when nothing is left to do.
final class LayerTrim {
    private final Map<VolumeId, Long> trimmed = new HashMap<>();

    /// Whether there is something to do.
    boolean isWanted(Collection<Volume> volumes) {
        return volumes.stream().anyMatch(volume -> isWanted(volume, volumes));
    }

    private boolean isWanted(Volume volume, Collection<Volume> volumes) {
        if (volume.trimFrom() == 0) {
            return false;
        }
        Map<VolumeId, Long> seen = LayerMerge.visibleEnds(volumes);
        return isDone(volume, seen)
                || sealedOf(volume).stream()
                        .anyMatch(layer -> isToTrim(layer, volume, seen.getOrDefault(layer, 0L)));
    }

    /// Whether the others see no more than the volume, and it has given all back.
    private boolean isDone(Volume volume, Map<VolumeId, Long> seen) {
        LayerChain chain = volume.chain();
        return chain.layers().stream()
                .skip(1)
                .allMatch(layer ->
                        trimmed.getOrDefault(layer, LayerChain.NO_END) <= chain.endOf(layer)
                                || chain.endOf(layer) >= volume.extentBytes());
    }

    private boolean isToTrim(VolumeId layer, Volume volume, long end) {
        return end < Math.min(trimmed.getOrDefault(layer, LayerChain.NO_END), volume.extentBytes());
    }

    /// Of other volumes' layers none is written that another one reads.
    private static List<VolumeId> sealedOf(Volume volume) {
        return volume.layers().stream()
                .filter(layer -> !layer.volume().equals(volume.id()) || volume.isSealed(layer))
                .toList();
    }

    /// Does what there is to do for one volume. Blocks.
    void trimNext(FabricRecords records, PoolClient pool) throws IOException, InterruptedException {
        OptionalLong turn = MaintenanceTurn.take(records);
        if (turn.isEmpty()) {
            return;
        }
        LayerMerge.Records now = LayerMerge.consistentRecords(records);
        List<Volume> volumes = now.nouns();
        for (var found : now.volumes()) {
            Volume volume = found.noun();
            if (!isWanted(volume, volumes)) {
                continue;
            }
            Map<VolumeId, Long> seen = LayerMerge.visibleEnds(volumes);
            try (LayerCopier copier = pool.layerCopier(whole(volume), turn.getAsLong())) {
                for (VolumeId layer : sealedOf(volume)) {
                    long end = seen.getOrDefault(layer, 0L);
                    if (isToTrim(layer, volume, end)) {
                        copier.trim(layer, end);
                        trimmed.put(layer, end);
                    }
                }
            }
            if (isDone(volume, seen)) {
                var done =
                        FabricRecords.replacement(
                                FabricPaths.volume(volume.name()),
                                volume.withTrimFrom(0),
                                found.version());
                if (records.store().commit(List.of(done)) instanceof Outcome.Committed) {
                    volume.layers().forEach(trimmed::remove);
                }
            }
            return;
        }
    }

    /// As long as its layers reach.
    static Volume whole(Volume volume) {
        return volume.withSizeBytes(volume.extentBytes());
    }
}
