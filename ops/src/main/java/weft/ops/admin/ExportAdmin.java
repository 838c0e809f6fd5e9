package weft.ops.admin;

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
    public Exported export(
            FabricImage image, String name, List<NodeId> wanted, Volume.Access access)
            throws IOException {
        Volume volume = VolumeAdmin.find(image, name);
        if (volume.access() == Volume.Access.SEALING) {
            throw Refusal.state("snapshot '%s' is being made: try again", name);
        }
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
        boolean readOnly =
                access == Volume.Access.READ_ONLY || volume.access() == Volume.Access.READ_ONLY;
        var export = new Export(name, exporters(image, wanted), readOnly);
        return Exported.of(
                image,
                records.create(FabricPaths.export(name), export)
                        ? export
                        : exportedToo(export, !wanted.isEmpty()));
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
                                throw Refusal.state(
                                        "volume '%s' is exported already, by %s: weft volume"
                                            + " unexport %1$s, or name another node with --node",
                                        name, names(now.nodes()));
                            }
                            if (now.readOnly() != more.readOnly()) {
                                throw Refusal.state(
                                        "volume '%s' is exported already, %s: one export is the"
                                                + " same at all its nodes",
                                        name, now.readOnly() ? "read-only" : "for writing");
                            }
                            return new Export(name, List.copyOf(nodes), now.readOnly());
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
                                path,
                                new Export(name, others, export.noun().readOnly()),
                                export.version()));
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
