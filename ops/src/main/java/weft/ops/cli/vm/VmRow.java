package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.ops.admin.VmAdmin;

import java.util.List;
import java.util.Optional;

/// A VM as lists and `show` print it.
///
/// @param lastMigration null if it never moved
/// @param engine null where its host was not asked, or did not answer
record VmRow(
        String name,
        String state,
        String host,
        long epoch,
        String image,
        long memoryBytes,
        int cpus,
        List<String> disks,
        List<Nic> nics,
        String wanted,
        String detail,
        @Nullable Migration lastMigration,
        @Nullable EngineRow engine) {
    /// A NIC of it.
    record Nic(String port, String network, String mac, String ipv4, List<String> groups) {}

    /// The VM of that name.
    ///
    /// @throws weft.ops.admin.Refusal if there is none
    static VmRow find(FabricImage image, String vm) {
        return of(image, VmAdmin.find(image, vm));
    }

    static VmRow of(FabricImage image, VmSpec spec) {
        VmPlacement placement = VmAdmin.placementOf(image, spec.name());
        NodeId host = placement.owner() != null ? placement.owner() : placement.host();
        return new VmRow(
                spec.name(),
                state(placement, spec),
                host == null ? "" : host.name(),
                placement.epoch(),
                spec.image(),
                spec.memoryBytes(),
                spec.cpus(),
                spec.disks(),
                spec.ports().stream()
                        .map(port -> Optional.ofNullable(image.ports().get(port)))
                        .flatMap(Optional::stream)
                        .map(VmRow::nic)
                        .toList(),
                spec.power().name().toLowerCase(java.util.Locale.ROOT),
                placement.detail(),
                image.migrations().get(spec.name()),
                null);
    }

    VmRow withEngine(EngineRow found) {
        return new VmRow(
                name,
                state,
                host,
                epoch,
                image,
                memoryBytes,
                cpus,
                disks,
                nics,
                wanted,
                detail,
                lastMigration,
                found);
    }

    private static Nic nic(PortBinding binding) {
        return new Nic(
                binding.port(),
                binding.network(),
                binding.mac().toString(),
                binding.ipv4(),
                binding.groups());
    }

    private static String state(VmPlacement placement, VmSpec spec) {
        if (placement.owner() == null
                && spec.power() == VmSpec.Power.RUNNING
                && placement.state() != VmPlacement.State.FAILED) {
            return "waiting";
        }
        return placement.state().name().toLowerCase(java.util.Locale.ROOT);
    }

    String addresses() {
        return String.join(
                " ", nics.stream().map(nic -> nic.network() + ":" + nic.ipv4()).toList());
    }
}
