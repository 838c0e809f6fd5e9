package weft.vmhost.memory;

import org.jspecify.annotations.Nullable;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/// Guest-physical address space: RAM and the devices' registers. Harts come here only when their
/// TLB does not lead to RAM. Devices are attached before the harts run.
public final class PhysicalBus {
    private record Window(long base, long sizeBytes, MmioDevice device) {
        boolean contains(long address, int sizeBytes) {
            return address - base <= this.sizeBytes - sizeBytes;
        }
    }

    private final GuestMemory memory;
    private volatile NavigableMap<Long, Window> windows = new TreeMap<>();

    public PhysicalBus(GuestMemory memory) {
        this.memory = memory;
    }

    public GuestMemory memory() {
        return memory;
    }

    /// Places a device's registers at `[base, base + sizeBytes)`; the range must be free.
    public synchronized void attach(long base, long sizeBytes, MmioDevice device) {
        if (base < 0 || sizeBytes <= 0 || sizeBytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "device at 0x%x, size %d".formatted(base, sizeBytes));
        }
        long end = base + sizeBytes;
        Map.Entry<Long, Window> below = windows.lowerEntry(end);
        boolean meetsDevice = below != null && below.getKey() + below.getValue().sizeBytes() > base;
        boolean meetsRam =
                base < memory.baseAddress() + memory.sizeBytes() && end > memory.baseAddress();
        if (meetsDevice || meetsRam) {
            throw new IllegalArgumentException(
                    "address range 0x%x..0x%x is taken".formatted(base, end));
        }
        NavigableMap<Long, Window> next = new TreeMap<>(windows);
        next.put(base, new Window(base, sizeBytes, device));
        windows = next;
    }

    /// Loads from RAM or a device, zero-extended. A misaligned load or one from no device at all is
    /// a [GuestFault].
    public long load(long address, int sizeBytes) {
        if (memory.contains(address, sizeBytes)) {
            return memory.load(address, sizeBytes);
        }
        Window window = windowAt(address, sizeBytes);
        return window.device().load((int) (address - window.base()), sizeBytes);
    }

    /// Stores to RAM or a device; the same faults as [#load].
    public void store(long address, int sizeBytes, long value) {
        if (memory.contains(address, sizeBytes)) {
            memory.store(address, sizeBytes, value);
            return;
        }
        Window window = windowAt(address, sizeBytes);
        window.device().store((int) (address - window.base()), sizeBytes, value);
    }

    /// Whether a device's registers lie at all of this range.
    public boolean isDevice(long address, int sizeBytes) {
        Map.@Nullable Entry<Long, Window> entry = windows.floorEntry(address);
        return entry != null && entry.getValue().contains(address, sizeBytes);
    }

    private Window windowAt(long address, int sizeBytes) {
        Map.@Nullable Entry<Long, Window> entry = windows.floorEntry(address);
        if (address < 0
                || (address & sizeBytes - 1) != 0
                || entry == null
                || !entry.getValue().contains(address, sizeBytes)) {
            throw new GuestFault(address, sizeBytes);
        }
        return entry.getValue();
    }
}
