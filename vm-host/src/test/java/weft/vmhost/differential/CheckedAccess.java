package weft.vmhost.differential;

import weft.vmhost.hart.Hart;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// What [CheckedClasses] has each access to host memory ask first: whether it lies in the guest's
/// RAM, in the hart's TLB, or in the array that it names. One hart at a time.
public final class CheckedAccess {
    private record Bounds(long ramBegin, long ramEnd, long tlbBegin, long tlbEnd) {}

    /// None yet: what is accessed while a machine is built is not asked for.
    private static volatile Bounds[] bounds = {};

    private static long atAddresses;
    private static long ofElements;

    private CheckedAccess() {}

    /// From now on, this hart's memory is what may be accessed.
    static void confineTo(Hart hart) {
        long tlb = hart.tlb().base();
        long tables = Tlb.CODE_TAG + ((long) Tlb.FETCH_ENTRIES << Tlb.CODE_ENTRY_SHIFT);
        bounds =
                new Bounds[] {
                    new Bounds(
                            hart.memory().hostBegin(),
                            hart.memory().hostEnd(),
                            tlb - Tlb.WINDOW_BYTES,
                            tlb + tables)
                };
    }

    /// How many accesses were asked about, of one thread: the fewer of the two kinds.
    static long count() {
        return Math.min(atAddresses, ofElements);
    }

    public static void ofAddress(long address, int sizeBytes) {
        for (Bounds known : bounds) {
            atAddresses++;
            long end = address + sizeBytes;
            if ((address < known.ramBegin || end > known.ramEnd)
                    && (address < known.tlbBegin || end > known.tlbEnd)) {
                throw new AssertionError(
                        "%d bytes at %x are accessed; %s".formatted(sizeBytes, address, known));
            }
        }
    }

    public static void ofElement(long[] array, long place, int sizeBytes) {
        ofElements++;
        long at = place - HostMemory.FIRST_ELEMENT;
        if (at < 0 || at + sizeBytes > 8L * array.length) {
            throw new AssertionError(
                    "%d bytes at %d of %d elements are accessed"
                            .formatted(sizeBytes, at, array.length));
        }
    }
}
