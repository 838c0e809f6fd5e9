package weft.ops.pool;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricRecords.VolumeIds;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.volume.LayerCopier;
import weft.volume.PoolClient;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.function.UnaryOperator;

/// Shortens the chains of layers that deleted snapshots leave.
///
/// A layer that no record begins with, and that is below one and the same layer wherever it is, is
/// of no use by itself: the upper one is merged into it and leaves all chains.
///
/// ```text
///   1 commit   the intent; from here on nothing else changes how the two are chained
///   2 copy     in each placement group what the upper one maps goes down to the lower one
///   3 drop     the upper one, in each group: a late copy of anyone finds nothing to copy
///   4 commit   the chains without it, and the intent's end
/// ```
///
/// No reader can see a difference at any moment, and who finds an intent goes on with it. Of a
/// chain the lowest pair comes first, so that no layer is ever the source of a copy and then the
/// target of another: a store that replays its journal reads the source again.
public final class LayerMerge {
    private static final Logger log = LoggerFactory.getLogger(LayerMerge.class);
    private static final int COMMIT_ATTEMPTS_MAX = 8;

    private final FabricRecords records;
    private final PoolClient pool;

    public LayerMerge(FabricRecords records, PoolClient pool) {
        this.records = records;
        this.pool = pool;
    }

    /// Two layers of which the upper one can go.
    ///
    /// @param volume the largest one that has both
    public record Pair(VolumeId upper, VolumeId lower, Volume volume) {}

    /// What is being merged.
    public record Intent(VolumeId upper, VolumeId lower) {}

    /// Whether there seems to be something to merge.
    static boolean isWanted(Collection<Volume> volumes) {
        return !pairs(volumes, true).isEmpty();
    }

    /// Volumes whose top layer could be merged if it were sealed.
    static List<Pair> openPairs(Collection<Volume> volumes) {
        return pairs(volumes, false).stream()
                .filter(pair -> pair.volume().layers().getFirst().equals(pair.upper()))
                .toList();
    }

    private static List<Pair> pairs(Collection<Volume> volumes, boolean sealedOnly) {
        Set<VolumeId> tops = new HashSet<>();
        Map<VolumeId, Set<VolumeId>> above = new HashMap<>();
        Map<VolumeId, Integer> sealedBelow = new HashMap<>();
        for (Volume volume : volumes) {
            List<VolumeId> layers = volume.layers();
            tops.add(layers.getFirst());
            for (int i = 1; i < layers.size(); i++) {
                above.computeIfAbsent(layers.get(i), _ -> new HashSet<>()).add(layers.get(i - 1));
            }
            if (volume.access() == Volume.Access.READ_WRITE) {
                sealedBelow.put(volume.id(), volume.sealedBelow());
            }
        }
        List<Pair> found = new ArrayList<>();
        for (Volume volume : volumes) {
            List<VolumeId> layers = volume.layers();
            for (int i = layers.size() - 1; i > 0; i--) {
                VolumeId lower = layers.get(i);
                VolumeId upper = layers.get(i - 1);
                boolean fits =
                        !tops.contains(lower)
                                && above.getOrDefault(lower, Set.of()).size() == 1
                                && isSealed(lower, sealedBelow)
                                && isSealed(upper, sealedBelow) == sealedOnly;
                if (fits) {
                    found.add(new Pair(upper, lower, largest(volumes, upper)));
                    break;
                }
            }
        }
        return found;
    }

    private static boolean isSealed(VolumeId layer, Map<VolumeId, Integer> sealedBelow) {
        Integer bound = sealedBelow.get(layer.volume());
        return bound == null || layer.generation() < bound;
    }

    private static Volume largest(Collection<Volume> volumes, VolumeId layer) {
        return volumes.stream()
                .filter(volume -> volume.layers().contains(layer))
                .max(
                        Comparator.comparingLong(Volume::sizeBytes)
                                .thenComparing(volume -> volume.layers().getFirst().equals(layer)))
                .orElseThrow();
    }

    /// Does the merge that is under way, or the next one. Blocks.
    ///
    /// @return whether there was one
    public boolean mergeNext() throws IOException, InterruptedException {
        Optional<Found<Intent>> intent = records.find(FabricPaths.MERGE, Intent.class);
        if (intent.isEmpty()) {
            return begin() && mergeNext();
        }
        VolumeId upper = intent.get().noun().upper();
        VolumeId lower = intent.get().noun().lower();
        log.info("layer {} is merged into {}", upper, lower);
        List<Volume> volumes = snapshotOfRecords().volumes().stream().map(Found::noun).toList();
        if (volumes.stream().anyMatch(volume -> volume.layers().contains(upper))) {
            try (LayerCopier copier = pool.layerCopier(largest(volumes, upper))) {
                copier.mergeDown(upper, lower, _ -> {});
            }
        }
        rewrite(
                layers -> {
                    List<VolumeId> others = new ArrayList<>(layers);
                    others.remove(upper);
                    return others;
                },
                Optional.of(intent.get().version()));
        return true;
    }

