package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.INEXACT;
import static weft.vmhost.isa.fp.FloatFlags.INVALID;
import static weft.vmhost.isa.fp.FloatFormat.LEADING_BIT;

/// Between formats, and between floating point and integers.
///
/// A conversion to an integer rounds first and judges the range after; out of range it raises
/// invalid (and nothing else) and saturates. NaN counts as plus infinity.
final class Conversions {
    private Conversions() {}

    /// The integers a conversion may yield, as limits of magnitude on each side of zero.
    enum IntegerType {
        INT32(1L << 31, (1L << 31) - 1),
        UINT32(0, (1L << 32) - 1),
        INT64(1L << 63, Long.MAX_VALUE),
        UINT64(0, -1L);

        /// Both read as unsigned.
        private final long negativeMagnitudeMax;

        private final long positiveMagnitudeMax;

        IntegerType(long negativeMagnitudeMax, long positiveMagnitudeMax) {
            this.negativeMagnitudeMax = negativeMagnitudeMax;
            this.positiveMagnitudeMax = positiveMagnitudeMax;
        }

        long magnitudeMax(boolean negative) {
            return negative ? negativeMagnitudeMax : positiveMagnitudeMax;
        }
    }

    /// The integer in 64 bits; 32-bit results are right in their low half.
    static long toInteger(
            FloatFormat format, long bits, IntegerType type, int roundingMode, FloatFlags flags) {
        if (format.isNan(bits)) {
            flags.raise(INVALID);
            return type.magnitudeMax(false);
        }
        boolean negative = format.isNegative(bits);
        if (format.isInfinite(bits)) {
            return saturate(type, negative, flags);
        }
        if (format.isZero(bits)) {
            return 0;
        }
        int exponent = format.exponent(bits);
        if (exponent > 63) {
            return saturate(type, negative, flags);
        }
        long significand = format.significand(bits);
        long integer;
        long fraction; // in units of 2^-64
        if (exponent >= LEADING_BIT) {
            integer = significand << (exponent - LEADING_BIT);
            fraction = 0;
        } else if (exponent >= 0) {
            integer = significand >>> (LEADING_BIT - exponent);
            fraction = significand << (64 - LEADING_BIT + exponent);
        } else {
            integer = 0;
            fraction = FloatFormat.shiftRightJam(significand << 1, -1 - exponent);
        }
        boolean odd = (integer & 1) != 0;
        if (RoundingMode.roundsAway(roundingMode, negative, odd, fraction, 1L << 63)) {
            integer++; // a fraction implies integer < 2^62
        }
        if (Long.compareUnsigned(integer, type.magnitudeMax(negative)) > 0) {
            return saturate(type, negative, flags);
        }
        if (fraction != 0) {
            flags.raise(INEXACT);
        }
        return negative ? -integer : integer;
    }

    private static long saturate(IntegerType type, boolean negative, FloatFlags flags) {
        flags.raise(INVALID);
        return negative ? -type.magnitudeMax(true) : type.magnitudeMax(false);
    }

    static long fromSigned(FloatFormat format, long value, int roundingMode, FloatFlags flags) {
        return fromMagnitude(format, value < 0, Math.abs(value), roundingMode, flags);
    }

    static long fromUnsigned(FloatFormat format, long value, int roundingMode, FloatFlags flags) {
        return fromMagnitude(format, false, value, roundingMode, flags);
    }

    /// `magnitude` is read as unsigned.
    private static long fromMagnitude(
            FloatFormat format,
            boolean negative,
            long magnitude,
            int roundingMode,
            FloatFlags flags) {
        if (magnitude == 0) {
            return 0;
        }
        int shift = Long.numberOfLeadingZeros(magnitude) - 1;
        long significand = shift < 0 ? FloatFormat.shiftRightJam(magnitude, 1) : magnitude << shift;
        return format.round(negative, LEADING_BIT - shift, significand, roundingMode, flags);
    }

    /// Narrowing rounds; widening is exact, but still quiets a signalling NaN.
    static long toFormat(
            FloatFormat from, long bits, FloatFormat to, int roundingMode, FloatFlags flags) {
        if (from.isNan(bits)) {
            from.nanOf(bits, bits, flags);
            return to.canonicalNan();
        }
        boolean negative = from.isNegative(bits);
        if (from.isInfinite(bits)) {
            return to.infinity(negative);
        }
        if (from.isZero(bits)) {
            return to.zero(negative);
        }
        return to.round(negative, from.exponent(bits), from.significand(bits), roundingMode, flags);
    }
}
