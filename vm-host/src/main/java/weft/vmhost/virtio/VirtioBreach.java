package weft.vmhost.virtio;

/// The driver broke a rule of the virtio specification that the device cannot answer with an error
/// in the request itself: the device stops and asks for a reset (NEEDS_RESET).
///
/// Thrown only inside the device, between a queue and its transport; carries no stack trace, since
/// a hostile guest may cause it as often as it likes.
public final class VirtioBreach extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param rule which rule, and what was found
    public VirtioBreach(String rule) {
        super(rule, null, false, false);
    }
}
