package weft.vmhost.interpreter;

import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// Loads and stores that [PageRun] leaves: those of floats go through the TLB, with one comparison
/// and one access of the host when it hits; integers come here when it does not hit, and take the
/// slow path of [VirtualMemory]. A hit is aligned, so the host's access is the guest's: single, as
/// RVWMO demands.
final class DataPath {
    private static final long PAGE_MASK = -4096;

    private final VirtualMemory memory;
    private final long tlbBase;

    DataPath(VirtualMemory memory) {
        this.memory = memory;
        tlbBase = memory.tlb().base();
    }

    /// @param op of an integer load
    long load(int op, long address) {
        return switch (op) {
            case Op.LB -> (byte) memory.load(address, 1);
            case Op.LBU -> memory.load(address, 1);
            case Op.LH -> (short) memory.load(address, 2);
            case Op.LHU -> memory.load(address, 2);
            case Op.LW -> (int) memory.load(address, 4);
            case Op.LWU -> memory.load(address, 4);
            default -> memory.load(address, 8);
        };
    }

    /// @param op of an integer store
    void store(int op, long address, long value) {
        switch (op) {
            case Op.SB -> memory.store(address, 1, value);
            case Op.SH -> memory.store(address, 2, value);
            case Op.SW -> memory.store(address, 4, value);
            default -> memory.store(address, 8, value);
        }
    }

    int load32(long address, long context) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.READ_TAG) == (address & (PAGE_MASK | 3) | context)) {
            return HostMemory.getInt(address + HostMemory.getLong(entry + Tlb.READ_ADDEND));
        }
        return (int) memory.load(address, 4);
    }

    long load64(long address, long context) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.READ_TAG) == (address & (PAGE_MASK | 7) | context)) {
            return HostMemory.getLong(address + HostMemory.getLong(entry + Tlb.READ_ADDEND));
        }
        return memory.load(address, 8);
    }

    void store32(long address, long context, int value) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.WRITE_TAG) == (address & (PAGE_MASK | 3) | context)) {
            HostMemory.putInt(address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND), value);
        } else {
            memory.store(address, 4, value);
        }
    }

    void store64(long address, long context, long value) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.WRITE_TAG) == (address & (PAGE_MASK | 7) | context)) {
            HostMemory.putLong(address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND), value);
        } else {
            memory.store(address, 8, value);
        }
    }

    private long entry(long address, long context) {
        return tlbBase + ((long) Tlb.index(address, context) << Tlb.ENTRY_SHIFT);
    }
}
