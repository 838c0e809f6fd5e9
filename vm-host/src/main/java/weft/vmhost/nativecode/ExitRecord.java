package weft.vmhost.nativecode;

import weft.vmhost.isa.Op;
import weft.vmhost.memory.HostMemory;

/// What stands in the code behind each place where it is left.
///
/// ```
///   0      the decoded instruction to be interpreted, or why not
///   8      where to go on behind it, from the cache's first byte, or 0
///   12     its slot
///   14     how many instructions of the block were counted and not executed; with FLOATS set, to
///          go on takes the permission to execute floats
/// ```
final class ExitRecord {
    /// Instead of an instruction: the block does not fit into the budget.
    static final long BUDGET = Op.UNDECODED;

    /// Instead of an instruction: checked code met an address that is not the guest's.
    static final long BROKEN = Op.PAGE_END;

    static final int FLOATS = 0x8000;

    private ExitRecord() {}

    static void write(Assembler code, long d, int slot, int counted, int resume) {
        code.putLong(d);
        code.putInt(resume);
        code.putShort(slot);
        code.putShort(counted);
    }

    static long instruction(long record) {
        return HostMemory.getLong(record);
    }

    static int resume(long record) {
        return HostMemory.getInt(record + 8);
    }

    static int slot(long record) {
        return HostMemory.getShort(record + 12);
    }

    static int counted(long record) {
        return HostMemory.getShort(record + 14) & FLOATS - 1;
    }

    static boolean needsFloats(long record) {
        return (HostMemory.getShort(record + 14) & FLOATS) != 0;
    }
}
