package weft.vmhost.interpreter;

import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// Loads and stores through the TLB: one comparison and one access of the host when it hits, the
/// slow path of [VirtualMemory] when not. A hit is aligned, so the host's access is the guest's:
/// single, as RVWMO demands.
final class DataPath {
    private static final long PAGE_MASK = -4096;

    private final VirtualMemory memory;
    private final long tlbBase;

    DataPath(VirtualMemory memory) {
        this.memory = memory;
        tlbBase = memory.tlb().base();
    }

    byte load8(long address, long context) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.READ_TAG) == (address & PAGE_MASK | context)) {
            return HostMemory.getByte(address + HostMemory.getLong(entry + Tlb.READ_ADDEND));
        }
        return (byte) memory.load(address, 1);
    }

    short load16(long address, long context) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.READ_TAG) == (address & (PAGE_MASK | 1) | context)) {
            return HostMemory.getShort(address + HostMemory.getLong(entry + Tlb.READ_ADDEND));
        }
        return (short) memory.load(address, 2);
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

    void store8(long address, long context, byte value) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.WRITE_TAG) == (address & PAGE_MASK | context)) {
            HostMemory.putByte(address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND), value);
        } else {
            memory.store(address, 1, value);
        }
    }

    void store16(long address, long context, short value) {
        long entry = entry(address, context);
        if (HostMemory.getLong(entry + Tlb.WRITE_TAG) == (address & (PAGE_MASK | 1) | context)) {
            HostMemory.putShort(address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND), value);
        } else {
            memory.store(address, 2, value);
        }
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
