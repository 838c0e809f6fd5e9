package weft.vmhost.hart;

import java.util.Map;

/// What LR remembers for SC: where, and the value it saw. SC stores if the value is the same still:
/// another hart that wrote the same value meanwhile goes unnoticed, as in other emulators; no
/// lock-free algorithm written for LR/SC and for compare-and-swap can tell.
public final class Reservation {
    private static final long NONE = -1;

    private long hostAddress;
    private long value;

    public void set(long hostAddress, long value) {
        this.hostAddress = hostAddress;
        this.value = value;
    }

    public void clear() {
        hostAddress = 0;
    }

    public boolean isHeldFor(long hostAddress) {
        return hostAddress != 0 && this.hostAddress == hostAddress;
    }

    public long value() {
        return value;
    }

    /// Where it is, as an offset into RAM, so that it means the same in another process.
    void capture(Map<String, Long> into, VirtualMemory memory) {
        into.put("lr.offset", hostAddress == 0 ? NONE : memory.offset(hostAddress));
        into.put("lr.value", hostAddress == 0 ? 0 : value);
    }

    void restore(Map<String, Long> from, VirtualMemory memory) {
        long offset = from.getOrDefault("lr.offset", NONE);
        hostAddress = offset == NONE ? 0 : memory.hostAddress(offset);
        value = from.getOrDefault("lr.value", 0L);
    }
}
