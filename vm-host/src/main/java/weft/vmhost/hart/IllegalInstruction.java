package weft.vmhost.hart;

/// The instruction under execution is illegal for a reason of state: a CSR that does not exist or
/// is not accessible here, an instruction this privilege may not execute. The engine knows the
/// instruction's bits and makes the [Trap] of it.
public final class IllegalInstruction extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public IllegalInstruction() {
        super(null, null, false, false);
    }
}
