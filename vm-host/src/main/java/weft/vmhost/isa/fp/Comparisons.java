package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.INVALID;

/// Comparisons, minimum and maximum, and the class of a number; written once for both formats.
final class Comparisons {
    private Comparisons() {}

    /// FEQ is quiet: only a signalling NaN is invalid.
    static boolean equal(FloatFormat format, long a, long b, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            format.nanOf(a, b, flags);
            return false;
        }
        return order(format, a) == order(format, b);
    }

    /// FLT signals: any NaN is invalid.
    static boolean less(FloatFormat format, long a, long b, FloatFlags flags) {
        return comparable(format, a, b, flags) && order(format, a) < order(format, b);
    }

    /// FLE signals: any NaN is invalid.
    static boolean lessOrEqual(FloatFormat format, long a, long b, FloatFlags flags) {
        return comparable(format, a, b, flags) && order(format, a) <= order(format, b);
    }

    private static boolean comparable(FloatFormat format, long a, long b, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            flags.raise(INVALID);
            return false;
        }
        return true;
    }

    /// A long that orders as the numbers do, both zeros alike.
    private static long order(FloatFormat format, long bits) {
        long magnitude = format.magnitude(bits);
        return format.isNegative(bits) ? -magnitude : magnitude;
    }

    /// IEEE 754-2019 minimumNumber: a NaN loses against a number; −0 is less than +0.
    static long minimum(FloatFormat format, long a, long b, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            return numberOrNan(format, a, b, flags);
        }
        if (order(format, a) == order(format, b)) {
            return format.isNegative(a) ? a : b;
        }
        return order(format, a) < order(format, b) ? a : b;
    }

    /// IEEE 754-2019 maximumNumber: a NaN loses against a number; +0 is greater than −0.
    static long maximum(FloatFormat format, long a, long b, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            return numberOrNan(format, a, b, flags);
        }
        if (order(format, a) == order(format, b)) {
            return format.isNegative(a) ? b : a;
        }
        return order(format, a) > order(format, b) ? a : b;
    }

    private static long numberOrNan(FloatFormat format, long a, long b, FloatFlags flags) {
        long nan = format.nanOf(a, b, flags);
        if (!format.isNan(a)) {
            return a;
        }
        return format.isNan(b) ? nan : b;
    }

    /// FCLASS: one bit of ten, in the order −∞, −normal, −subnormal, −0, +0, +subnormal, +normal,
    /// +∞, signalling NaN, quiet NaN.
    static int classify(FloatFormat format, long bits) {
        if (format.isNan(bits)) {
            return format.isSignallingNan(bits) ? 1 << 8 : 1 << 9;
        }
        int size; // 0 zero, 1 subnormal, 2 normal, 3 infinite
        if (format.isInfinite(bits)) {
            size = 3;
        } else if (format.isZero(bits)) {
            size = 0;
        } else {
            size = format.magnitude(bits) >>> format.fractionBits() == 0 ? 1 : 2;
        }
        return format.isNegative(bits) ? 1 << (3 - size) : 1 << (4 + size);
    }
}
