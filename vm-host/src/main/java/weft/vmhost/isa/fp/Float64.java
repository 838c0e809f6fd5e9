package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.INEXACT;
import static weft.vmhost.isa.fp.FloatFormat.BINARY64;

/// binary64 arithmetic: on the host's `double` when that is provably the same, in integers else.
///
/// The host rounds to nearest even and tells no flags. So its result is taken only for RNE, and
/// only if no flag but inexact can be due; whether inexact is due is read off an error-free
/// transformation (the exact rounding error, itself a double), and need not be read when inexact is
/// accrued already. The bounds keep those transformations free of overflow and underflow. NaNs fail
/// every comparison and so always take the exact path, which makes them canonical.
final class Float64 {
    /// Above it a residual of a product or quotient is a multiple of the smallest subnormal: 2 × 53
    /// significand bits above 2^-1074 is 2^-968.
    private static final double RESIDUAL_IS_EXACT = 0x1p-960;

    /// Below it no intermediate of an error-free transformation overflows.
    private static final double CANNOT_OVERFLOW = 0x1p1020;

    private Float64() {}

    static long add(long a, long b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double sum = x + y;
            // A sum is never inexact and subnormal at once.
            if (flags.inexactIsAccrued() && Math.abs(sum) <= Double.MAX_VALUE) {
                return Double.doubleToRawLongBits(sum);
            }
            if (Math.abs(x) < CANNOT_OVERFLOW && Math.abs(y) < CANNOT_OVERFLOW) {
                if (sumError(x, y, sum) != 0) {
                    flags.raise(INEXACT);
                }
                return Double.doubleToRawLongBits(sum);
            }
        }
        return SoftArithmetic.add(BINARY64, a, b, roundingMode, flags);
    }

    static long multiply(long a, long b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double product = x * y;
            double size = Math.abs(product);
            if (flags.inexactIsAccrued() && isSafelyNormal(size)) {
                return Double.doubleToRawLongBits(product);
            }
            if (size > RESIDUAL_IS_EXACT && size < CANNOT_OVERFLOW) {
                if (Math.fma(x, y, -product) != 0) {
                    flags.raise(INEXACT);
                }
                return Double.doubleToRawLongBits(product);
            }
            if (product == 0 && (x == 0 || y == 0)) {
                return Double.doubleToRawLongBits(product);
            }
        }
        return SoftArithmetic.multiply(BINARY64, a, b, roundingMode, flags);
    }

    static long divide(long a, long b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double quotient = x / y;
            double size = Math.abs(quotient);
            if (flags.inexactIsAccrued() && isSafelyNormal(size)) {
                return Double.doubleToRawLongBits(quotient);
            }
            if (Math.abs(x) > RESIDUAL_IS_EXACT
                    && Math.abs(x) < CANNOT_OVERFLOW
                    && size > Double.MIN_NORMAL
                    && size < CANNOT_OVERFLOW) {
                if (Math.fma(-quotient, y, x) != 0) {
                    flags.raise(INEXACT);
                }
                return Double.doubleToRawLongBits(quotient);
            }
        }
        return SoftArithmetic.divide(BINARY64, a, b, roundingMode, flags);
    }

    static long squareRoot(long a, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            double x = Double.longBitsToDouble(a);
            if (x > RESIDUAL_IS_EXACT && x <= Double.MAX_VALUE) {
                double root = Math.sqrt(x);
                if (Math.fma(-root, root, x) != 0) {
                    flags.raise(INEXACT);
                }
                return Double.doubleToRawLongBits(root);
            }
        }
        return SoftArithmetic.squareRoot(BINARY64, a, roundingMode, flags);
    }

    static long multiplyAdd(long a, long b, long c, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double z = Double.longBitsToDouble(c);
            double result = Math.fma(x, y, z);
            if (flags.inexactIsAccrued() && isSafelyNormal(Math.abs(result))) {
                return Double.doubleToRawLongBits(result);
            }
            double product = x * y;
            if (Math.abs(product) > RESIDUAL_IS_EXACT
                    && Math.abs(product) < CANNOT_OVERFLOW
                    && Math.abs(z) < CANNOT_OVERFLOW) {
                if (multiplyAddIsInexact(x, y, z, product, result)) {
                    flags.raise(INEXACT);
                }
                return Double.doubleToRawLongBits(result);
            }
        }
        return SoftArithmetic.multiplyAdd(BINARY64, a, b, c, roundingMode, flags);
    }

    /// Boldo and Muller, "Exact and Approximated Error of the FMA": the error is `gamma + low`,
    /// exactly.
    private static boolean multiplyAddIsInexact(
            double x, double y, double z, double product, double result) {
        double productError = Math.fma(x, y, -product);
        double inner = z + productError;
        double low = sumError(z, productError, inner);
        double outer = product + inner;
        double outerError = sumError(product, inner, outer);
        double gamma = (outer - result) + outerError;
        return gamma != -low;
    }

    /// Knuth's TwoSum: the exact error of `sum = x + y`.
    private static double sumError(double x, double y, double sum) {
        double yPart = sum - x;
        return (x - (sum - yPart)) + (y - yPart);
    }

    /// Whether a host result of this size needs no flag but inexact. The smallest normal number
    /// itself is out: it may be tiny before it was rounded.
    private static boolean isSafelyNormal(double size) {
        return size > Double.MIN_NORMAL && size <= Double.MAX_VALUE;
    }
}
