package weft.vmhost.hart;

import weft.vmhost.memory.HostMemory;

import java.util.Map;

/// What LR remembers for SC: where, and the value it saw. SC stores if the value is the same still:
/// another hart that wrote the same value meanwhile goes unnoticed, as in other emulators; no
/// lock-free algorithm written for LR/SC and for compare-and-swap can tell.
///
/// It stands in the hart's window, where machine code of our own finds it too.
public final class Reservation {
    private static final long NONE = -1;

    private final long address;
    private final long value;

    Reservation(long window) {
        address = window + HartWindow.RESERVED_ADDRESS;
        value = window + HartWindow.RESERVED_VALUE;
    }

    public void set(long hostAddress, long value) {
        HostMemory.putLong(address, hostAddress);
        HostMemory.putLong(this.value, value);
    }

    public void clear() {
        HostMemory.putLong(address, 0);
    }

    public boolean isHeldFor(long hostAddress) {
        return hostAddress != 0 && HostMemory.getLong(address) == hostAddress;
    }

    public long value() {
        return HostMemory.getLong(value);
    }

    /// Where it is, as an offset into RAM, so that it means the same in another process.
    void capture(Map<String, Long> into, VirtualMemory memory) {
        long hostAddress = HostMemory.getLong(address);
        into.put("lr.offset", hostAddress == 0 ? NONE : memory.offset(hostAddress));
        into.put("lr.value", hostAddress == 0 ? 0 : value());
    }

    void restore(Map<String, Long> from, VirtualMemory memory) {
        long offset = from.getOrDefault("lr.offset", NONE);
        set(offset == NONE ? 0 : memory.hostAddress(offset), from.getOrDefault("lr.value", 0L));
    }
}
