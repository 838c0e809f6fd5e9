package weft.vmhost.machine;

import java.nio.ByteBuffer;
import java.util.Map;

/// What an ELF header says of the computer a file is for (`e_machine`).
final class ElfMachine {
    /// 0x7f "ELF", little-endian.
    static final int MAGIC = 0x464c_457f;

    static final int RISC_V = 243;

    /// So many bytes of a header say what the file is for, with 32 bits or 64.
    static final int IDENTIFYING_BYTES = 20;

    private static final Map<Integer, String> NAMES =
            Map.of(
                    3,
                    "x86 (32 bit)",
                    62,
                    "x86-64",
                    40,
                    "ARM (32 bit)",
                    183,
                    "AArch64",
                    RISC_V,
                    "RISC-V");

    private ElfMachine() {}

    /// @param elf little-endian, at least [#IDENTIFYING_BYTES]
    static int of(ByteBuffer elf) {
        return elf.getShort(18) & 0xffff;
    }

    static String nameOf(int machine) {
        return NAMES.getOrDefault(machine, "machine number " + machine);
    }
}
