package weft.ops.admin;

import org.jspecify.annotations.Nullable;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// Volumes that storage nodes offer over NBD.
public final class ExportAdmin {
    private static final String VMS = FabricPaths.ROOT + "/" + FabricPaths.Kind.VM.folder();

    private final FabricRecords records;

    public ExportAdmin(FabricRecords records) {
        this.records = records;
    }

    /// An export and where clients reach it.
    ///
    /// @param uris of its nodes that are alive
    public record Exported(Export export, List<String> uris) {
        static Exported of(FabricImage image, Export export) {
            return new Exported(export, urisOf(image, export));
        }
    }

    /// Offers a volume over NBD at storage nodes; one more than before, if it is exported already.
    ///
    /// @param wanted the nodes to export at; if there is none, the first that is alive
    /// @param ioTimeoutSeconds see [Export]; null also for what an export has already
    public Exported export(
            FabricImage image,
            String name,
            List<NodeId> wanted,
            Volume.Access access,
            @Nullable Integer ioTimeoutSeconds)
            throws IOException {
        Volume volume = VolumeAdmin.find(image, name);
        if (volume.access() == Volume.Access.SEALING) {
            throw Refusal.state("snapshot '%s' is being made: try again", name);
        }
        if (access == Volume.Access.READ_WRITE) {
            checkNoVmHas(image, name);
        }
        boolean readOnly =
                access == Volume.Access.READ_ONLY || volume.access() == Volume.Access.READ_ONLY;
        var export = new Export(name, exporters(image, wanted), readOnly, ioTimeoutSeconds);
        return Exported.of(
                image,
                records.create(FabricPaths.export(name), export)
                        ? export
                        : exportedToo(export, !wanted.isEmpty()));
    }

    /// The same, with requests that wait for as long as the pool takes.
    public Exported export(
            FabricImage image, String name, List<NodeId> wanted, Volume.Access access)
            throws IOException {
        return export(image, name, wanted, access, null);
    }

    private static void checkNoVmHas(FabricImage image, String name) {
        for (var vm : image.vms().values()) {
            NodeId owner = VmAdmin.placementOf(image, vm.name()).owner();
            if (!vm.disks().contains(name) || owner == null) {
                continue;
            }
            if (image.presence(NodePresence.Role.HOST, owner).isPresent()) {
                throw Refusal.state(
                        "volume '%s' is in use by VM '%s', which runs: weft vm stop %2$s, or export"
                                + " with --read-only, or take it away from the VM with --force",
                        name, vm.name());
            }
            throw Refusal.state(
                    "volume '%s' is in use by VM '%s', whose host %s is not there (weft status):"
                            + " take it away from the VM with --force, or export with --read-only",
                    name, vm.name(), owner);
        }
    }

    /// An export of a volume that was taken away from its holder.
    ///
    /// @param volume as it was then
    /// @param fenced to be raised at the storage nodes; empty if nobody ever held the volume
    /// @param vms that had it, and are not to run any more
    public record TakenOver(
            Exported exported, Volume volume, Optional<Attachment> fenced, List<String> vms) {
        public TakenOver {
            vms = List.copyOf(vms);
        }
    }

    /// Offers a volume for writing over NBD whoever holds it, in one commit: its attachment becomes
    /// nobody's, and a VM that has it is nobody's and not started again before a person asks for
    /// it. Its host need not be there, or hear of it: what it still sends is refused once the
    /// attachment's token has been raised at the storage nodes.
    ///
    /// @param wanted the nodes to export at; if there is none, the first that is alive
    public TakenOver takeOver(
            FabricImage image, String name, List<NodeId> wanted, @Nullable Integer ioTimeoutSeconds)
            throws IOException {
        var export = new Export(name, exporters(image, wanted), false, ioTimeoutSeconds);
        return VolumeAdmin.retried(() -> takeOverOnce(image, export, !wanted.isEmpty()));
    }

