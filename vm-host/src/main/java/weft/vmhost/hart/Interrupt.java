package weft.vmhost.hart;

/// Interrupt causes, as bits of `mip` and `mie`.
public final class Interrupt {
    public static final int SUPERVISOR_SOFTWARE = 1 << 1;
    public static final int MACHINE_SOFTWARE = 1 << 3;
    public static final int SUPERVISOR_TIMER = 1 << 5;
    public static final int MACHINE_TIMER = 1 << 7;
    public static final int SUPERVISOR_EXTERNAL = 1 << 9;
    public static final int MACHINE_EXTERNAL = 1 << 11;

    static final int SUPERVISOR = SUPERVISOR_SOFTWARE | SUPERVISOR_TIMER | SUPERVISOR_EXTERNAL;
    static final int ALL = SUPERVISOR | MACHINE_SOFTWARE | MACHINE_TIMER | MACHINE_EXTERNAL;

    /// The order in which the Privileged ISA wants simultaneous interrupts taken.
    private static final int[] BY_PRIORITY = {
        MACHINE_EXTERNAL,
        MACHINE_SOFTWARE,
        MACHINE_TIMER,
        SUPERVISOR_EXTERNAL,
        SUPERVISOR_SOFTWARE,
        SUPERVISOR_TIMER
    };

    private Interrupt() {}

    /// The one to take of several, at least one.
    static int first(int bits) {
        for (int bit : BY_PRIORITY) {
            if ((bits & bit) != 0) {
                return bit;
            }
        }
        throw new IllegalArgumentException("no interrupt in 0x%x".formatted(bits));
    }
}
