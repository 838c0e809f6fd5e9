package weft.ops.admin;

/// A request that is not carried out, with the reason in one line fit for people: what was wrong,
/// and what to do. Nothing was changed.
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// Whose fault it is; decides the exit code.
    public enum Kind {
        /// The request itself is wrong: a name, a size, an unknown object.
        BAD_REQUEST,
        /// The request is fine, but the fabric's state does not allow it now.
        STATE
    }

    private final Kind kind;

    private Refusal(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /// Whose fault it is.
    public Kind kind() {
        return kind;
    }

    /// What was wrong with the request.
    public static Refusal badRequest(String format, Object... arguments) {
        return new Refusal(Kind.BAD_REQUEST, format.formatted(arguments));
    }

    /// Why the fabric cannot do it now.
    public static Refusal state(String format, Object... arguments) {
        return new Refusal(Kind.STATE, format.formatted(arguments));
    }
}
