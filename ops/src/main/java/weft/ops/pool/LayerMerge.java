package weft.ops.pool;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricRecords.VolumeIds;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.runtime.BrokenInvariant;
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
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/// Shortens the chains of layers that deleted snapshots leave.
///
/// A layer that no record begins with, and that is below one and the same layer wherever it is, is
/// of no use by itself: the upper one is merged into it and leaves all chains.
///
/// ```text
///   1 commit   the intent; from here on nothing else changes how the two are chained
///   2 raise    each placement group refuses what was asked in a turn before this one
///   3 copy     in each placement group what the upper one maps goes down to the lower one
///   4 drop     the upper one, in each group
///   5 commit   the chains without it, and the intent's end
/// ```
///
/// No reader can see a difference at any moment, and who finds an intent goes on with it, in a turn
/// of its own. New chains are made of whole ones, and a shrink draws in all ends of one, so what
/// held for a pair when its intent was committed holds until it ends. The intent's record stays,
/// and its version grows: a process that was asleep ends no other one, and changes no layer any
/// more. Of a chain the lowest pair comes first, so that no layer is ever the source of a copy and
/// then the target of another: a store that replays its journal reads the source again.
///
/// Records are read one after the other, so each step reads the counter of ids before and after
/// ([FabricRecords#commitLayers]).
public final class LayerMerge {
    private static final Logger log = LoggerFactory.getLogger(LayerMerge.class);
    private static final int COMMIT_ATTEMPTS_MAX = 8;

    /// Of one commit: a layer that more volumes share stays where it is.
    private static final int VOLUMES_MAX = 256;

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

    /// What is being merged; nothing if it has no layers.
    public record Intent(@Nullable VolumeId upper, @Nullable VolumeId lower) {
        static final Intent NONE = new Intent(null, null);

