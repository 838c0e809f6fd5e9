package weft.vmhost.hart;

/// What LR remembers for SC: where, and the value it saw. SC stores if the value is the same still:
/// another hart that wrote the same value meanwhile goes unnoticed, as in other emulators; no
/// lock-free algorithm written for LR/SC and for compare-and-swap can tell.
public final class Reservation {
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
}
