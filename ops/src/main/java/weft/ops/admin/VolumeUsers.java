package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Who uses a volume: VMs, exports, images, snapshots.
public final class VolumeUsers {
    static final String SNAPSHOT_USER = "its snapshot '";

    private VolumeUsers() {}

    /// As [#writerOf], from the records themselves: pictures of the fabric may be old.
    public static Optional<String> writerNow(FabricRecords records, Volume volume)
            throws IOException {
        String vms = FabricPaths.ROOT + "/" + FabricPaths.Kind.VM.folder();
        for (String name : records.store().children(vms)) {
            var vm = records.find(FabricPaths.vm(name), VmSpec.class);
            if (vm.isEmpty() || !vm.get().noun().disks().contains(volume.name())) {
                continue;
            }
            boolean isOwned =
                    records.find(FabricPaths.placement(name), VmPlacement.class)
                            .filter(placement -> placement.noun().owner() != null)
                            .isPresent();
            if (isOwned || vm.get().noun().power() == VmSpec.Power.RUNNING) {
                return Optional.of(stopFirst(name));
            }
        }
        return records.find(FabricPaths.export(volume.name()), Export.class)
                .map(_ -> unexportFirst(volume.name()));
    }

    private static String stopFirst(String vm) {
        return "VM '%s': weft vm stop %s first".formatted(vm, vm);
    }

    private static String unexportFirst(String volume) {
        return "an NBD export: weft volume unexport %s first".formatted(volume);
    }

    /// Who may have the volume open for writing now, in words, with what to do about it.
    public static Optional<String> writerOf(FabricImage image, Volume volume) {
        for (var vm : image.vms().values()) {
            boolean runs =
                    vm.power() == VmSpec.Power.RUNNING
                            || VmAdmin.placementOf(image, vm.name()).owner() != null;
            if (vm.disks().contains(volume.name()) && runs) {
                return Optional.of(stopFirst(vm.name()));
            }
        }
        return image.exports().containsKey(volume.name())
                ? Optional.of(unexportFirst(volume.name()))
                : Optional.empty();
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
            if (other.isSnapshotOf(volume.name())) {
                return Optional.of(SNAPSHOT_USER + other.name() + "'");
            }
        }
        return Optional.empty();
    }

    /// How each volume is used, for lists: name → words.
    public static Map<String, String> uses(FabricImage image) {
        var uses = new java.util.TreeMap<String, String>();
        image.volumes()
                .forEach((name, volume) -> uses.put(name, usersOf(image, volume).orElse("")));
        return uses;
    }
}
