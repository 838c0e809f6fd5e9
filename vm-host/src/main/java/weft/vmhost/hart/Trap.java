package weft.vmhost.hart;

/// A synchronous exception of the instruction under execution, on its way to the engine, which
/// knows the instruction's pc. It unwinds the slow paths; no architectural state has changed yet.
public final class Trap extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int cause;
    private final long value;

    /// @param cause a [TrapCause]
    /// @param value what goes to `mtval` or `stval`
    public Trap(int cause, long value) {
        super(null, null, false, false);
        this.cause = cause;
        this.value = value;
    }

    public int cause() {
        return cause;
    }

    public long value() {
        return value;
    }

    @Override
    public String getMessage() {
        return "trap, cause %d, value 0x%x".formatted(cause, value);
    }
}
