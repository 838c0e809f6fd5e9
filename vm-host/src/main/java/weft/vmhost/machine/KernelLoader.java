package weft.vmhost.machine;

import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Puts kernel, initramfs and device tree into RAM, or says why that cannot work.
///
/// ```
/// kernel           Image: RAM + text_offset, image_size long (its BSS included)
///                  ELF:   where it says, entered as QEMU does (ElfProgram.entryAsKernel)
///                  raw:   RAM + 2 MiB, as behind QEMU's firmware; anything that is neither
/// …                free
/// below the tree   initramfs, page-aligned
/// end - 2 MiB      device tree
/// ```
///
/// The header of a RISC-V `Image` (Linux, Documentation/arch/riscv/boot-image-header.rst):
/// text_offset at 8, image_size at 16, flags at 24, "RISCV" at 48, "RSC\x05" at 56; little-endian.
final class KernelLoader {
    /// The largest device tree: one page-table leaf of the kernel's early map.
    static final int TREE_BYTES_MAX = 2 << 20;

    private static final int HEADER_BYTES = 64;
    private static final int MAGIC = 0x0543_5352;

    private static final long ALIGNMENT = 2 << 20;

    /// What a kernel needs beside its own image and the unpacked initramfs to come up at all.
    private static final long WORKING_BYTES = 16 << 20;

    private KernelLoader() {}

    /// Where things were put.
    ///
    /// @param entry the kernel's first instruction
    /// @param initrdEnd equal to `initrdStart` if there is none
    record Placement(long entry, long initrdStart, long initrdEnd, long treeAddress) {}

    /// Chooses the places without touching memory.
    ///
    /// @throws BootRefused if the files are not what they should be, or do not fit
    static Placement place(MachineSpec.BootImage boot, long memoryBytes) {
        BootStage kernel = stage(boot.kernel());
        InitramfsCheck.check(boot.initrd());
        long treeAddress = treeAddress(memoryBytes);
        long initrdStart = treeAddress - boot.initrd().length & -GuestMemory.PAGE_BYTES;
        long needed = kernel.end() - MemoryLayout.RAM + 2L * TREE_BYTES_MAX;
        needed +=
                isImage(boot.kernel())
                        ? 3L * boot.initrd().length + WORKING_BYTES
                        : boot.initrd().length;
        if (kernel.end() > initrdStart || memoryBytes < needed) {
            throw tooSmall(memoryBytes, needed);
        }
        return new Placement(
                kernel.entry(), initrdStart, initrdStart + boot.initrd().length, treeAddress);
    }

    private static BootStage stage(byte[] kernel) {
        if (isImage(kernel)) {
            return image(kernel);
        }
        BootStage stage = BootStage.of("kernel", kernel, MemoryLayout.NEXT_STAGE, kernel.length);
        // It would trap for ever at its first instruction of M-mode, and say nothing.
        if (stage.start() == MemoryLayout.RAM) {
            throw new BootRefused(
                    ("kernel loads at 0x%x, as bare-metal programs do: give it without --kernel; a"
                                    + " kernel in S-mode begins at 0x%x or above")
                            .formatted(stage.start(), MemoryLayout.NEXT_STAGE));
        }
        return stage.asKernel();
    }

    private static BootStage image(byte[] kernel) {
        ByteBuffer header = ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN);
        long textOffset = header.getLong(8);
        long headerBytes = header.getLong(16);
        if ((header.getLong(24) & 1) != 0) {
            throw new BootRefused("kernel is big-endian; this machine is little-endian");
        }
        if (!isPlausible(textOffset) || !isPlausible(headerBytes)) {
            throw new BootRefused(
                    "kernel's header is absurd: 0x%x bytes at offset 0x%x; is the file damaged?"
                            .formatted(headerBytes, textOffset));
        }
        if (textOffset % GuestMemory.PAGE_BYTES != 0) {
            throw new BootRefused(
                    "kernel's header is absurd: its offset 0x%x is not a multiple of 4 KiB"
                            .formatted(textOffset));
        }
        if (kernel.length < headerBytes / 2) {
            throw new BootRefused(
                    "kernel is truncated: %d bytes of an image of %d"
                            .formatted(kernel.length, headerBytes));
        }
        return BootStage.of("kernel", kernel, MemoryLayout.RAM + textOffset, sizeInMemory(kernel));
    }

    private static boolean isImage(byte[] file) {
        return file.length >= HEADER_BYTES
                && ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(56) == MAGIC;
    }

    /// No machine's RAM is larger, and sums of two do not overflow.
    private static boolean isPlausible(long bytes) {
        return bytes >= 0 && bytes < GuestMemory.SIZE_BYTES_MAX;
    }

    /// What a raw file needs in RAM: its length, or what its Image header says (the BSS included).
    static long sizeInMemory(byte[] file) {
        long imageBytes =
                isImage(file)
                        ? ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(16)
                        : 0;
        // An absurd header is the next stage's affair; it only must not overflow sums here.
        return Math.max(file.length, Math.min(imageBytes, GuestMemory.SIZE_BYTES_MAX));
    }

    /// Near the end of RAM.
    static long treeAddress(long memoryBytes) {
        return MemoryLayout.RAM + (memoryBytes - TREE_BYTES_MAX & -ALIGNMENT);
    }

    private static BootRefused tooSmall(long memoryBytes, long needed) {
        return new BootRefused(
                "memory of %d MiB is too small for this kernel and initramfs: give at least %d MiB"
                        .formatted(memoryBytes >> 20, (needed >> 20) + 1));
    }

    /// Copies kernel, initramfs and tree to their places.
    static void load(
            GuestMemory memory, MachineSpec.BootImage boot, Placement placement, byte[] tree) {
        stage(boot.kernel()).load(memory);
        memory.write(placement.initrdStart(), ByteBuffer.wrap(boot.initrd()));
        memory.write(placement.treeAddress(), ByteBuffer.wrap(tree));
    }
}
