package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFlags.INEXACT;
import static weft.vmhost.isa.fp.FloatFlags.INVALID;
import static weft.vmhost.isa.fp.FloatFlags.OVERFLOW;
import static weft.vmhost.isa.fp.FloatFlags.UNDERFLOW;

/// A binary interchange format: how raw bits become a number, and how an exact result becomes raw
/// bits again.
///
/// Finite, non-zero numbers are worked on in *normal form*: a sign, an exponent and a significand
/// whose leading one is bit 62, so that the value is `significand / 2^62 × 2^exponent`. That leaves
/// at least ten bits below the last place of binary64, of which the lowest is sticky ("jammed"): it
/// is one if anything below it was lost. Raw bits of binary32 sit in the low half of a long.
record FloatFormat(int fractionBits, int exponentBits) {
    static final FloatFormat BINARY32 = new FloatFormat(23, 8);
    static final FloatFormat BINARY64 = new FloatFormat(52, 11);

    /// The bit of the leading one in normal form.
    static final int LEADING_BIT = 62;

    // --- what raw bits say

    long signBit() {
        return 1L << (fractionBits + exponentBits);
    }

    long infinityBits() {
        return ((1L << exponentBits) - 1) << fractionBits;
    }

    long quietBit() {
        return 1L << (fractionBits - 1);
    }

    long canonicalNan() {
        return infinityBits() | quietBit();
    }

    private int bias() {
        return (1 << (exponentBits - 1)) - 1;
    }

    boolean isNegative(long bits) {
        return (bits & signBit()) != 0;
    }

    long magnitude(long bits) {
        return bits & (signBit() - 1);
    }

    boolean isNan(long bits) {
        return magnitude(bits) > infinityBits();
    }

    boolean isSignallingNan(long bits) {
        return isNan(bits) && (bits & quietBit()) == 0;
    }

    boolean isInfinite(long bits) {
        return magnitude(bits) == infinityBits();
    }

    boolean isZero(long bits) {
        return magnitude(bits) == 0;
    }

    /// The exponent of a finite, non-zero number in normal form.
    int exponent(long bits) {
        int biased = (int) (magnitude(bits) >>> fractionBits);
        if (biased != 0) {
            return biased - bias();
        }
        int leadingBit = 63 - Long.numberOfLeadingZeros(magnitude(bits));
        return 1 - bias() - (fractionBits - leadingBit);
    }

    /// The significand of a finite, non-zero number in normal form.
    long significand(long bits) {
        long magnitude = magnitude(bits);
        if (magnitude >>> fractionBits != 0) {
            long fraction = magnitude & ((1L << fractionBits) - 1);
            return (fraction | 1L << fractionBits) << (LEADING_BIT - fractionBits);
        }
        return magnitude << (Long.numberOfLeadingZeros(magnitude) - 1);
    }

    // --- how results are made

    long signed(boolean negative, long magnitude) {
        return negative ? magnitude | signBit() : magnitude;
    }

    long zero(boolean negative) {
        return signed(negative, 0);
    }

    long infinity(boolean negative) {
        return signed(negative, infinityBits());
    }

    /// The NaN that an operation on NaN operands returns: always the canonical one; a signalling
    /// operand is an invalid operation.
    long nanOf(long a, long b, FloatFlags flags) {
        if (isSignallingNan(a) || isSignallingNan(b)) {
            flags.raise(INVALID);
        }
        return canonicalNan();
    }

    long invalid(FloatFlags flags) {
        flags.raise(INVALID);
        return canonicalNan();
    }

    /// Rounds a number in normal form to this format, raising overflow, underflow and inexact.
    long round(
            boolean negative, int exponent, long significand, int roundingMode, FloatFlags flags) {
        assert Long.numberOfLeadingZeros(significand) == 63 - LEADING_BIT;
        int extraBits = LEADING_BIT - fractionBits;
        long half = 1L << (extraBits - 1);
        int biased = exponent + bias();
        if (biased <= 0) {
            return roundSubnormal(negative, biased, significand, roundingMode, flags);
        }
        long kept = significand >>> extraBits;
        long remainder = significand & (2 * half - 1);
        if (RoundingMode.roundsAway(roundingMode, negative, (kept & 1) != 0, remainder, half)) {
            kept++;
        }
        // The implicit one and a carry out of the fraction both add to the exponent field.
        long magnitude = ((long) (biased - 1) << fractionBits) + kept;
        if (biased >= (1 << exponentBits) - 1 || magnitude >= infinityBits()) {
            flags.raise(OVERFLOW | INEXACT);
            return signed(negative, overflowed(negative, roundingMode));
        }
        if (remainder != 0) {
            flags.raise(INEXACT);
        }
        return signed(negative, magnitude);
    }

    /// RISC-V detects tininess after rounding: a result is tiny if rounding it with an unbounded
    /// exponent leaves it below the smallest normal number. That differs from "before rounding"
    /// only just below that number (`biased` is 0), where the carry may reach it.
    private long roundSubnormal(
            boolean negative, int biased, long significand, int roundingMode, FloatFlags flags) {
        int extraBits = LEADING_BIT - fractionBits;
        long half = 1L << (extraBits - 1);
        long mask = 2 * half - 1;
        boolean tiny = true;
        if (biased == 0) {
            long kept = significand >>> extraBits;
            boolean allOnes = kept == (2L << fractionBits) - 1;
            tiny =
                    !(allOnes
                            && RoundingMode.roundsAway(
                                    roundingMode, negative, true, significand & mask, half));
        }
        long shifted = shiftRightJam(significand, 1 - biased);
        long kept = shifted >>> extraBits;
        long remainder = shifted & mask;
        if (RoundingMode.roundsAway(roundingMode, negative, (kept & 1) != 0, remainder, half)) {
            kept++;
        }
        if (remainder != 0) {
            flags.raise(tiny ? UNDERFLOW | INEXACT : INEXACT);
        }
        return signed(negative, kept);
    }

    private long overflowed(boolean negative, int roundingMode) {
        boolean toInfinity =
                switch (roundingMode) {
                    case RoundingMode.RTZ -> false;
                    case RoundingMode.RDN -> negative;
                    case RoundingMode.RUP -> !negative;
                    default -> true;
                };
        return toInfinity ? infinityBits() : infinityBits() - 1;
    }

    /// `value >>> count` for any count ≥ 0, the lowest bit set if a one was shifted out.
    static long shiftRightJam(long value, int count) {
        if (count == 0) {
            return value;
        }
        if (count > 63) {
            return value != 0 ? 1 : 0;
        }
        return value >>> count | (value << (64 - count) != 0 ? 1 : 0);
    }
}
