package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.LayerChain;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// Volumes: create, clone, rename, delete.
public final class VolumeAdmin {
    /// The largest volume: 64 TiB, so that chunk indexes stay far inside 32 bits.
    public static final long SIZE_BYTES_MAX = 64L << 40;

    private static final int ATTEMPTS_MAX = 8;

    private final FabricRecords records;

    public VolumeAdmin(FabricRecords records) {
        this.records = records;
    }

    /// Makes an empty volume. Its space is taken when it is written.
    public Volume create(FabricImage image, String name, long sizeBytes, Volume.Access access)
            throws IOException {
        checkNew(image, name);
        checkSize(name, sizeBytes);
        checkPool(image);
        List<Volume> made = new ArrayList<>();
        Outcome outcome =
                records.commitLayers(
                        1,
                        id -> {
                            made.add(new Volume(id, name, sizeBytes, access, List.of(id), id));
                            return List.of(
                                    FabricRecords.creation(
                                            FabricPaths.volume(name), made.getLast()));
                        });
        if (outcome instanceof Outcome.Conflict) {
            throw exists(name);
        }
        return made.getLast();
    }

    /// Makes a volume whose unwritten blocks are read from `origin`, a read-only one.
    ///
    /// @param sizeBytes not smaller than the origin
    public Volume clone(FabricImage image, String origin, String name, long sizeBytes)
            throws IOException {
        return retried(() -> cloneOnce(image, origin, name, sizeBytes));
    }

    private Volume cloneOnce(FabricImage image, String origin, String name, long sizeBytes)
            throws IOException, Meanwhile {
        List<Volume> made = new ArrayList<>();
        Outcome outcome =
                records.commitLayers(
                        1,
                        id -> {
                            Found<Volume> from = cloneable(image, origin, name, sizeBytes);
                            made.add(cloneRecord(from.noun(), id, name, sizeBytes));
                            return List.of(
                                    FabricRecords.creation(
                                            FabricPaths.volume(name), made.getLast()),
                                    new Change.Check(
                                            FabricPaths.volume(from.noun().name()),
                                            from.version()));
                        });
        if (outcome instanceof Outcome.Conflict(var path)) {
            if (path.equals(FabricPaths.volume(name))) {
                throw exists(name);
            }
            throw new Meanwhile(path);
        }
        return made.getLast();
    }

    /// The read-only volume of which a clone can be made.
    Found<Volume> cloneable(FabricImage image, String origin, String name, long sizeBytes)
            throws IOException {
        checkNew(image, name);
        checkSize(name, sizeBytes);
        checkPool(image);
        Found<Volume> found = fresh(image, origin);
        Volume volume = found.noun();
        if (volume.access() == Volume.Access.SEALING) {
            throw Refusal.state("snapshot '%s' is being made: try again", origin);
        }
        if (volume.access() != Volume.Access.READ_ONLY) {
            throw Refusal.state(
                    "volume '%s' is written to: weft volume snapshot %s, and clone that",
                    origin, Volume.snapshotName(origin, "NAME"));
        }
        if (sizeBytes < volume.sizeBytes()) {
            throw Refusal.badRequest(
                    "size %d is smaller than '%s', which it is cloned from: at least %d bytes",
                    sizeBytes, origin, volume.sizeBytes());
        }
        if (volume.layers().size() == Volume.LAYERS_MAX) {
            throw Refusal.state(
                    "volume '%s' already has %d layers, the most there can be",
                    origin, Volume.LAYERS_MAX);
        }
        return found;
    }

    /// The record of a new volume above the layers of a read-only one.
    static Volume cloneRecord(Volume origin, VolumeId id, String name, long sizeBytes) {
        // Of a longer one it is known that the origin's layers have nothing for its rest.
        LayerChain inherited =
                sizeBytes > origin.sizeBytes()
                        ? origin.chain().endingAt(origin.sizeBytes())
                        : origin.chain();
        LayerChain chain = inherited.below(id);
        return origin.derived(id, name, Volume.Access.READ_WRITE, chain).withSizeBytes(sizeBytes);
    }

