package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.INEXACT;
import static weft.vmhost.isa.fp.FloatFormat.BINARY32;

/// binary32 arithmetic: on the host's `float` when that is provably the same, in integers else.
///
/// As in [Float64], but the rounding error is judged in `double`, which holds the product of any
/// two floats exactly, so that no bounds are needed: a finite result that is exact needs no flag at
/// all, one that is inexact and greater than the smallest normal number needs inexact only.
final class Float32 {
    private Float32() {}

    static int add(int a, int b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float sum = x + y;
            double wide = (double) x + y;
            boolean exact = wide == sum && sumError(x, y, wide) == 0;
            if (settles(sum, exact, flags)) {
                return Float.floatToRawIntBits(sum);
            }
        }
        return (int) SoftArithmetic.add(BINARY32, bits(a), bits(b), roundingMode, flags);
    }

    static int multiply(int a, int b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float product = x * y;
            if (settles(product, (double) x * y == product, flags)) {
                return Float.floatToRawIntBits(product);
            }
        }
        return (int) SoftArithmetic.multiply(BINARY32, bits(a), bits(b), roundingMode, flags);
    }

    static int divide(int a, int b, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float quotient = x / y;
            // An infinite divisor fails "exact" (0 × ∞ is NaN), a zero divisor gives no finite
            // quotient: both take the exact path.
            if (settles(quotient, (double) quotient * y == x, flags)) {
                return Float.floatToRawIntBits(quotient);
            }
        }
        return (int) SoftArithmetic.divide(BINARY32, bits(a), bits(b), roundingMode, flags);
    }

    static int squareRoot(int a, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            float x = Float.intBitsToFloat(a);
            float root = (float) Math.sqrt(x);
            if (settles(root, (double) root * root == x, flags)) {
                return Float.floatToRawIntBits(root);
            }
        }
        return (int) SoftArithmetic.squareRoot(BINARY32, bits(a), roundingMode, flags);
    }

    static int multiplyAdd(int a, int b, int c, int roundingMode, FloatFlags flags) {
        if (roundingMode == RoundingMode.RNE) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float z = Float.intBitsToFloat(c);
            float result = Math.fma(x, y, z);
            double product = (double) x * y;
            double wide = product + z;
            boolean exact = wide == result && sumError(product, z, wide) == 0;
            if (settles(result, exact, flags)) {
                return Float.floatToRawIntBits(result);
            }
        }
        return (int)
                SoftArithmetic.multiplyAdd(
                        BINARY32, bits(a), bits(b), bits(c), roundingMode, flags);
    }

    /// Whether the host's result stands; raises inexact if it stands and is due.
    private static boolean settles(float result, boolean exact, FloatFlags flags) {
        float size = Math.abs(result);
        if (!(size <= Float.MAX_VALUE)) {
            return false;
        }
        if (exact) {
            return true;
        }
        if (size > Float.MIN_NORMAL) {
            flags.raise(INEXACT);
            return true;
        }
        return false;
    }

    /// Knuth's TwoSum: the exact error of `sum = x + y`. Nothing here comes near a double's range.
    private static double sumError(double x, double y, double sum) {
        double yPart = sum - x;
        return (x - (sum - yPart)) + (y - yPart);
    }

    private static long bits(int value) {
        return value & 0xffff_ffffL;
    }
}
