package weft.vmhost.machine;

import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Firmware in M-mode, and what it goes on to in S-mode: OpenSBI with U-Boot or a kernel behind it.
/// All harts begin at the firmware's entry, as after QEMU's reset vector, with a0 = hart id, a1 =
/// device tree, a2 = [#DYNAMIC_INFO]. There is no SBI but the firmware's.
///
/// ```
/// RAM          firmware (raw), or where its ELF says
/// RAM + 2 MiB  the next stage (raw: U-Boot for S-mode, a kernel Image), or where its ELF says
/// below the tree   initramfs; end - 2 MiB: device tree        (as with a kernel, see KernelLoader)
/// ```
///
/// The arrays are shared and not to be changed.
///
/// @param firmware OpenSBI's fw_dynamic or fw_jump, or any M-mode program; raw or ELF
/// @param next the next stage, raw or ELF, or empty
/// @param initrd an initramfs for the next stage, or empty
/// @param arguments `/chosen/bootargs`
public record FirmwareBoot(byte[] firmware, byte[] next, byte[] initrd, String arguments)
        implements Boot {
    /// Where the boot ROM tells fw_dynamic what comes next (OpenSBI, fw_dynamic.h): magic "OSBI",
    /// version, address, mode, options, boot hart, 8 bytes each.
    static final long DYNAMIC_INFO = MemoryLayout.BOOT_ROM + 0x28;

    private static final long NEXT = MemoryLayout.NEXT_STAGE;
    private static final long DYNAMIC_MAGIC = 0x4942_534f;
    private static final long DYNAMIC_VERSION = 2;
    private static final long MODE_SUPERVISOR = 1;
    private static final long ANY_BOOT_HART = -1;

    /// The reset vector of QEMU's virt, 6 instructions: it loads a0, a1, a2 and jumps to the first
    /// double word behind it. Here for programs that read it; the machine does the same itself.
    private static final int[] RESET_VECTOR = {
        0x0000_0297, 0x0282_8613, 0xf140_2573, 0x0202_b583, 0x0182_b283, 0x0002_8067,
    };

    /// Chooses the places without touching memory.
    ///
    /// @throws BootRefused if a file is none that can be started here, or they do not fit
    KernelLoader.Placement place(long memoryBytes) {
        BootStage begin = begin();
        InitramfsCheck.check(initrd);
        long treeAddress = KernelLoader.treeAddress(memoryBytes);
        long initrdStart = treeAddress - initrd.length & -GuestMemory.PAGE_BYTES;
        long end = begin.end();
        if (next.length > 0) {
            BootStage then = then();
            if (then.overlaps(begin)) {
                throw new BootRefused(
                        "firmware ends at 0x%x, but the next stage begins at 0x%x"
                                .formatted(begin.end(), then.start()));
            }
            end = Math.max(end, then.end());
        }
        if (end > initrdStart) {
            long needed = end - MemoryLayout.RAM + initrd.length + 2L * KernelLoader.TREE_BYTES_MAX;
            throw new BootRefused(
                    "memory of %d MiB is too small for firmware and kernel: give at least %d MiB"
                            .formatted(memoryBytes >> 20, (needed >> 20) + 1));
        }
        return new KernelLoader.Placement(
                begin.entry(), initrdStart, initrdStart + initrd.length, treeAddress);
    }

    private BootStage begin() {
        return stage("firmware", firmware, MemoryLayout.RAM);
    }

    private BootStage then() {
        return stage("next stage", next, NEXT).asKernel();
    }

    private static BootStage stage(String what, byte[] file, long address) {
        return BootStage.of(what, file, address, KernelLoader.sizeInMemory(file));
    }

    /// Copies everything to its place.
    void load(GuestMemory memory, KernelLoader.Placement placement, byte[] tree) {
        begin().load(memory);
        if (next.length > 0) {
            then().load(memory);
        }
        memory.write(placement.initrdStart(), ByteBuffer.wrap(initrd));
        memory.write(placement.treeAddress(), ByteBuffer.wrap(tree));
    }

    /// What the boot ROM holds: reset vector, its two double words, then [#DYNAMIC_INFO].
    byte[] rom(KernelLoader.Placement placement) {
        long nextEntry = next.length > 0 ? then().entry() : NEXT;
        ByteBuffer rom = ByteBuffer.allocate(0x58).order(ByteOrder.LITTLE_ENDIAN);
        for (int word : RESET_VECTOR) {
            rom.putInt(word);
        }
        return rom.putLong(placement.entry())
                .putLong(placement.treeAddress())
                .putLong(DYNAMIC_MAGIC)
                .putLong(DYNAMIC_VERSION)
                .putLong(nextEntry)
                .putLong(MODE_SUPERVISOR)
                .putLong(0)
                .putLong(ANY_BOOT_HART)
                .array();
    }
}
