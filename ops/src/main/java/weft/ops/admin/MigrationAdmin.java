package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/// Live migrations: ask for one, call one off.
public final class MigrationAdmin {
    private final FabricRecords records;

    public MigrationAdmin(FabricRecords records) {
        this.records = records;
    }

    /// Asks for a running VM to be moved.
    ///
    /// @param wanted where to; empty takes the live host with the fewest VMs
    public Migration request(FabricImage image, String vm, Optional<NodeId> wanted)
            throws IOException {
        VmSpec spec = VmAdmin.find(image, vm);
        VmPlacement placement = VmAdmin.placementOf(image, vm);
        NodeId from = placement.owner();
        if (from == null || placement.state() != VmPlacement.State.RUNNING) {
            throw Refusal.state(
                    "VM '%s' is %s: only a running VM can be moved",
                    vm, placement.state().name().toLowerCase(java.util.Locale.ROOT));
        }
        if (spec.power() != VmSpec.Power.RUNNING) {
            throw Refusal.state("VM '%s' is being stopped: only a running VM can be moved", vm);
        }
        if (image.presence(NodePresence.Role.HOST, from).isEmpty()) {
            throw Refusal.state("host '%s', which runs VM '%s', is not alive", from, vm);
        }
        NodeId to = wanted.orElseGet(() -> emptiestHostBut(image, from));
        if (to.equals(from)) {
            throw Refusal.state("VM '%s' runs on '%s' already", vm, to);
        }
        VmAdmin.findHost(image, to);
        HostMemory.check(image, spec, Optional.of(to));
        var migration =
                new Migration(
                        UUID.randomUUID(),
                        vm,
                        from,
                        to,
                        placement.epoch(),
                        Migration.Phase.REQUESTED,
                        0,
                        0,
                        0,
                        0,
                        0,
                        "");
        String path = FabricPaths.migration(vm);
        var earlier = records.find(path, Migration.class);
        if (earlier.isPresent() && !earlier.get().noun().phase().isOver()) {
            throw Refusal.state("VM '%s' is being moved already", vm);
        }
        Change change =
                earlier.<Change>map(found ->
                                FabricRecords.replacement(path, migration, found.version()))
                        .orElseGet(() -> FabricRecords.creation(path, migration));
        if (records.store().commit(List.of(change)) instanceof Outcome.Conflict) {
            throw Refusal.state("VM '%s' is being moved already", vm);
        }
        return migration;
    }

    /// Calls a migration off, if its switch has not begun.
    public void cancel(String vm) throws IOException {
        var now =
                records.update(
                        FabricPaths.migration(vm),
                        Migration.class,
                        migration ->
                                migration.phase().isOver()
                                                || migration.phase() == Migration.Phase.SWITCHING
                                        ? migration
                                        : migration.inPhase(
                                                Migration.Phase.CANCELLED, "cancelled"));
        if (now.isEmpty() || now.get().phase() != Migration.Phase.CANCELLED) {
            throw Refusal.state("VM '%s' is not being moved, or its switch has begun", vm);
        }
    }

    private static NodeId emptiestHostBut(FabricImage image, NodeId from) {
        return image.presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.HOST)
                .map(NodePresence::node)
                .filter(node -> !node.equals(from))
                .min(
                        Comparator.comparingLong((NodeId node) -> vmsOn(image, node))
                                .thenComparing(Comparator.naturalOrder()))
                .orElseThrow(() -> Refusal.state("there is no other live host (weft status)"));
    }

    private static long vmsOn(FabricImage image, NodeId node) {
        return image.placements().values().stream()
                .filter(placement -> node.equals(placement.owner()))
                .count();
    }
}
