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

    /// "ARM\x64" at 56 (Documentation/arch/arm64/booting.rst).
    private static final int ARM_MAGIC = 0x644d_5241;

    /// "HdrS" (Documentation/arch/x86/boot.rst).
    private static final int X86_MAGIC = 0x5372_6448;

    private static final int X86_MAGIC_AT = 0x202;
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
        long headerBytes = header.getLong(16);
        if (!isPlausible(textOffset) || !isPlausible(headerBytes)) {
            throw new BootRefused(
                    "kernel's header is absurd: 0x%x bytes at offset 0x%x; is the file damaged?"
                            .formatted(headerBytes, textOffset));
        }
        long imageBytes = Math.max(headerBytes, kernel.length);
        if (textOffset % GuestMemory.PAGE_BYTES != 0) {
            throw new BootRefused(
                    "kernel's header is absurd: its offset 0x%x is not a multiple of 4 KiB"
                            .formatted(textOffset));
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

    /// No machine's RAM is larger, and sums of two do not overflow.
    private static boolean isPlausible(long bytes) {
        return bytes >= 0 && bytes < GuestMemory.SIZE_BYTES_MAX;
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
        if (kernel.length >= ElfMachine.IDENTIFYING_BYTES && header.getInt(0) == ElfMachine.MAGIC) {
            throw new BootRefused(elfReason(header));
        }
        checkIsNotForeign("kernel", kernel);
        if (kernel.length < HEADER_BYTES || header.getInt(56) != MAGIC) {
            throw new BootRefused(
                    "kernel is no kernel: no RISC-V Image header found (expected the file"
                            + " arch/riscv/boot/Image, or Debian's /boot/vmlinux-*-riscv64)");
        }
        if ((header.getLong(24) & 1) != 0) {
            throw new BootRefused("kernel is big-endian; this machine is little-endian");
        }
    }

    /// A raw file may be anything, but some kinds say of themselves that they cannot be started.
    ///
    /// @param what names the file in errors
    /// @throws BootRefused if it is compressed, or a kernel of another machine
    static void checkIsNotForeign(String what, byte[] file) {
        ByteBuffer header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        if (file.length >= 2 && (header.getShort(0) & 0xffff) == 0x8b1f) {
            throw new BootRefused(
                    what + " is gzip-compressed: unpack it first (gunzip gives the Image)");
        }
        if (file.length >= HEADER_BYTES && header.getInt(56) == ARM_MAGIC) {
            throw new BootRefused(what + " is an Image of another machine: AArch64, not RISC-V");
        }
        if (file.length >= X86_MAGIC_AT + 4 && header.getInt(X86_MAGIC_AT) == X86_MAGIC) {
            throw new BootRefused(what + " is a bzImage of another machine: x86, not RISC-V");
        }
    }

    private static String elfReason(ByteBuffer elf) {
        int machine = ElfMachine.of(elf);
        if (machine != ElfMachine.RISC_V) {
            return "kernel is an ELF of another machine: %s, not RISC-V"
                    .formatted(ElfMachine.nameOf(machine));
        }
        return elf.get(4) == 1
                ? "kernel is for 32-bit RISC-V; this machine has 64 bits"
                : "kernel is an ELF file: give the raw Image (objcopy -O binary makes it)";
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
