package weft.vmhost.isa.fp;

/// The rounding modes as the `rm` field and `frm` encode them. Ints, not an enum: they are passed
/// on the interpreter's hot path straight from the instruction word.
public final class RoundingMode {
    /// To nearest, ties to even.
    public static final int RNE = 0;

    /// Towards zero.
    public static final int RTZ = 1;

    /// Down, towards minus infinity.
    public static final int RDN = 2;

    /// Up, towards plus infinity.
    public static final int RUP = 3;

    /// To nearest, ties to the larger magnitude.
    public static final int RMM = 4;

    private RoundingMode() {}

    /// Whether `mode` names one of the five modes (5 and 6 are reserved, 7 means "look in frm").
    public static boolean isValid(int mode) {
        return mode >= RNE && mode <= RMM;
    }

    /// Whether a magnitude must be rounded away from zero.
    ///
    /// @param remainder what is cut off, in units where `half` is half of the last kept place
    static boolean roundsAway(
            int mode, boolean negative, boolean lastKeptBitSet, long remainder, long half) {
        return switch (mode) {
            case RNE -> {
                int order = Long.compareUnsigned(remainder, half);
                yield order > 0 || (order == 0 && lastKeptBitSet);
            }
            case RTZ -> false;
            case RDN -> negative && remainder != 0;
            case RUP -> !negative && remainder != 0;
            case RMM -> Long.compareUnsigned(remainder, half) >= 0;
            default -> throw new IllegalArgumentException("no rounding mode " + mode);
        };
    }
}
