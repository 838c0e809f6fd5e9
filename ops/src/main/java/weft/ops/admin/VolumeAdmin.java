package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Cluster;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Volumes: create, clone, export, delete.
public final class VolumeAdmin {
    /// The largest volume: 64 TiB, so that chunk indexes stay far inside 32 bits.
    public static final long SIZE_BYTES_MAX = 64L << 40;

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
        VolumeId id = records.takeVolumeId();
        var volume = new Volume(id, name, sizeBytes, access, List.of(id), id);
        if (!records.create(FabricPaths.volume(name), volume)) {
            throw exists(name);
        }
        return volume;
    }

    /// The record of a new volume whose unwritten blocks are read from `origin`, a read-only one.
    public Volume cloneRecord(FabricImage image, Volume origin, String name, long sizeBytes)
            throws IOException {
        checkNew(image, name);
        checkSize(name, sizeBytes);
        checkPool(image);
        if (origin.access() != Volume.Access.READ_ONLY) {
            throw Refusal.state(
                    "volume '%s' is written to: only a read-only one can be cloned", origin.name());
        }
        if (sizeBytes < origin.sizeBytes()) {
            throw Refusal.badRequest(
                    "size %d is smaller than '%s', which it is cloned from: at least %d bytes",
                    sizeBytes, origin.name(), origin.sizeBytes());
        }
        if (origin.layers().size() == Volume.LAYERS_MAX) {
            throw Refusal.state(
                    "volume '%s' already has %d layers, the most there can be",
                    origin.name(), Volume.LAYERS_MAX);
        }
        VolumeId id = records.takeVolumeId();
        var layers = new ArrayList<VolumeId>();
        layers.add(id);
        layers.addAll(origin.layers());
        return new Volume(
                id, name, sizeBytes, Volume.Access.READ_WRITE, layers, origin.placementRoot());
    }

    /// Makes a volume read-only for good: it is an image from now on.
    public void seal(Volume volume) throws IOException {
        var _ =
                records.update(
                        FabricPaths.volume(volume.name()),
                        Volume.class,
                        now ->
                                new Volume(
                                        now.id(),
                                        now.name(),
                                        now.sizeBytes(),
                                        Volume.Access.READ_ONLY,
                                        now.layers(),
                                        now.placementRoot()));
    }

    /// Moves the end of a volume that nothing has open. Whoever opens it meanwhile sees the end as
    /// it was; nothing was ever written beyond it, so there is nothing to give back.
    public Volume grow(FabricImage image, String name, long sizeBytes) throws IOException {
        Volume volume = find(image, name);
        checkSize(name, sizeBytes);
        if (volume.access() == Volume.Access.READ_ONLY) {
            throw Refusal.state("volume '%s' is read-only: it keeps its size", name);
        }
        if (sizeBytes <= volume.sizeBytes()) {
            throw Refusal.state(
                    "volume '%s' has %d bytes already, and does not shrink",
                    name, volume.sizeBytes());
        }
        if (image.exports().containsKey(name)) {
            throw Refusal.state(
                    "volume '%s' is exported: weft volume unexport %s first", name, name);
        }
        for (var vm : image.vms().values()) {
            boolean runs =
                    vm.power() == VmSpec.Power.RUNNING
                            || VmAdmin.placementOf(image, vm.name()).owner() != null;
            if (vm.disks().contains(name) && runs) {
                throw Refusal.state(
                        "volume '%s' is in use by VM '%s': weft vm stop %s first",
                        name, vm.name(), vm.name());
            }
        }
        Volume grown = volume.withSizeBytes(sizeBytes);
        Optional<Volume> now =
                records.update(
                        FabricPaths.volume(name),
                        Volume.class,
                        found -> found.equals(volume) ? grown : found);
        if (now.isEmpty() || !now.get().equals(grown)) {
            throw Refusal.state(
                    "volume '%s' was changed by someone else meanwhile: try again", name);
        }
        return grown;
    }

    /// Removes a volume that nothing uses; its space comes back in the background.
    public void delete(FabricImage image, String name) throws IOException {
        Volume volume = find(image, name);
        usersOf(image, volume)
                .ifPresent(user -> {
                    throw Refusal.state(
                            "volume '%s' is in use by %s: nothing was deleted", name, user);
                });
        var found =
                records.find(FabricPaths.volume(name), Volume.class)
                        .orElseThrow(() -> unknown(image, name));
        var changes = new ArrayList<Change>();
        changes.add(new Change.Delete(FabricPaths.volume(name), found.version()));
        var attachment = records.store().read(FabricPaths.attachment(volume.id()));
        if (attachment.isPresent()) {
            changes.add(
                    new Change.Delete(
                            FabricPaths.attachment(volume.id()), attachment.get().version()));
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict) {
            throw Refusal.state(
                    "volume '%s' was changed by someone else meanwhile: try again", name);
        }
    }

    /// Who uses a volume, in words.
    public static Optional<String> usersOf(FabricImage image, Volume volume) {
        for (var vm : image.vms().values()) {
            if (vm.disks().contains(volume.name())) {
                return Optional.of("VM '" + vm.name() + "'");
            }
        }
        for (var made : image.images().values()) {
            if (List.of(made.kernel(), made.initrd(), made.root()).contains(volume.name())) {
                return Optional.of("image '" + made.name() + "'");
            }
        }
        if (image.exports().containsKey(volume.name())) {
            return Optional.of("an NBD export (weft volume unexport " + volume.name() + ")");
        }
        for (Volume other : image.volumes().values()) {
            if (!other.equals(volume) && other.layers().contains(volume.id())) {
                return Optional.of("its clone '" + other.name() + "'");
            }
        }
        return Optional.empty();
    }

    /// Offers a volume over NBD at a storage node, and answers the URI under which clients reach
    /// it.
    ///
    /// @param wanted the node to export at; empty takes the first that is alive
    public String export(
            FabricImage image, String name, Optional<NodeId> wanted, Volume.Access access)
            throws IOException {
        Volume volume = find(image, name);
        for (var vm : image.vms().values()) {
            if (access == Volume.Access.READ_WRITE
                    && vm.disks().contains(name)
                    && VmAdmin.placementOf(image, vm.name()).owner() != null) {
                throw Refusal.state(
                        "volume '%s' is in use by VM '%s', which runs: stop it, or export with"
                                + " --read-only",
                        name, vm.name());
            }
        }
        NodePresence node = exporter(image, wanted);
        boolean readOnly =
                access == Volume.Access.READ_ONLY || volume.access() == Volume.Access.READ_ONLY;
        if (!records.create(FabricPaths.export(name), new Export(name, node.node(), readOnly))) {
            throw Refusal.state(
                    "volume '%s' is exported already: weft volume unexport %s", name, name);
        }
        return node.nbdUri(name);
    }

    private static NodePresence exporter(FabricImage image, Optional<NodeId> wanted) {
        if (wanted.isPresent()) {
            return image.presence(NodePresence.Role.STORAGE, wanted.get())
                    .orElseThrow(() ->
                            Refusal.state(
                                    "there is no live storage node '%s' (weft status shows them)",
                                    wanted.get()));
        }
        return image.presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                .min(java.util.Comparator.comparing(NodePresence::node))
                .orElseThrow(() -> Refusal.state("no storage node is alive (weft status)"));
    }

    /// Takes an export back.
    public void unexport(String name) throws IOException {
        if (!records.delete(FabricPaths.export(name))) {
            throw Refusal.state("volume '%s' is not exported", name);
        }
    }

    /// The volume of that name.
    public static Volume find(FabricImage image, String name) {
        Volume volume = image.volumes().get(name);
        if (volume == null) {
            throw unknown(image, name);
        }
        return volume;
    }

    private static Refusal unknown(FabricImage image, String name) {
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

    static void checkSize(String name, long sizeBytes) {
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
                        .count();
        if (alive < cluster.minReplicas()) {
            throw Refusal.state(
                    "%d storage nodes are alive and writes need %d of the %d copies: start more"
                            + " (weft status)",
                    alive, cluster.minReplicas(), cluster.replicas());
        }
    }

    /// How each volume is used, for lists: name → words.
    public static Map<String, String> uses(FabricImage image) {
        var uses = new java.util.TreeMap<String, String>();
        image.volumes()
                .forEach((name, volume) -> uses.put(name, usersOf(image, volume).orElse("")));
        return uses;
    }
}