    private boolean begin() throws IOException {
        Records now = snapshotOfRecords();
        Optional<Pair> pair =
                pairs(now.volumes().stream().map(Found::noun).toList(), true).stream().findFirst();
        if (pair.isEmpty() || now.ids().isEmpty()) {
            return false;
        }
        var intent = new Intent(pair.get().upper(), pair.get().lower());
        return records.store()
                        .commit(
                                List.of(
                                        FabricRecords.creation(FabricPaths.MERGE, intent),
                                        now.unchanged()))
                instanceof Outcome.Committed;
    }

    /// Makes a layer hold all that the layers below it do, and takes these out of all chains that
    /// it is in. Blocks.
    ///
    /// @param layer to which nothing is written any more
    /// @param progress is told how many bytes of the volume have been gone through
    public void detach(Volume volume, VolumeId layer, LongConsumer progress)
            throws IOException, InterruptedException {
        int index = volume.layers().indexOf(layer);
        List<VolumeId> below = volume.layers().subList(index + 1, volume.layers().size());
        try (LayerCopier copier = pool.layerCopier(volume)) {
            copier.fill(layer, below, progress);
        }
        rewrite(
                layers -> {
                    int at = layers.indexOf(layer);
                    return at < 0 ? layers : layers.subList(0, at + 1);
                },
                Optional.empty());
    }

    /// All volumes, and the counter of ids as it was before they were read.
    private record Records(Optional<Found<VolumeIds>> ids, List<Found<Volume>> volumes) {
        /// Expects that no layer was passed on since.
        Change unchanged() {
            Found<VolumeIds> found = ids.orElseThrow();
            return FabricRecords.replacement(FabricPaths.VOLUME_IDS, found.noun(), found.version());
        }
    }

    private Records snapshotOfRecords() throws IOException {
        Optional<Found<VolumeIds>> ids = records.find(FabricPaths.VOLUME_IDS, VolumeIds.class);
        List<Found<Volume>> volumes = new ArrayList<>();
        String folder = FabricPaths.ROOT + "/" + FabricPaths.Kind.VOLUME.folder();
        for (String name : records.store().children(folder)) {
            records.find(FabricPaths.volume(name), Volume.class).ifPresent(volumes::add);
        }
        return new Records(ids, volumes);
    }

    /// Changes the chains of all records in one step, or none if layers were passed on meanwhile.
    ///
    /// @param intent the version of the intent that ends with it; empty if the change is of another
    ///   kind, and no intent may concern the same layers
    private void rewrite(UnaryOperator<List<VolumeId>> change, Optional<Integer> intent)
            throws IOException {
        for (int attempt = 0; attempt < COMMIT_ATTEMPTS_MAX; attempt++) {
            Records now = snapshotOfRecords();
            Optional<Found<Intent>> other = records.find(FabricPaths.MERGE, Intent.class);
            List<Change> changes = new ArrayList<>();
            for (Found<Volume> found : now.volumes()) {
                List<VolumeId> layers = found.noun().layers();
                List<VolumeId> wanted = change.apply(layers);
                if (layers.equals(wanted)) {
                    continue;
                }
                if (intent.isEmpty() && other.isPresent() && isOf(other.get().noun(), layers)) {
                    throw Refusal.state(
                            "layers of '%s' are just being merged: try again in a moment",
                            found.noun().name());
                }
                changes.add(
                        FabricRecords.replacement(
                                FabricPaths.volume(found.noun().name()),
                                found.noun().withLayers(wanted),
                                found.version()));
            }
            changes.add(now.unchanged());
            intent.ifPresent(version -> changes.add(new Change.Delete(FabricPaths.MERGE, version)));
            switch (records.store().commit(changes)) {
                case Outcome.Committed _ -> {
                    return;
                }
                case Outcome.Conflict(var path) -> {
                    if (path.equals(FabricPaths.MERGE)) {
                        // Another process has done it.
                        return;
                    }
                }
            }
        }
        throw new IOException("volumes are changed by others all the time; trying again later");
    }

    private static boolean isOf(Intent intent, List<VolumeId> layers) {
        return layers.contains(intent.upper()) || layers.contains(intent.lower());
    }
}
