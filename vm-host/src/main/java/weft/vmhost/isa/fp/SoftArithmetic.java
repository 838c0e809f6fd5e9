package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.DIVIDE_BY_ZERO;
import static weft.vmhost.isa.fp.FloatFormat.LEADING_BIT;
import static weft.vmhost.isa.fp.FloatFormat.shiftRightJam;

/// The five arithmetic operations in integer arithmetic, exact for every operand, rounding mode and
/// flag; written once for both formats.
///
/// Each operation settles NaNs, infinities and zeros, then computes the exact result in normal form
/// (see [FloatFormat]) with a sticky lowest bit, and rounds it once.
final class SoftArithmetic {
    private SoftArithmetic() {}

    static long add(FloatFormat format, long a, long b, int roundingMode, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            return format.nanOf(a, b, flags);
        }
        boolean negativeA = format.isNegative(a);
        boolean negativeB = format.isNegative(b);
        if (format.isInfinite(a)) {
            boolean opposed = format.isInfinite(b) && negativeA != negativeB;
            return opposed ? format.invalid(flags) : a;
        }
        if (format.isInfinite(b)) {
            return b;
        }
        if (format.isZero(a)) {
            return format.isZero(b) && negativeA != negativeB ? exactZero(format, roundingMode) : b;
        }
        if (format.isZero(b)) {
            return a;
        }
        if (format.magnitude(a) < format.magnitude(b)) {
            return addOrdered(format, b, a, roundingMode, flags);
        }
        return addOrdered(format, a, b, roundingMode, flags);
    }

    /// Adds finite non-zero numbers of which the first has the greater magnitude.
    private static long addOrdered(
            FloatFormat format, long large, long small, int roundingMode, FloatFlags flags) {
        int exponent = format.exponent(large);
        long largeSignificand = format.significand(large);
        long smallSignificand =
                shiftRightJam(format.significand(small), exponent - format.exponent(small));
        boolean negative = format.isNegative(large);
        if (negative == format.isNegative(small)) {
            long sum = largeSignificand + smallSignificand; // < 2^64, read as unsigned
            if (sum < 0) {
                sum = shiftRightJam(sum, 1);
                exponent++;
            }
            return format.round(negative, exponent, sum, roundingMode, flags);
        }
        long difference = largeSignificand - smallSignificand;
        if (difference == 0) {
            return exactZero(format, roundingMode);
        }
        // More than one leading bit cancels only if the exponents differ by at most one, and then
        // nothing was jammed: ten spare bits are below the operands.
        int shift = Long.numberOfLeadingZeros(difference) - 1;
        return format.round(negative, exponent - shift, difference << shift, roundingMode, flags);
    }

    /// The sum of two numbers that cancel: +0, but −0 when rounding down.
    private static long exactZero(FloatFormat format, int roundingMode) {
        return format.zero(roundingMode == RoundingMode.RDN);
    }

    static long multiply(FloatFormat format, long a, long b, int roundingMode, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            return format.nanOf(a, b, flags);
        }
        boolean negative = format.isNegative(a) != format.isNegative(b);
        if (format.isInfinite(a) || format.isInfinite(b)) {
            boolean timesZero = format.isZero(a) || format.isZero(b);
            return timesZero ? format.invalid(flags) : format.infinity(negative);
        }
        if (format.isZero(a) || format.isZero(b)) {
            return format.zero(negative);
        }
        int exponent = format.exponent(a) + format.exponent(b);
        long significandA = format.significand(a);
        long significandB = format.significand(b);
        // The product of two values in [2^62, 2^63) is in [2^124, 2^126): its high half in
        // [2^60, 2^62).
        long high = Math.multiplyHigh(significandA, significandB);
        long low = significandA * significandB;
        int shift = Long.numberOfLeadingZeros(high) - 1; // 1 or 2
        long significand = high << shift | low >>> (64 - shift) | (low << shift != 0 ? 1 : 0);
        return format.round(negative, exponent + 2 - shift, significand, roundingMode, flags);
    }

    static long divide(FloatFormat format, long a, long b, int roundingMode, FloatFlags flags) {
        if (format.isNan(a) || format.isNan(b)) {
            return format.nanOf(a, b, flags);
        }
        boolean negative = format.isNegative(a) != format.isNegative(b);
        if (format.isInfinite(a)) {
            return format.isInfinite(b) ? format.invalid(flags) : format.infinity(negative);
        }
        if (format.isInfinite(b)) {
            return format.zero(negative);
        }
        if (format.isZero(b)) {
            if (format.isZero(a)) {
                return format.invalid(flags);
            }
            flags.raise(DIVIDE_BY_ZERO);
            return format.infinity(negative);
        }
        if (format.isZero(a)) {
            return format.zero(negative);
        }
        // Long division, ten quotient bits at a time: the divisor has 53 bits, so a remainder
        // shifted by ten still fits.
        long dividend = format.significand(a) >>> 10;
        long divisor = format.significand(b) >>> 10;
        long quotient = dividend / divisor; // 0 or 1
        long remainder = dividend % divisor;
        for (int step = 0; step < 6; step++) {
            remainder <<= 10;
            quotient = quotient << 10 | remainder / divisor;
            remainder %= divisor;
        }
        // The quotient has 60 fraction bits and is in (2^59, 2^61).
        int shift = Long.numberOfLeadingZeros(quotient) - 1;
        long significand = quotient << shift | (remainder != 0 ? 1 : 0);
        int exponent = format.exponent(a) - format.exponent(b) + 2 - shift;
        return format.round(negative, exponent, significand, roundingMode, flags);
    }

    static long squareRoot(FloatFormat format, long a, int roundingMode, FloatFlags flags) {
        if (format.isNan(a)) {
            return format.nanOf(a, a, flags);
        }
        if (format.isZero(a)) {
            return a;
        }
        if (format.isNegative(a)) {
            return format.invalid(flags);
        }
        if (format.isInfinite(a)) {
            return a;
        }
        int exponent = format.exponent(a);
        // The radicand, scaled to an even exponent, is in [2^62, 2^64). Digit by digit: two of its
        // bits enter, then zeros, and one root bit leaves; the first is a one, 60 are enough.
        long radicand = (exponent & 1) == 0 ? format.significand(a) : format.significand(a) << 1;
        long root = 0;
        long remainder = 0;
        for (int step = 0; step < 60; step++) {
            remainder = remainder << 2 | radicand >>> 62;
            radicand <<= 2;
            long trial = root << 2 | 1;
            root <<= 1;
            if (Long.compareUnsigned(remainder, trial) >= 0) {
                remainder -= trial;
                root |= 1;
            }
        }
        long significand = root << 3 | (remainder != 0 ? 1 : 0);
        return format.round(false, exponent >> 1, significand, roundingMode, flags);
    }

    /// a × b + c, rounded once.
    static long multiplyAdd(
            FloatFormat format, long a, long b, long c, int roundingMode, FloatFlags flags) {
        boolean infinityTimesZero =
                (format.isInfinite(a) && format.isZero(b))
                        || (format.isZero(a) && format.isInfinite(b));
        if (format.isNan(a) || format.isNan(b) || format.isNan(c)) {
            // RISC-V raises invalid for ∞ × 0 even when the addend is a quiet NaN.
            if (infinityTimesZero) {
                return format.invalid(flags);
            }
            return format.isSignallingNan(c) ? format.invalid(flags) : format.nanOf(a, b, flags);
        }
        if (infinityTimesZero) {
            return format.invalid(flags);
        }
        boolean negative = format.isNegative(a) != format.isNegative(b);
        if (format.isInfinite(a) || format.isInfinite(b)) {
            boolean opposed = format.isInfinite(c) && format.isNegative(c) != negative;
            return opposed ? format.invalid(flags) : format.infinity(negative);
        }
        if (format.isInfinite(c)) {
            return c;
        }
        if (format.isZero(a) || format.isZero(b)) {
            return add(format, format.zero(negative), c, roundingMode, flags);
        }
        if (format.isZero(c)) {
            return multiply(format, a, b, roundingMode, flags);
        }
        return multiplyAddFinite(format, a, b, c, negative, roundingMode, flags);
    }

    /// The general case, in 128 bits with the leading one of both product and addend at bit 125.
    private static long multiplyAddFinite(
            FloatFormat format,
            long a,
            long b,
            long c,
            boolean productNegative,
            int roundingMode,
            FloatFlags flags) {
        long significandA = format.significand(a);
        long significandB = format.significand(b);
        long high = Math.multiplyHigh(significandA, significandB);
        long low = significandA * significandB;
        int exponent = format.exponent(a) + format.exponent(b) + 1;
        if (high >>> 61 == 0) {
            high = high << 1 | low >>> 63;
            low <<= 1;
            exponent--;
        }
        long otherHigh = format.significand(c) >>> 1;
        long otherLow = 0; // bit 62 shifted to 61; the significand's lowest ten bits are zero
        boolean negative = productNegative;
        int distance = exponent - format.exponent(c);
        if (distance < 0 || (distance == 0 && Long.compareUnsigned(high, otherHigh) < 0)) {
            // The addend is the larger: let it take the product's place.
            long swapHigh = high;
            long swapLow = low;
            high = otherHigh;
            low = otherLow;
            otherHigh = swapHigh;
            otherLow = swapLow;
            exponent -= distance;
            distance = -distance;
            negative = format.isNegative(c);
        }
        long jammedLow = shiftRightJamLow(otherHigh, otherLow, distance);
        long jammedHigh = distance > 63 ? 0 : otherHigh >>> distance;
        if (productNegative == format.isNegative(c)) {
            long sumLow = low + jammedLow;
            high += jammedHigh + (Long.compareUnsigned(sumLow, low) < 0 ? 1 : 0);
            low = sumLow;
        } else {
            high -= jammedHigh + (Long.compareUnsigned(low, jammedLow) < 0 ? 1 : 0);
            low -= jammedLow;
        }
        return normalizeAndRound(format, negative, exponent, high, low, roundingMode, flags);
    }

    /// The low half of a 128-bit value shifted right, its lowest bit sticky.
    private static long shiftRightJamLow(long high, long low, int count) {
        if (count == 0) {
            return low;
        }
        if (count < 64) {
            long lost = low << (64 - count);
            return high << (64 - count) | low >>> count | (lost != 0 ? 1 : 0);
        }
        long jammed = shiftRightJam(high, count - 64);
        return low != 0 ? jammed | 1 : jammed;
    }

    /// Rounds the value `(high × 2^64 + low) / 2^125 × 2^exponent`.
    private static long normalizeAndRound(
            FloatFormat format,
            boolean negative,
            int exponent,
            long high,
            long low,
            int roundingMode,
            FloatFlags flags) {
        if ((high | low) == 0) {
            return exactZero(format, roundingMode);
        }
        int leadingBit =
                high != 0
                        ? 127 - Long.numberOfLeadingZeros(high)
                        : 63 - Long.numberOfLeadingZeros(low);
        long significand;
        int excess = leadingBit - LEADING_BIT;
        if (excess > 0) {
            long kept = excess == 64 ? high : high << (64 - excess) | low >>> excess;
            long lost = excess == 64 ? low : low << (64 - excess);
            significand = lost != 0 ? kept | 1 : kept;
        } else {
            significand = low << -excess;
        }
        return format.round(
                negative, exponent + leadingBit - 125, significand, roundingMode, flags);
    }
}
