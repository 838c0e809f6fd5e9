package weft.vmhost.machine;

/// The machine cannot be started with these files or this memory; the message says why, in one
/// line, to the person who chose them.
public final class BootRefused extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /// @param reason what was expected, what was found, what to do
    public BootRefused(String reason) {
        super(reason);
    }
}