    private TakenOver takeOverOnce(FabricImage image, Export export, boolean areNamed)
            throws IOException, VolumeAdmin.Meanwhile {
        String name = export.volume();
        Found<Volume> volume =
                records.find(FabricPaths.volume(name), Volume.class)
                        .orElseThrow(() -> VolumeAdmin.unknown(image, name));
        if (volume.noun().access() == Volume.Access.SEALING) {
            throw Refusal.state("snapshot '%s' is being made: try again", name);
        }
        if (volume.noun().access() != Volume.Access.READ_WRITE) {
            throw Refusal.state("'%s' is read-only: nobody writes it, export it as it is", name);
        }
        var present = records.find(FabricPaths.export(name), Export.class);
        if (present.isPresent()) {
            Export made = present.get().noun();
            // Taken over before, and perhaps not everywhere: what is left is to raise the token.
            Optional<Attachment> nobodys =
                    records.find(FabricPaths.attachment(volume.noun().id()), Attachment.class)
                            .map(Found::noun)
                            .filter(Attachment::isNobody);
            boolean isElsewhere = areNamed && !made.nodes().containsAll(export.nodes());
            if (made.readOnly() || nobodys.isEmpty() || isElsewhere) {
                throw exportedAlready(made);
            }
            if (export.ioTimeoutSeconds() != null && !export.ioTimeout().equals(made.ioTimeout())) {
                throw anotherTimeout(made);
            }
            return new TakenOver(Exported.of(image, made), volume.noun(), nobodys, List.of());
        }
        List<Change> changes = new ArrayList<>();
        changes.add(new Change.Check(FabricPaths.volume(name), volume.version()));
        changes.add(FabricRecords.creation(FabricPaths.export(name), export));
        Optional<Attachment> fenced = fence(volume.noun(), changes);
        List<String> vms = new ArrayList<>();
        for (String vm : records.store().children(VMS)) {
            if (end(vm, name, changes)) {
                vms.add(vm);
            }
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict(var at)) {
            throw new VolumeAdmin.Meanwhile(at);
        }
        return new TakenOver(Exported.of(image, export), volume.noun(), fenced, vms);
    }

    private Optional<Attachment> fence(Volume volume, List<Change> changes) throws IOException {
        String path = FabricPaths.attachment(volume.id());
        var held = records.find(path, Attachment.class);
        if (held.isEmpty()) {
            return Optional.empty();
        }
        Attachment nobody = Attachment.nobody(volume.id(), held.get().noun().token() + 1);
        changes.add(FabricRecords.replacement(path, nobody, held.get().version()));
        return Optional.of(nobody);
    }

    /// Ends a VM that has the volume and runs or is about to, as its host does when it is refused.
    /// The epoch is raised for hosts: the one that has it lets go of it.
    ///
    /// @return whether it is such a VM
    private boolean end(String vm, String disk, List<Change> changes) throws IOException {
        var spec = records.find(FabricPaths.vm(vm), VmSpec.class);
        var placement = records.find(FabricPaths.placement(vm), VmPlacement.class);
        if (spec.isEmpty() || placement.isEmpty() || !spec.get().noun().disks().contains(disk)) {
            return false;
        }
        VmPlacement now = placement.get().noun();
        boolean isToStart =
                spec.get().noun().power() == VmSpec.Power.RUNNING
                        && now.state() != VmPlacement.State.FAILED;
        if (now.owner() == null && !isToStart) {
            return false;
        }
        changes.add(
                FabricRecords.replacement(
                        FabricPaths.placement(vm),
                        new VmPlacement(
                                now.host(),
                                null,
                                now.epoch() + 1,
                                VmPlacement.State.FAILED,
                                "its disk was taken over by an export"),
                        placement.get().version()));
        for (String port : spec.get().noun().ports()) {
            records.find(FabricPaths.port(port), PortBinding.class)
                    .ifPresent(found ->
                            changes.add(
                                    FabricRecords.replacement(
                                            FabricPaths.port(port),
                                            found.noun().boundTo(null, null, now.epoch() + 1),
                                            found.version())));
        }
        return true;
    }

    private static Refusal exportedAlready(Export now) {
        return Refusal.state(
                "volume '%s' is exported already, by %s: weft volume unexport %1$s, or name another"
                        + " node with --node",
                now.volume(), names(now.nodes()));
    }

    private static Refusal anotherTimeout(Export now) {
        return Refusal.state(
                "volume '%s' is exported already, with %s: one export is the same at all its nodes",
                now.volume(),
                now.ioTimeout()
                        .map(span -> "an I/O timeout of %d s".formatted(span.toSeconds()))
                        .orElse("no I/O timeout"));
    }

