package weft.vmhost.machine;

import weft.vmhost.hart.Privilege;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;

/// Puts what a machine starts with into RAM, whatever it is.
final class BootLoader {
    private BootLoader() {}

    /// Chooses the places without touching memory.
    ///
    /// @throws BootRefused if the files are not what they should be, or do not fit
    static KernelLoader.Placement place(Boot boot, long memoryBytes) {
        return switch (boot) {
            case MachineSpec.BootImage image -> KernelLoader.place(image, memoryBytes);
            case ElfProgram program -> program.place(memoryBytes);
            case FirmwareBoot firmware -> firmware.place(memoryBytes);
        };
    }

    /// @throws BootRefused if the device tree does not fit its place; only a huge command line can
    ///   make it so large
    static void checkTree(byte[] tree) {
        if (tree.length > KernelLoader.TREE_BYTES_MAX) {
            throw new BootRefused(
                    "device tree of %d bytes does not fit into %d: shorten the kernel's command line"
                            .formatted(tree.length, KernelLoader.TREE_BYTES_MAX));
        }
    }

    /// Copies everything to its place.
    static void load(GuestMemory memory, Boot boot, KernelLoader.Placement placement, byte[] tree) {
        assert tree.length <= KernelLoader.TREE_BYTES_MAX;
        switch (boot) {
            case MachineSpec.BootImage image -> KernelLoader.load(memory, image, placement, tree);
            case ElfProgram program -> {
                program.load(memory);
                memory.write(placement.treeAddress(), ByteBuffer.wrap(tree));
            }
            case FirmwareBoot firmware -> firmware.load(memory, placement, tree);
        }
    }

    /// The mode of the first instruction. In M-mode all harts begin at the entry, as firmware
    /// expects; in S-mode the boot hart does, and the others wait for hart_start.
    static Privilege entryPrivilege(Boot boot) {
        return switch (boot) {
            case MachineSpec.BootImage _ -> Privilege.SUPERVISOR;
            case ElfProgram _, FirmwareBoot _ -> Privilege.MACHINE;
        };
    }
}
