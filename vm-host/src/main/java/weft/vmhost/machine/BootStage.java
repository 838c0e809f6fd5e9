package weft.vmhost.machine;

import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/// One file that belongs into RAM and can be jumped to: firmware, what it goes on to, or a kernel;
/// an ELF, which says where it belongs, or raw bytes for an address that is given.
///
/// @param entry its first instruction
/// @param start its first byte
/// @param end behind its last byte, its BSS included as far as the file knows of it
/// @param raw the file; shared and not to be changed
/// @param elf the file as an ELF, if it is one
record BootStage(long entry, long start, long end, byte[] raw, Optional<ElfProgram> elf) {
    private static final HexFormat HEX = HexFormat.of();

    /// First bytes of files that nothing can jump to, and what to do with them.
    private static final Map<String, String> FOREIGN =
            Map.of(
                    "1f8b",
                    "gzip-compressed: unpack it first (gunzip gives the Image)",
                    "fd377a585a00",
                    "xz-compressed: unpack it first",
                    "28b52ffd",
                    "zstd-compressed: unpack it first",
                    "425a68",
                    "bzip2-compressed: unpack it first",
                    "4d5a00007a696d67",
                    "an EFI zboot file, a kernel compressed within: give the Image",
                    "27051956",
                    "a uImage of U-Boot's: give the Image within",
                    "d00dfeed",
                    "a device tree or FIT image: give the Image within");

    /// "ARM\x64" at 56 (Documentation/arch/arm64/booting.rst).
    private static final int ARM_MAGIC = 0x644d_5241;

    private static final int ARM_MAGIC_AT = 56;

    /// "HdrS" (Documentation/arch/x86/boot.rst).
    private static final int X86_MAGIC = 0x5372_6448;

    private static final int X86_MAGIC_AT = 0x202;

    /// Recognises a file.
    ///
    /// @param what names the file in errors
    /// @param rawAddress where it belongs if it does not say so itself
    /// @param rawBytes what it takes there, at least its length
    /// @throws BootRefused if nothing can jump to it
    static BootStage of(String what, byte[] file, long rawAddress, long rawBytes) {
        if (file.length == 0) {
            throw new BootRefused(what + " is an empty file");
        }
        if (ElfProgram.isElf(file)) {
            try {
                ElfProgram program = ElfProgram.parse(file);
                return new BootStage(
                        program.entry(),
                        program.start(),
                        program.end(),
                        file,
                        Optional.of(program));
            } catch (BootRefused e) {
                throw new BootRefused(what + ": " + e.getMessage());
            }
        }
        checkIsNotForeign(what, file);
        assert rawBytes >= file.length;
        return new BootStage(rawAddress, rawAddress, rawAddress + rawBytes, file, Optional.empty());
    }

    /// A raw file may be anything, but some kinds say of themselves that they cannot be started.
    private static void checkIsNotForeign(String what, byte[] file) {
        String start = HEX.formatHex(file, 0, Math.min(8, file.length));
        FOREIGN.forEach((magic, reason) -> {
            if (start.startsWith(magic)) {
                throw new BootRefused(what + " is " + reason);
            }
        });
        ByteBuffer header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        if (file.length >= ARM_MAGIC_AT + 8 && header.getInt(ARM_MAGIC_AT) == ARM_MAGIC) {
            throw new BootRefused(what + " is an Image of another machine: AArch64, not RISC-V");
        }
        if (file.length >= X86_MAGIC_AT + 4 && header.getInt(X86_MAGIC_AT) == X86_MAGIC) {
            throw new BootRefused(what + " is a bzImage of another machine: x86, not RISC-V");
        }
    }

    /// The same, entered as QEMU enters kernels.
    BootStage asKernel() {
        return new BootStage(
                elf.map(ElfProgram::entryAsKernel).orElse(entry), start, end, raw, elf);
    }

    boolean overlaps(BootStage other) {
        return start < other.end && other.start < end;
    }

    /// Copies it to its place.
    void load(GuestMemory memory) {
        elf.ifPresentOrElse(
                program -> program.load(memory), () -> memory.write(start, ByteBuffer.wrap(raw)));
    }
}
