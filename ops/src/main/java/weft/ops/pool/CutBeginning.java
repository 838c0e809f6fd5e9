package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.ConsistentCut.Purpose;
import weft.volume.PoolClient;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/// The first step of a [ConsistentCut]: new layers, and who holds the volumes.
final class CutBeginning {
    private static final int ATTEMPTS_MAX = 8;

    private final PoolClient client;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;
    private final boolean fenceAll;

    /// What was seen of the records in the first attempt.
    private Map<String, FabricStore.Versioned> seen = Map.of();

    private final Map<CutPart, CompletableFuture<Boolean>> raised = new LinkedHashMap<>();

    /// @param fenceAll whether the placement groups are told of the tokens of processes, too, which
    ///   mostly know that all groups know them
    CutBeginning(
            PoolClient client,
            FabricRecords records,
            Supplier<FabricImage> image,
            boolean fenceAll) {
        this.client = client;
        this.records = records;
        this.image = image;
        this.fenceAll = fenceAll;
    }

    /// What was made.
    ///
    /// @param raised of each part that somebody holds or held, whether all placement groups know
    ///   the token
    record Begun(List<CutPart> parts, Map<CutPart, CompletableFuture<Boolean>> raised) {}

    /// Makes the records, all or none, and begins to tell the placement groups of the holders'
    /// tokens: of those that are in force already, while the commit is under way.
    Begun commit(List<ConsistentCut.Wanted> wanted) throws IOException {
        List<CutPart> parts = new ArrayList<>();
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Outcome outcome =
                    records.commitLayers(
                            wanted.size(),
                            attempt == 0 ? pathsOf(wanted) : List.of(),
                            (firstId, found) -> {
                                seen = found;
                                return layersOf(wanted, firstId, parts);
                            });
            switch (outcome) {
                case Outcome.Committed _ -> {
                    parts.forEach(this::raise);
                    return new Begun(parts, raised);
                }
                case Outcome.Conflict(var path) -> checkNoneExists(wanted, path);
            }
        }
        throw Refusal.state("the volumes are changed by others all the time: try again");
    }

    /// Step 1.
    ///
    /// @param parts becomes what the changes make
    private List<Change> layersOf(
            List<ConsistentCut.Wanted> wanted, VolumeId firstId, List<CutPart> parts)
            throws IOException {
        List<Change> changes = new ArrayList<>();
        parts.clear();
        raised.clear();
        for (int i = 0; i < wanted.size(); i++) {
            Found<Volume> before = cuttable(wanted.get(i));
            Found<Attachment> attachment = attachment(before.noun(), changes);
            var id = new VolumeId(firstId.value() + i);
            CutPart part = part(wanted.get(i), before, id, attachment);
            parts.add(part);
            if (!part.attachment().noun().isShared()) {
                raise(part);
            }
            String path = FabricPaths.volume(part.volume().name());
            changes.add(FabricRecords.replacement(path, part.volume(), before.version()));
            part.snapshot()
                    .ifPresent(made ->
                            changes.add(
                                    FabricRecords.creation(FabricPaths.volume(made.name()), made)));
        }
        return changes;
    }

    private static void checkNoneExists(List<ConsistentCut.Wanted> wanted, String path) {
        for (ConsistentCut.Wanted one : wanted) {
            String name = one.snapshot().orElse("");
            if (path.equals(FabricPaths.volume(name))) {
                throw Refusal.state("snapshot '%s' exists already: choose another name", name);
            }
        }
    }

    /// A token that is in force may be told at any time: earlier holders are refused so much
    /// sooner. Not on this thread, which has the commit to send.
    private void raise(CutPart part) {
        Attachment holder = part.attachment().noun();
        if (holder.token() > 0 && (fenceAll || holder.process() == null)) {
            var _ = raised.computeIfAbsent(part, _ -> raising(part.volume(), holder));
        }
    }

    private CompletableFuture<Boolean> raising(Volume volume, Attachment holder) {
        return CompletableFuture.supplyAsync(
                        () -> client.raising(volume, holder), Thread::startVirtualThread)
                .thenCompose(telling -> telling);
    }

    /// Of the volumes and, as far as the picture has their ids, of who holds them.
    private List<String> pathsOf(List<ConsistentCut.Wanted> wanted) {
        List<String> paths = new ArrayList<>();
        for (ConsistentCut.Wanted one : wanted) {
            paths.add(FabricPaths.volume(one.volume()));
            Volume known = image.get().volumes().get(one.volume());
            if (known != null) {
                paths.add(FabricPaths.attachment(known.id()));
            }
        }
        return paths;
    }

    private <T> Optional<Found<T>> see(String path, Class<T> type) throws IOException {
        FabricStore.Versioned versioned = seen.get(path);
        return versioned == null
                ? records.find(path, type)
                : Optional.of(FabricRecords.read(versioned, type));
    }

    private Found<Volume> cuttable(ConsistentCut.Wanted wanted) throws IOException {
        Found<Volume> found =
                see(FabricPaths.volume(wanted.volume()), Volume.class)
                        .orElseThrow(() -> VolumeAdmin.unknown(image.get(), wanted.volume()));
        Volume volume = found.noun();
        if (volume.access() != Volume.Access.READ_WRITE) {
            throw Refusal.state(
                    "volume '%s' is read-only: it is as good as a snapshot", volume.name());
        }
        if (wanted.purpose() instanceof Purpose.EndFlattening(var layer)
                && !layer.equals(volume.flattening())) {
            throw Refusal.state("volume '%s' is not flattened any more", volume.name());
        }
        if (wanted.purpose() instanceof Purpose.Shrink(var end) && end > volume.sizeBytes()) {
            throw Refusal.state(
                    "volume '%s' was changed by someone else meanwhile: try again", volume.name());
        }
        int most =
                switch (wanted.purpose()) {
                    case Purpose.EndFlattening _ -> Volume.LAYERS_MAX - 1;
                    // Its end needs one more, and each attempt in vain.
                    case Purpose.BeginFlattening _ -> Volume.LAYERS_MAX - 3;
                    default -> Volume.LAYERS_OF_CUTS_MAX;
                };
        if (volume.layers().size() > most) {
            long snapshots =
                    image.get().volumes().values().stream()
                            .filter(other -> other.isSnapshotOf(volume.name()))
                            .count();
            throw Refusal.state(
                    "volume '%s' already has %d layers and %d snapshots, and is not cut before it"
                        + " has fewer: delete snapshots, or weft volume flatten %1$s, and wait a"
                        + " moment",
                    volume.name(), volume.layers().size(), snapshots);
        }
        return found;
    }

    /// Who holds the volume, and that it is expected to stay so until the commit. Those who share
    /// it get another token with it: they are refused, and go on with the new layer. A volume that
    /// nobody ever held gets a record: a holder that comes first would be noticed by nothing else.
    private Found<Attachment> attachment(Volume volume, List<Change> conditions)
            throws IOException {
        String path = FabricPaths.attachment(volume.id());
        var found = see(path, Attachment.class);
        if (found.isPresent() && found.get().noun().isShared()) {
            Attachment raised = found.get().noun().raised();
            conditions.add(FabricRecords.replacement(path, raised, found.get().version()));
            return new Found<>(raised, found.get().version() + 1);
        }
        if (found.isPresent()) {
            conditions.add(new Change.Check(path, found.get().version()));
            return found.get();
        }
        Attachment nobody = Attachment.nobody(volume.id(), 0);
        conditions.add(FabricRecords.creation(path, nobody));
        return new Found<>(nobody, 0);
    }

    private static CutPart part(
            ConsistentCut.Wanted wanted,
            Found<Volume> found,
            VolumeId id,
            Found<Attachment> attachment) {
        Volume before = found.noun();
        LayerChain inherited = before.chain();
        Volume now = before;
        if (wanted.purpose() instanceof Purpose.Shrink(var end)) {
            inherited = inherited.endingAt(end);
            long trimFrom = before.trimFrom() == 0 ? end : Math.min(before.trimFrom(), end);
            now = before.withSizeBytes(end).withTrimFrom(trimFrom);
        }
        LayerChain chain = inherited.below(inherited.top().nextGeneration());
        Volume cut = now.withChain(chain);
        Volume after =
                switch (wanted.purpose()) {
                    case Purpose.BeginFlattening _ -> cut.withFlattening(before.chain().top());
                    case Purpose.EndFlattening(var layer) ->
                            cut.withChain(chain.downTo(layer)).withFlattening(null);
                    default -> cut;
                };
        Optional<Volume> snapshot =
                wanted.snapshot()
                        .map(name ->
                                before.derived(id, name, Volume.Access.SEALING, before.chain()));
        return new CutPart(
                cut,
                after.withSealedBelow(chain.top().generation()),
                found.version() + 1,
                snapshot,
                attachment);
    }
}
