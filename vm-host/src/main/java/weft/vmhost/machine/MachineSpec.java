package weft.vmhost.machine;

import weft.fabric.MacAddress;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.VirtioForm;
import weft.volume.BlockVolume;

import java.util.List;

/// What a machine is made of. Two machines of equal specification can hand their state to each
/// other.
///
/// @param name for logs and thread names
/// @param memoryBytes RAM; a multiple of 4 KiB
/// @param harts hardware threads, 1 to [#HARTS_MAX]
/// @param boot what is put into RAM at each start and reset
/// @param disks in slot order; the first is `vda`
/// @param nics in slot order, behind the disks; the first is `eth0`
/// @param options what not every machine has
public record MachineSpec(
        String name,
        long memoryBytes,
        int harts,
        Boot boot,
        List<Disk> disks,
        List<Nic> nics,
        Options options) {
    /// A thread each: more than hosts of this fabric have cores to give.
    public static final int HARTS_MAX = 16;

    /// The smallest RAM worth trying; what a kernel needs is checked when it is loaded.
    public static final long MEMORY_BYTES_MIN = 16L << 20;

    /// A kernel, entered in S-mode by hart 0 with the machine's own SBI below it. The arrays are
    /// shared and not to be changed.
    ///
    /// @param kernel a RISC-V `Image`, an ELF for S-mode, or raw code for RAM + 2 MiB
    /// @param initrd an initramfs, or empty
    /// @param arguments the kernel's command line
    public record BootImage(byte[] kernel, byte[] initrd, String arguments) implements Boot {}

    /// A disk.
    ///
    /// @param serial what the guest sees as serial number, 20 bytes of it
    /// @param volume closed by whoever opened it
    public record Disk(String serial, BlockVolume volume) {}

    /// A NIC; its cable is plugged in later.
    public record Nic(MacAddress mac, int mtuBytes) {
        public Nic {
            if (mtuBytes < 68 || mtuBytes > 65_535) {
                throw new IllegalArgumentException("MTU " + mtuBytes + " is not in 68..65535");
            }
        }
    }

    /// What not every machine has. Its devices come behind the entropy source, in this order.
    ///
    /// @param virtio the register interface of all virtio devices
    /// @param console whether there is a virtio console beside the serial line
    /// @param balloon whether the host can ask for memory back
    /// @param powerButton whether the host can ask the guest to switch itself off
    /// @param deterministic whether what the guest does depends on nothing but what it is made of:
    ///   time counts its instructions, chance has a fixed seed, nothing comes from outside. One
    ///   hart, no NIC, no balloon, no power button
    public record Options(
            VirtioForm virtio,
            boolean console,
            boolean balloon,
            boolean powerButton,
            boolean deterministic) {
        /// The modern interface and no more devices.
        public static final Options NONE =
                new Options(VirtioForm.MODERN, false, false, false, false);

        /// What VMs of the fabric have.
        public static final Options POWER_BUTTON =
                new Options(VirtioForm.MODERN, false, false, true, false);

        /// The same, deterministic.
        public static final Options DETERMINISTIC =
                new Options(VirtioForm.MODERN, false, false, false, true);

        int devices() {
            return (console ? 1 : 0) + (balloon ? 1 : 0) + (powerButton ? 1 : 0);
        }
    }

    /// Without options.
    public MachineSpec(
            String name, long memoryBytes, int harts, Boot boot, List<Disk> disks, List<Nic> nics) {
        this(name, memoryBytes, harts, boot, disks, nics, Options.NONE);
    }

    public MachineSpec {
        disks = List.copyOf(disks);
        nics = List.copyOf(nics);
        if (harts < 1 || harts > HARTS_MAX) {
            throw new IllegalArgumentException(
                    "a machine has 1 to " + HARTS_MAX + " harts, not " + harts);
        }
        if (memoryBytes < MEMORY_BYTES_MIN || memoryBytes > GuestMemory.SIZE_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "memory of %d MiB: a machine has at least %d MiB and at most 1 TiB"
                            .formatted(memoryBytes >> 20, MEMORY_BYTES_MIN >> 20));
        }
        if (memoryBytes % GuestMemory.PAGE_BYTES != 0) {
            throw new IllegalArgumentException(
                    "memory of " + memoryBytes + " bytes is not a multiple of 4 KiB");
        }
        int devices = disks.size() + nics.size() + 1 + options.devices();
        if (devices > MemoryLayout.VIRTIO_SLOTS) {
            throw new IllegalArgumentException(
                    "%d disks and %d NICs: there are slots for %d devices"
                            .formatted(
                                    disks.size(),
                                    nics.size(),
                                    MemoryLayout.VIRTIO_SLOTS - 1 - options.devices()));
        }
        boolean hears = !nics.isEmpty() || options.balloon() || options.powerButton();
        if (options.deterministic() && (harts > 1 || hears)) {
            throw new IllegalArgumentException(
                    "a deterministic machine has one hart, no NIC, no balloon, no power button");
        }
    }
}
