package weft.vmhost.memory;

/// A guest-physical access that reaches no memory: an address the guest gave is wrong. A hart turns
/// it into an access fault, a device into "needs reset". Carries no stack trace, because a guest
/// can cause it at will.
public final class GuestFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long address;
    private final long lengthBytes;

    public GuestFault(long address, long lengthBytes) {
        super(null, null, false, false);
        this.address = address;
        this.lengthBytes = lengthBytes;
    }

    /// The guest-physical address at which the access began.
    public long address() {
        return address;
    }

    @Override
    public String getMessage() {
        return "no guest memory at 0x%x, length %d".formatted(address, lengthBytes);
    }
}
