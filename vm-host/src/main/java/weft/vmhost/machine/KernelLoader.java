package weft.vmhost.machine;

import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Puts kernel, initramfs and device tree into RAM, or says why that cannot work.
///
/// ```
/// RAM + text_offset   kernel, image_size long (its BSS included)
/// …                   free
/// below the tree      initramfs, page-aligned
/// end - 2 MiB         device tree
/// ```
///
/// The kernel is a RISC-V `Image` (Linux, Documentation/arch/riscv/boot-image-header.rst):
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
        byte[] kernel = boot.kernel();
        checkIsImage(kernel);
        ByteBuffer header = ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN);
        long textOffset = header.getLong(8);
        long imageBytes = Math.max(header.getLong(16), kernel.length);
        if (textOffset < 0
                || textOffset > memoryBytes
                || imageBytes > memoryBytes
                || header.getLong(16) < 0) {
            throw tooSmall(memoryBytes, kernel.length + WORKING_BYTES);
        }
        if (kernel.length < header.getLong(16) / 2) {
            throw new BootRefused(
                    "kernel is truncated: %d bytes of an image of %d"
                            .formatted(kernel.length, header.getLong(16)));
        }
        InitramfsCheck.check(boot.initrd());
        long treeAddress = treeAddress(memoryBytes);
        long initrdStart = treeAddress - boot.initrd().length & -GuestMemory.PAGE_BYTES;
        long kernelEnd = MemoryLayout.RAM + textOffset + imageBytes;
        long needed =
                textOffset
                        + imageBytes
                        + 3L * boot.initrd().length
                        + WORKING_BYTES
                        + 2L * TREE_BYTES_MAX;
        if (kernelEnd > initrdStart || memoryBytes < needed) {
            throw tooSmall(memoryBytes, needed);
        }
        return new Placement(
                MemoryLayout.RAM + textOffset,
                initrdStart,
                initrdStart + boot.initrd().length,
                treeAddress);
    }

    /// What a raw file needs in RAM: its length, or what its Image header says (the BSS included).
    static long sizeInMemory(byte[] file) {
        ByteBuffer header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        boolean image = file.length >= HEADER_BYTES && header.getInt(56) == MAGIC;
        long imageBytes = image ? header.getLong(16) : 0;
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

    private static void checkIsImage(byte[] kernel) {
        ByteBuffer header = ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN);
        if (kernel.length >= 20 && header.getInt(0) == ElfMachine.MAGIC) {
            throw new BootRefused(elfReason(header.getShort(18) & 0xffff));
        }
        if (kernel.length >= 2 && (header.getShort(0) & 0xffff) == 0x8b1f) {
            throw new BootRefused(
                    "kernel is gzip-compressed: unpack it first (gunzip gives the Image)");
        }
        if (kernel.length < HEADER_BYTES || header.getInt(56) != MAGIC) {
            boolean arm = kernel.length >= HEADER_BYTES && header.getInt(56) == 0x644d_5241;
            throw new BootRefused(
                    arm
                            ? "kernel is an Image of another machine: AArch64, not RISC-V"
                            : "kernel is no kernel: no RISC-V Image header found (expected the file"
                                  + " arch/riscv/boot/Image, or Debian's /boot/vmlinux-*-riscv64)");
        }
        if ((header.getLong(24) & 1) != 0) {
            throw new BootRefused("kernel is big-endian; this machine is little-endian");
        }
    }

    private static String elfReason(int machine) {
        return machine == ElfMachine.RISC_V
                ? "kernel is an ELF file: give the raw Image (objcopy -O binary makes it)"
                : "kernel is an ELF of another machine: "
                        + ElfMachine.nameOf(machine)
                        + ", not RISC-V";
    }

    /// Copies kernel, initramfs and tree to their places.
    static void load(
            GuestMemory memory, MachineSpec.BootImage boot, Placement placement, byte[] tree) {
        assert tree.length <= TREE_BYTES_MAX;
        memory.write(placement.entry(), ByteBuffer.wrap(boot.kernel()));
        memory.write(placement.initrdStart(), ByteBuffer.wrap(boot.initrd()));
        memory.write(placement.treeAddress(), ByteBuffer.wrap(tree));
    }
}