    /// Adds nodes to an export.
    private Export exportedToo(Export more, boolean areNamed) throws IOException {
        String name = more.volume();
        return records.update(
                        FabricPaths.export(name),
                        Export.class,
                        now -> {
                            var nodes = new LinkedHashSet<>(now.nodes());
                            if (!areNamed || !nodes.addAll(more.nodes())) {
                                throw exportedAlready(now);
                            }
                            if (now.readOnly() != more.readOnly()) {
                                throw Refusal.state(
                                        "volume '%s' is exported already, %s: one export is the"
                                                + " same at all its nodes",
                                        name, now.readOnly() ? "read-only" : "for writing");
                            }
                            if (more.ioTimeoutSeconds() != null
                                    && !more.ioTimeout().equals(now.ioTimeout())) {
                                throw anotherTimeout(now);
                            }
                            return now.withNodes(List.copyOf(nodes));
                        })
                .orElseThrow(() ->
                        Refusal.state(
                                "volume '%s' was unexported by someone else meanwhile: try again",
                                name));
    }

    private static String names(List<NodeId> nodes) {
        return nodes.stream().map(NodeId::name).collect(Collectors.joining(", "));
    }

    private static List<NodeId> exporters(FabricImage image, List<NodeId> wanted) {
        for (NodeId node : wanted) {
            var _ =
                    image.presence(NodePresence.Role.STORAGE, node)
                            .orElseThrow(() ->
                                    Refusal.state(
                                            "there is no live storage node '%s' (weft status shows"
                                                    + " them)",
                                            node));
        }
        if (!wanted.isEmpty()) {
            return wanted.stream().distinct().toList();
        }
        return image.presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                .filter(presence -> !presence.hasEnded())
                .map(NodePresence::node)
                .min(Comparator.naturalOrder())
                .map(List::of)
                .orElseThrow(() -> Refusal.state("no storage node is alive (weft status)"));
    }

    /// Where an export's clients reach it: at those of its nodes that are alive.
    public static List<String> urisOf(FabricImage image, Export export) {
        return export.nodes().stream()
                .flatMap(node -> image.presence(NodePresence.Role.STORAGE, node).stream())
                .map(node -> node.nbdUri(export.volume()))
                .toList();
    }

    /// Takes an export back.
    public void unexport(String name) throws IOException {
        if (!records.delete(FabricPaths.export(name))) {
            throw notExported(name);
        }
    }

    private static Refusal notExported(String name) {
        return Refusal.state("volume '%s' is not exported", name);
    }

    /// Takes an export back at one of its nodes. What that node still has under way is refused once
    /// the attachment's token has been raised at the storage nodes.
    ///
    /// @return the attachment of those who stay, perhaps nobody; empty if that node did not hold
    ///   the volume, or was the last to export it
    public Optional<Attachment> unexport(FabricImage image, String name, NodeId node)
            throws IOException {
        Volume volume = VolumeAdmin.find(image, name);
        return VolumeAdmin.retried(() -> unexportOnce(volume, node));
    }

    private Optional<Attachment> unexportOnce(Volume volume, NodeId node)
            throws IOException, VolumeAdmin.Meanwhile {
        String name = volume.name();
        String path = FabricPaths.export(name);
        Found<Export> export =
                records.find(path, Export.class).orElseThrow(() -> notExported(name));
        List<NodeId> others = new ArrayList<>(export.noun().nodes());
        if (!others.remove(node)) {
            throw Refusal.state(
                    "volume '%s' is not exported by '%s', but by %s",
                    name, node, names(export.noun().nodes()));
        }
        List<Change> changes = new ArrayList<>();
        changes.add(
                others.isEmpty()
                        ? new Change.Delete(path, export.version())
                        : FabricRecords.replacement(
                                path, export.noun().withNodes(others), export.version()));
        // The last one ends as any export does: what is under way is answered.
        Optional<Attachment> staying =
                others.isEmpty() ? Optional.empty() : without(volume, node, changes);
        if (records.store().commit(changes) instanceof Outcome.Conflict(var at)) {
            throw new VolumeAdmin.Meanwhile(at);
        }
        return staying;
    }

    private Optional<Attachment> without(Volume volume, NodeId node, List<Change> changes)
            throws IOException {
        String path = FabricPaths.attachment(volume.id());
        var held = records.find(path, Attachment.class);
        var process = new Attachment.Process(NodePresence.Role.STORAGE, node);
        boolean holds =
                held.isPresent()
                        && held.get().noun().sharers().stream()
                                .anyMatch(sharer -> sharer.process().equals(process));
        if (!holds) {
            return Optional.empty();
        }
        Attachment staying = held.get().noun().without(process);
        changes.add(FabricRecords.replacement(path, staying, held.get().version()));
        return Optional.of(staying);
    }
}
