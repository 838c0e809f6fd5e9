package weft.ops.demo;

/// A step of the story did not come true.
public final class DemoFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param message what was claimed, and what was found
    public DemoFailure(String message) {
        super(message);
    }

    /// Fails unless the claim holds.
    static void unless(boolean holds, String claim, Object... found) {
        if (!holds) {
            throw new DemoFailure(claim.formatted(found));
        }
    }
}
