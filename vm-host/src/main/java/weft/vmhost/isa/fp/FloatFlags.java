package weft.vmhost.isa.fp;

/// The accrued exception flags of one hart, as the low five bits of `fcsr` lay them out.
///
/// ```
///   4    3    2    1    0
///   NV   DZ   OF   UF   NX
/// ```
public final class FloatFlags {
    public static final int INEXACT = 1;
    public static final int UNDERFLOW = 1 << 1;
    public static final int OVERFLOW = 1 << 2;
    public static final int DIVIDE_BY_ZERO = 1 << 3;
    public static final int INVALID = 1 << 4;

    /// The `fflags` value: operations only ever set bits of it.
    public int accrued;

    void raise(int flags) {
        accrued |= flags;
    }

    boolean inexactIsAccrued() {
        return (accrued & INEXACT) != 0;
    }
}