    private Found<Volume> fresh(FabricImage image, String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> unknown(image, name));
    }

    /// Gives a volume and its snapshots another name.
    ///
    /// @param image the newest picture of the fabric
    public Volume rename(Supplier<FabricImage> image, String name, String newName)
            throws IOException {
        checkNew(image.get(), newName);
        return retried(() -> renameOnce(image.get(), name, newName));
    }

    private Volume renameOnce(FabricImage image, String name, String newName)
            throws IOException, Meanwhile {
        List<Volume> made = new ArrayList<>();
        Outcome outcome =
                records.commitLayers(
                        0,
                        _ -> {
                            var changes = new ArrayList<Change>();
                            made.add(moveAll(image, name, newName, changes));
                            return changes;
                        });
        if (outcome instanceof Outcome.Conflict(var path)) {
            if (path.equals(FabricPaths.volume(newName))) {
                throw exists(newName);
            }
            throw new Meanwhile(path);
        }
        return made.getLast();
    }

    private Volume moveAll(FabricImage image, String name, String newName, List<Change> changes)
            throws IOException {
        Found<Volume> found = fresh(image, name);
        if (found.noun().isSnapshot()) {
            throw Refusal.badRequest("'%s' is a snapshot, and is named by its volume", name);
        }
        VolumeUsers.usersOf(image, found.noun())
                .filter(user -> !user.startsWith(VolumeUsers.SNAPSHOT_USER))
                .ifPresent(user -> {
                    throw Refusal.state(
                            "volume '%s' is in use by %s, which knows it by its name", name, user);
                });
        Volume renamed = move(found, newName, changes);
        // A snapshot that is made meanwhile changes the volume's record, and this fails.
        for (String other : records.store().children(FabricPaths.VOLUMES)) {
            if (!other.startsWith(Volume.snapshotName(name, ""))) {
                continue;
            }
            Found<Volume> snapshot = fresh(image, other);
            if (snapshot.noun().access() == Volume.Access.SEALING) {
                throw Refusal.state("snapshot '%s' is being made: try again", other);
            }
            var _ = move(snapshot, newName + other.substring(name.length()), changes);
        }
        addTaking(found.noun(), changes);
        return renamed;
    }

    private static Volume move(Found<Volume> found, String newName, List<Change> changes) {
        Volume renamed = found.noun().withName(newName);
        changes.add(new Change.Delete(FabricPaths.volume(found.noun().name()), found.version()));
        changes.add(FabricRecords.creation(FabricPaths.volume(newName), renamed));
        return renamed;
    }

    /// Who claims the volume before the changes makes them fail, and who claims it after sees them.
    private void addTaking(Volume volume, List<Change> changes) throws IOException {
        String path = FabricPaths.attachment(volume.id());
        var held = records.find(path, Attachment.class);
        long token = held.map(found -> found.noun().token()).orElse(0L) + 1;
        Attachment nobody = Attachment.nobody(volume.id(), token);
        changes.add(
                held.<Change>map(found -> FabricRecords.replacement(path, nobody, found.version()))
                        .orElseGet(() -> FabricRecords.creation(path, nobody)));
    }

    /// A record was changed between reading and writing it: by another command.
    static final class Meanwhile extends Exception {
        private static final long serialVersionUID = 1L;

        Meanwhile(String path) {
            super(path);
        }
    }

    interface Attempt<T> {
        T make() throws IOException, Meanwhile;
    }

    static <T> T retried(Attempt<T> attempt) throws IOException {
        for (int i = 1; ; i++) {
            try {
                return attempt.make();
            } catch (Meanwhile e) {
                if (i == ATTEMPTS_MAX) {
                    throw Refusal.state(
                            "%s was changed by someone else meanwhile: try again",
                            String.valueOf(e.getMessage()).substring(6));
                }
            }
        }
    }

    /// Makes a volume read-only for good: it is an image from now on.
    public void seal(Volume volume) throws IOException {
        Optional<Volume> sealed =
                records.update(
                        FabricPaths.volume(volume.name()),
                        Volume.class,
                        now ->
                                now.id().equals(volume.id())
                                        ? now.withAccess(Volume.Access.READ_ONLY)
                                        : now);
        if (sealed.filter(now -> now.id().equals(volume.id())).isEmpty()) {
            throw Refusal.state(
                    "volume '%s' was replaced by another one meanwhile: try again", volume.name());
        }
    }

    /// Removes a volume that nothing uses; its space comes back in the background.
    ///
    /// @param image the newest picture of the fabric
    public void delete(Supplier<FabricImage> image, String name) throws IOException {
        Volume volume = find(image.get(), name);
        var _ = retried(() -> deleteOnce(image.get(), volume));
    }

    /// Has commands refuse to delete the volume or to roll it back, or not any more.
    public Volume protect(FabricImage image, String name, boolean wanted) throws IOException {
        return records.update(
                        FabricPaths.volume(name),
                        Volume.class,
                        now -> now.isProtected() == wanted ? now : now.withProtection(wanted))
                .orElseThrow(() -> unknown(image, name));
    }

    /// Refuses what a protected volume is protected from.
    public static void checkUnprotected(Volume volume) {
        if (volume.isProtected()) {
            throw Refusal.state(
                    "volume '%s' is protected: weft volume unprotect %s first",
                    volume.name(), volume.name());
        }
    }

    private Volume deleteOnce(FabricImage image, Volume volume) throws IOException, Meanwhile {
        String name = volume.name();
        VolumeUsers.usersOf(image, volume)
                .ifPresent(user -> {
                    throw Refusal.state(
                            "volume '%s' is in use by %s: nothing was deleted", name, user);
                });
        Outcome outcome = records.commitLayers(0, _ -> deletion(image, volume));
        if (outcome instanceof Outcome.Conflict(var path)) {
            if (!path.equals(FabricPaths.volume(name))) {
                throw Refusal.state(
                        "volume '%s' was taken by someone meanwhile: nothing was deleted", name);
            }
            throw new Meanwhile(path);
        }
        return volume;
    }

    private List<Change> deletion(FabricImage image, Volume volume) throws IOException {
        String name = volume.name();
        Found<Volume> found = fresh(image, name);
        if (!found.noun().id().equals(volume.id())) {
            throw Refusal.state("volume '%s' is another one by now: nothing was deleted", name);
        }
        checkUnprotected(found.noun());
        var changes = new ArrayList<Change>();
        changes.add(new Change.Delete(FabricPaths.volume(name), found.version()));
        var attachment = records.store().read(FabricPaths.attachment(volume.id()));
        if (attachment.isPresent()) {
            changes.add(
                    new Change.Delete(
                            FabricPaths.attachment(volume.id()), attachment.get().version()));
        }
        return changes;
    }

    /// The volume of that name.
    public static Volume find(FabricImage image, String name) {
        Volume volume = image.volumes().get(name);
        if (volume == null) {
            throw unknown(image, name);
        }
        return volume;
    }

    /// That there is no such volume, and what may have been meant.
    public static Refusal unknown(FabricImage image, String name) {
        return Refusal.state(
                "there is no volume '%s'%s",
                name, Names.suggestion(name, image.volumes().keySet()));
    }

    static Refusal exists(String name) {
        return Refusal.state("volume '%s' exists already: choose another name", name);
    }

    private static void checkNew(FabricImage image, String name) {
        Names.check("volume", name);
        if (image.volumes().containsKey(name)) {
            throw exists(name);
        }
    }

    /// Refuses sizes that no volume can have.
    public static void checkSize(String name, long sizeBytes) {
        if (sizeBytes <= 0 || sizeBytes % 4096 != 0 || sizeBytes > SIZE_BYTES_MAX) {
            throw Refusal.badRequest(
                    "size %d of volume '%s' is not usable: a multiple of 4096 bytes from 4096 to 64"
                            + " TiB",
                    sizeBytes, name);
        }
    }

    private static void checkPool(FabricImage image) {
        Cluster cluster =
                image.cluster().orElseThrow(() -> Refusal.state("the fabric is not set up yet"));
        long alive =
                image.presences().values().stream()
                        .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                        .filter(presence -> !presence.hasEnded())
                        .count();
        if (alive < cluster.minReplicas()) {
            throw Refusal.state(
                    "%d storage nodes are alive and writes need %d of the %d copies: start more"
                            + " (weft status)",
                    alive, cluster.minReplicas(), cluster.replicas());
        }
    }
}
