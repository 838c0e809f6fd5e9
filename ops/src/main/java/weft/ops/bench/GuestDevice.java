package weft.ops.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A device that a guest gets beside its console, as each emulator is told of it. QEMU's virtio is
/// of the same version as ours.
sealed interface GuestDevice {
    /// A raw disk image, only read.
    record Disk(Path file) implements GuestDevice {}

    /// A NIC on a TAP interface.
    record Nic(String tap) implements GuestDevice {}

    /// The command of [Emulator], with the device.
    default List<String> in(Emulator emulator, List<String> command) {
        var whole = new ArrayList<>(command);
        whole.addAll(
                switch (emulator) {
                    case Emulator.Weft _ -> weft();
                    case Emulator.Qemu _ -> qemu();
                });
        return List.copyOf(whole);
    }

    private List<String> weft() {
        return switch (this) {
            case Disk disk -> List.of("--disk", disk.file().toString());
            case Nic nic -> List.of("--net", "tap:" + nic.tap());
        };
    }

    private List<String> qemu() {
        var options = new ArrayList<>(List.of("-global", "virtio-mmio.force-legacy=false"));
        switch (this) {
            case Disk disk -> {
                options.add("-drive");
                options.add("file=" + disk.file() + ",format=raw,if=none,id=d0,readonly=on");
                options.addAll(List.of("-device", "virtio-blk-device,drive=d0"));
            }
            case Nic nic -> {
                options.add("-netdev");
                options.add("tap,id=n0,ifname=" + nic.tap() + ",script=no,downscript=no");
                options.addAll(List.of("-device", "virtio-net-device,netdev=n0"));
            }
        }
        return options;
    }
}
