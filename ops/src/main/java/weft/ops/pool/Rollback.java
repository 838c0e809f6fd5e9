package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.admin.VolumeUsers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// Makes a volume what it was when a snapshot of it was made.
///
/// ```text
///   1 take    the attachment becomes nobody's; who claims the volume later makes 3 fail
///   2 raise   all placement groups refuse whoever held it before
///   3 commit  a new top layer above the snapshot's layers
/// ```
///
/// The layers that no record has then are given back in the background.
public final class Rollback {
    private static final int ATTEMPTS_MAX = 8;

    private final PoolSession pool;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;

    /// @param image the newest picture of the fabric
    public Rollback(PoolSession pool, FabricRecords records, Supplier<FabricImage> image) {
        this.pool = pool;
        this.records = records;
        this.image = image;
    }

    /// Blocks.
    ///
    /// @return the volume as it is then
    /// @throws Refusal if it is used, or there is no such snapshot
    public Volume to(String snapshot) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Optional<Volume> back = attempt(snapshot);
            if (back.isPresent()) {
                return back.get();
            }
        }
        throw Refusal.state(
                "'%s' is changed by others all the time: nothing was rolled back, try again",
                snapshot);
    }

    /// @return empty if someone else was faster
    private Optional<Volume> attempt(String snapshot) throws IOException {
        Found<Volume> to = snapshot(snapshot);
        Found<Volume> now = volumeOf(to.noun());
        Optional<Found<Attachment>> nobody = takeAway(now.noun());
        if (nobody.isEmpty()) {
            return Optional.empty();
        }
        if (!pool.client().raise(now.noun(), nobody.get().noun())) {
            throw Refusal.state(
                    "not all placement groups of '%s' answer, and one of them may still take a"
                        + " write of its last holder: nothing was rolled back (weft pool status)",
                    now.noun().name());
        }
        List<Volume> made = new ArrayList<>();
        Outcome outcome =
                records.commitLayers(0, _ -> changes(snapshot, now.noun(), nobody.get(), made));
        return outcome instanceof Outcome.Committed
                ? Optional.of(made.getLast())
                : Optional.empty();
    }

    private List<Change> changes(
            String snapshot, Volume before, Found<Attachment> nobody, List<Volume> made)
            throws IOException {
        Found<Volume> to = snapshot(snapshot);
        Found<Volume> now = volumeOf(to.noun());
        if (!now.noun().id().equals(before.id())) {
            throw Refusal.state(
                    "'%s' is another volume by now: nothing was rolled back", before.name());
        }
        VolumeId top = now.noun().chain().top().nextGeneration();
        LayerChain chain = to.noun().chain().below(top);
        made.add(now.noun().withChain(chain).withSizeBytes(to.noun().sizeBytes()));
        return List.of(
                new Change.Check(FabricPaths.volume(snapshot), to.version()),
                FabricRecords.replacement(
                        FabricPaths.volume(before.name()), made.getLast(), now.version()),
                new Change.Check(FabricPaths.attachment(before.id()), nobody.version()));
    }

    private Found<Volume> snapshot(String name) throws IOException {
        Found<Volume> found = find(name);
        if (!found.noun().isSnapshot()) {
            throw Refusal.state(
                    "'%s' is no snapshot: VOLUME@NAME, as weft volume list shows them", name);
        }
        if (found.noun().access() != Volume.Access.READ_ONLY) {
            throw Refusal.state("snapshot '%s' is being made: try again", name);
        }
        if (found.noun().layers().size() == Volume.LAYERS_MAX) {
            throw Refusal.state(
                    "snapshot '%s' already has %d layers, the most there can be",
                    name, Volume.LAYERS_MAX);
        }
        return found;
    }

    private Found<Volume> volumeOf(Volume snapshot) throws IOException {
        Found<Volume> found = find(snapshot.volumeName());
        Volume volume = found.noun();
        if (!snapshot.layers().getFirst().volume().equals(volume.id())) {
            throw Refusal.state(
                    "'%s' is a snapshot of another volume than '%s': nothing was rolled back",
                    snapshot.name(), volume.name());
        }
        VolumeAdmin.checkUnprotected(volume);
        VolumeUsers.writerNow(records, volume)
                .ifPresent(user -> {
                    throw Refusal.state("volume '%s' is in use by %s", volume.name(), user);
                });
        return found;
    }

    private Found<Volume> find(String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
    }

    private Optional<Found<Attachment>> takeAway(Volume volume) throws IOException {
        String path = FabricPaths.attachment(volume.id());
        Optional<Found<Attachment>> held = records.find(path, Attachment.class);
        if (held.isPresent() && held.get().noun().isNobody()) {
            return held;
        }
        long token = held.map(found -> found.noun().token()).orElse(0L) + 1;
        Attachment nobody = Attachment.nobody(volume.id(), token);
        Change change =
                held.<Change>map(found -> FabricRecords.replacement(path, nobody, found.version()))
                        .orElseGet(() -> FabricRecords.creation(path, nobody));
        return records.store().commit(List.of(change)) instanceof Outcome.Committed
                ? Optional.of(new Found<>(nobody, held.map(found -> found.version() + 1).orElse(0)))
                : Optional.empty();
    }
}
