package weft.runtime;

/// A promise that protects data does not hold. Whoever meets it stops the object concerned; it
/// never guesses on. Not for bad input, and not for the world's failures (those are IOExceptions).
public final class BrokenInvariant extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param what what was expected, what was found, and of which object
    public BrokenInvariant(String what) {
        super(what);
    }
}