        boolean isNone() {
            return upper == null || lower == null;
        }
    }

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
        Map<VolumeId, Integer> users = new HashMap<>();
        for (Volume volume : volumes) {
            List<VolumeId> layers = volume.layers();
            tops.add(layers.getFirst());
            layers.forEach(layer -> users.merge(layer, 1, Integer::sum));
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
                                && users.getOrDefault(upper, 0) <= VOLUMES_MAX
                                && isSealed(lower, sealedBelow)
                                && isSealed(upper, sealedBelow) == sealedOnly
                                && mayChange(volumes, upper, lower);
                if (fits) {
                    found.add(new Pair(upper, lower, largest(volumes, upper)));
                    break;
                }
            }
        }
        return found;
    }

    /// Whether the two are seen equally far wherever they are, so that nobody's view depends on
    /// which of them has a block; a holder keeps its chain with the ends it has. And the upper one
    /// is not just filled with what is below.
    private static boolean mayChange(Collection<Volume> volumes, VolumeId upper, VolumeId lower) {
        return volumes.stream()
                .filter(volume -> volume.layers().contains(upper))
                .noneMatch(volume ->
                        upper.equals(volume.flattening())
                                || volume.chain().endOf(upper) != volume.chain().endOf(lower));
    }

    /// Up to where any of the volumes sees each layer. The holder of one whose last cut did not
    /// come to its end may not have heard of an end.
    static Map<VolumeId, Long> visibleEnds(Collection<Volume> volumes) {
        Map<VolumeId, Long> ends = new HashMap<>();
        for (Volume volume : volumes) {
            LayerChain chain = volume.chain();
            boolean isHeard =
                    volume.access() != Volume.Access.READ_WRITE
                            || volume.sealedBelow() >= chain.top().generation();
            for (VolumeId layer : chain.layers()) {
                long end = isHeard ? chain.endOf(layer) : LayerChain.NO_END;
                ends.merge(layer, end, Math::max);
            }
        }
        return ends;
    }

    private static boolean isSealed(VolumeId layer, Map<VolumeId, Integer> sealedBelow) {
        Integer bound = sealedBelow.get(layer.volume());
        return bound == null || layer.generation() < bound;
    }

    /// A volume that has the layer, as long as the layer may reach.
    static Volume largest(Collection<Volume> volumes, VolumeId layer) {
        Volume largest =
                volumes.stream()
                        .filter(volume -> volume.layers().contains(layer))
                        .max(
                                Comparator.comparingLong(Volume::extentBytes)
                                        .thenComparing(
                                                volume -> volume.layers().getFirst().equals(layer)))
                        .orElseThrow();
        return largest.withSizeBytes(largest.extentBytes());
    }

    /// Does the merge that is under way, or the next one. Blocks.
    ///
    /// @return whether there was one
    public boolean mergeNext() throws IOException, InterruptedException {
        Optional<Found<Intent>> intent = records.find(FabricPaths.MERGE, Intent.class);
        if (intent.isEmpty() || intent.get().noun().isNone()) {
            return begin(intent) && mergeNext();
        }
        Optional<Found<Intent>> mine = MaintenanceTurn.goOn(records, intent.get());
        if (mine.isPresent()) {
            merge(mine.get());
        }
        return true;
    }

    private void merge(Found<Intent> intent) throws IOException, InterruptedException {
        VolumeId upper = Objects.requireNonNull(intent.noun().upper());
        VolumeId lower = Objects.requireNonNull(intent.noun().lower());
        List<Volume> volumes = consistentRecords(records).nouns();
        boolean isUsed = volumes.stream().anyMatch(volume -> volume.layers().contains(upper));
        if (isUsed) {
            log.info("layer {} is merged into {}", upper, lower);
            Volume whole = largest(volumes, upper);
            long end = visibleEnds(volumes).getOrDefault(upper, 0L);
            try (LayerCopier copier = pool.layerCopier(whole, intent.version())) {
                copier.mergeDown(upper, lower, end);
            }
        }
        rewrite(
                chain -> {
                    if (!isUsed && chain.layers().contains(upper)) {
                        throw new BrokenInvariant(
                                upper + " was in no chain, and is in one: nothing was merged");
                    }
                    return chain.merged(upper);
                },
                intent);
    }

    private boolean begin(Optional<Found<Intent>> before) throws IOException {
        Records now = consistentRecords(records);
        Optional<Pair> pair = pairs(now.nouns(), true).stream().findFirst();
        if (pair.isEmpty()) {
            return false;
        }
        var intent = new Intent(pair.get().upper(), pair.get().lower());
        Change change =
                before.<Change>map(found ->
                                FabricRecords.replacement(
                                        FabricPaths.MERGE, intent, found.version()))
                        .orElseGet(() -> FabricRecords.creation(FabricPaths.MERGE, intent));
        return records.store().commit(List.of(change, now.unchanged()))
                instanceof Outcome.Committed;
    }

    /// All volumes as they were at one moment, as far as their layers go.
    ///
    /// @param ids the counter of ids then
    record Records(Found<VolumeIds> ids, List<Found<Volume>> volumes) {
        /// Expects that no layer was passed on since.
        Change unchanged() {
            return FabricRecords.replacement(FabricPaths.VOLUME_IDS, ids.noun(), ids.version());
        }

        List<Volume> nouns() {
            return volumes.stream().map(Found::noun).toList();
        }
    }

    static Records consistentRecords(FabricRecords records) throws IOException {
        for (int attempt = 0; attempt < COMMIT_ATTEMPTS_MAX; attempt++) {
            var before = records.find(FabricPaths.VOLUME_IDS, VolumeIds.class);
            List<Found<Volume>> volumes = new ArrayList<>();
            for (String name : records.store().children(FabricPaths.VOLUMES)) {
                records.find(FabricPaths.volume(name), Volume.class).ifPresent(volumes::add);
            }
            var after = records.find(FabricPaths.VOLUME_IDS, VolumeIds.class);
            if (before.isPresent() && before.equals(after)) {
                return new Records(before.get(), volumes);
            }
        }
        throw new IOException("volumes are changed by others all the time; trying again later");
    }

    /// Changes the chains of all records in one step, or none if layers were passed on meanwhile.
    ///
    /// @param intent that ends with it
    private void rewrite(UnaryOperator<LayerChain> change, Found<Intent> intent)
            throws IOException {
        for (int attempt = 0; attempt < COMMIT_ATTEMPTS_MAX; attempt++) {
            Records now = consistentRecords(records);
            List<Change> changes = new ArrayList<>();
            for (Found<Volume> found : now.volumes()) {
                LayerChain wanted = change.apply(found.noun().chain());
                if (wanted.equals(found.noun().chain())) {
                    continue;
                }
                changes.add(
                        FabricRecords.replacement(
                                FabricPaths.volume(found.noun().name()),
                                found.noun().withChain(wanted),
                                found.version()));
            }
            changes.add(now.unchanged());
            changes.add(
                    FabricRecords.replacement(FabricPaths.MERGE, Intent.NONE, intent.version()));
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
}
