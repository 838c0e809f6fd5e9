package weft.vmhost.isa.fp;

import java.math.BigInteger;

/// IEEE 754 from its definition, on unbounded integers: compute exactly, then round. Slow and
/// obvious; shares no code with what it judges.
///
/// An operation yields an [Outcome], which is then asked for its bits and flags in each rounding
/// mode.
record ReferenceFloat(int precisionBits, int exponentMax) {
    static final ReferenceFloat SINGLE = new ReferenceFloat(24, 127);
    static final ReferenceFloat DOUBLE = new ReferenceFloat(53, 1023);

    static final int NX = 1;
    static final int UF = 2;
    static final int OF = 4;
    static final int DZ = 8;
    static final int NV = 16;

    /// What an operation must return and raise.
    record Result(long bits, int flags) {}

    /// The result of an operation before it is rounded.
    sealed interface Outcome {
        Result in(int roundingMode);
    }

    record Fixed(long bits, int flags) implements Outcome {
        @Override
        public Result in(int roundingMode) {
            return new Result(bits, flags);
        }
    }

    /// An exact zero from two numbers that cancel.
    record Cancelled(ReferenceFloat format) implements Outcome {
        @Override
        public Result in(int roundingMode) {
            return new Result(roundingMode == RoundingMode.RDN ? format.sign() : 0, 0);
        }
    }

    /// ±(magnitude + something less than one, if `more`) × 2^exponent, not zero.
    record Unrounded(
            ReferenceFloat format,
            boolean negative,
            BigInteger magnitude,
            int exponent,
            boolean more)
            implements Outcome {
        @Override
        public Result in(int roundingMode) {
            int leading = magnitude.bitLength() - 1 + exponent;
            int exponentMin = 1 - format.exponentMax;
            int place = Math.max(leading, exponentMin) - (format.precisionBits - 1);
            BigInteger kept = roundAt(place, roundingMode);
            boolean inexact = more || !exactAt(place);
            int flags = inexact ? NX : 0;
            BigInteger limit = BigInteger.TWO.pow(format.precisionBits);
            int top = kept.equals(limit) ? place + 1 : place;
            if (top > format.exponentMax - (format.precisionBits - 1)) {
                boolean away =
                        switch (roundingMode) {
                            case RoundingMode.RTZ -> false;
                            case RoundingMode.RDN -> negative;
                            case RoundingMode.RUP -> !negative;
                            default -> true;
                        };
                long magnitude = away ? format.infinity() : format.infinity() - 1;
                return new Result(format.signed(negative, magnitude), OF | NX);
            }
            if (inexact && leading < exponentMin) {
                int unboundedPlace = leading - (format.precisionBits - 1);
                BigInteger unbounded = roundAt(unboundedPlace, roundingMode);
                boolean reachesNormal = unbounded.bitLength() - 1 + unboundedPlace >= exponentMin;
                flags |= reachesNormal ? 0 : UF;
            }
            return new Result(format.signed(negative, format.encode(kept, place)), flags);
        }

        boolean exactAt(int place) {
            return place <= exponent || magnitude.getLowestSetBit() >= place - exponent;
        }

        /// The magnitude in units of 2^place, rounded.
        BigInteger roundAt(int place, int roundingMode) {
            int cut = place - exponent;
            if (cut <= 0) {
                if (more) {
                    throw new IllegalStateException("too few quotient bits");
                }
                return magnitude.shiftLeft(-cut);
            }
            BigInteger kept = magnitude.shiftRight(cut);
            BigInteger rest = magnitude.subtract(kept.shiftLeft(cut));
            boolean something = more || rest.signum() != 0;
            int half = rest.compareTo(BigInteger.ONE.shiftLeft(cut - 1));
            boolean moreThanHalf = half > 0 || (half == 0 && more);
            boolean exactlyHalf = half == 0 && !more;
            boolean away =
                    switch (roundingMode) {
                        case RoundingMode.RNE -> moreThanHalf || (exactlyHalf && kept.testBit(0));
                        case RoundingMode.RTZ -> false;
                        case RoundingMode.RDN -> negative && something;
                        case RoundingMode.RUP -> !negative && something;
                        case RoundingMode.RMM -> moreThanHalf || exactlyHalf;
                        default -> throw new IllegalArgumentException();
                    };
            return away ? kept.add(BigInteger.ONE) : kept;
        }
    }

    // --- the format

    private long sign() {
        return precisionBits == 53 ? Long.MIN_VALUE : 0x8000_0000L;
    }

    private int fractionBits() {
        return precisionBits - 1;
    }

    private long infinity() {
        return (2L * exponentMax + 1) << fractionBits();
    }

    private long nan() {
        return infinity() | 1L << (fractionBits() - 1);
    }

    private long signed(boolean negative, long magnitude) {
        return negative ? magnitude | sign() : magnitude;
    }

    private boolean isNegative(long bits) {
        return (bits & sign()) != 0;
    }

    private long magnitude(long bits) {
        return bits & ~sign();
    }

    boolean isNan(long bits) {
        return magnitude(bits) > infinity();
    }

    private boolean isSignalling(long bits) {
        return isNan(bits) && (bits & 1L << (fractionBits() - 1)) == 0;
    }

    private boolean isInfinite(long bits) {
        return magnitude(bits) == infinity();
    }

    private boolean isZero(long bits) {
        return magnitude(bits) == 0;
    }

    /// The integer significand of a finite number, with its sign.
    private BigInteger significand(long bits) {
        long field = magnitude(bits) >>> fractionBits();
        long fraction = magnitude(bits) & ((1L << fractionBits()) - 1);
        long value = field == 0 ? fraction : fraction | 1L << fractionBits();
        return BigInteger.valueOf(isNegative(bits) ? -value : value);
    }

    /// The power of two its significand counts.
    private int exponent(long bits) {
        int field = (int) (magnitude(bits) >>> fractionBits());
        return Math.max(field, 1) - exponentMax - fractionBits();
    }

    private long encode(BigInteger kept, int place) {
        int field = place + fractionBits() + exponentMax;
        // A significand without its leading one is subnormal (field 1 minus one); a carry to
        // 2^precision adds one more.
        return ((long) (field - 1) << fractionBits()) + kept.longValueExact();
    }

    // --- operations

    private Outcome nan(boolean invalid) {
        return new Fixed(nan(), invalid ? NV : 0);
    }

    private Outcome rounded(BigInteger value, int exponent) {
        if (value.signum() == 0) {
            return new Cancelled(this);
        }
        return new Unrounded(this, value.signum() < 0, value.abs(), exponent, false);
    }

    Outcome add(long a, long b) {
        if (isNan(a) || isNan(b)) {
            return nan(isSignalling(a) || isSignalling(b));
        }
        if (isInfinite(a) || isInfinite(b)) {
            if (isInfinite(a) && isInfinite(b) && a != b) {
                return nan(true);
            }
            return new Fixed(isInfinite(a) ? a : b, 0);
        }
        if (isZero(a) && isZero(b) && a == b) {
            return new Fixed(a, 0);
        }
        return sum(significand(a), exponent(a), significand(b), exponent(b));
    }

    private Outcome sum(BigInteger x, int exponentX, BigInteger y, int exponentY) {
        int exponent = Math.min(exponentX, exponentY);
        return rounded(
                x.shiftLeft(exponentX - exponent).add(y.shiftLeft(exponentY - exponent)), exponent);
    }

    Outcome multiply(long a, long b) {
        if (isNan(a) || isNan(b)) {
            return nan(isSignalling(a) || isSignalling(b));
        }
        boolean negative = isNegative(a) ^ isNegative(b);
        if (isInfinite(a) || isInfinite(b)) {
            return isZero(a) || isZero(b) ? nan(true) : new Fixed(signed(negative, infinity()), 0);
        }
        if (isZero(a) || isZero(b)) {
            return new Fixed(signed(negative, 0), 0);
        }
        return rounded(significand(a).multiply(significand(b)), exponent(a) + exponent(b));
    }

    Outcome divide(long a, long b) {
        if (isNan(a) || isNan(b)) {
            return nan(isSignalling(a) || isSignalling(b));
        }
        if ((isInfinite(a) && isInfinite(b)) || (isZero(a) && isZero(b))) {
            return nan(true);
        }
        boolean negative = isNegative(a) ^ isNegative(b);
        if (isInfinite(a) || isZero(b)) {
            return new Fixed(signed(negative, infinity()), isInfinite(a) ? 0 : DZ);
        }
        if (isZero(a) || isInfinite(b)) {
            return new Fixed(signed(negative, 0), 0);
        }
        int extraBits = 2 * precisionBits + 4;
        BigInteger[] parts =
                significand(a).abs().shiftLeft(extraBits).divideAndRemainder(significand(b).abs());
        int exponent = exponent(a) - exponent(b) - extraBits;
        return new Unrounded(this, negative, parts[0], exponent, parts[1].signum() != 0);
    }

    Outcome squareRoot(long a) {
        if (isNan(a)) {
            return nan(isSignalling(a));
        }
        if (isZero(a)) {
            return new Fixed(a, 0);
        }
        if (isNegative(a)) {
            return nan(true);
        }
        if (isInfinite(a)) {
            return new Fixed(a, 0);
        }
        int exponent = exponent(a);
        int shift = 2 * precisionBits + 4 + (exponent & 1);
        BigInteger[] parts = significand(a).shiftLeft(shift).sqrtAndRemainder();
        return new Unrounded(this, false, parts[0], (exponent - shift) / 2, parts[1].signum() != 0);
    }

    Outcome multiplyAdd(long a, long b, long c) {
        boolean infinityTimesZero = (isInfinite(a) && isZero(b)) || (isZero(a) && isInfinite(b));
        if (isNan(a) || isNan(b) || isNan(c)) {
            boolean signalling = isSignalling(a) || isSignalling(b) || isSignalling(c);
            return nan(signalling || infinityTimesZero);
        }
        boolean negative = isNegative(a) ^ isNegative(b);
        if (infinityTimesZero) {
            return nan(true);
        }
        if (isInfinite(a) || isInfinite(b)) {
            return add(signed(negative, infinity()), c);
        }
        if (isInfinite(c)) {
            return new Fixed(c, 0);
        }
        if (isZero(a) || isZero(b)) {
            return add(signed(negative, 0), c);
        }
        return sum(
                significand(a).multiply(significand(b)),
                exponent(a) + exponent(b),
                significand(c),
                exponent(c));
    }

    /// To an integer of `widthBits`, as RISC-V saturates.
    Result toInteger(long a, int widthBits, boolean isSigned, int roundingMode) {
        BigInteger max =
                BigInteger.TWO.pow(isSigned ? widthBits - 1 : widthBits).subtract(BigInteger.ONE);
        BigInteger min = isSigned ? BigInteger.TWO.pow(widthBits - 1).negate() : BigInteger.ZERO;
        if (isNan(a) || isInfinite(a)) {
            boolean down = !isNan(a) && isNegative(a);
            return new Result((down ? min : max).longValue(), NV);
        }
        if (isZero(a)) {
            return new Result(0, 0);
        }
        Unrounded exact = (Unrounded) rounded(significand(a), exponent(a));
        BigInteger magnitude = exact.roundAt(0, roundingMode);
        BigInteger value = exact.negative ? magnitude.negate() : magnitude;
        if (value.compareTo(max) > 0 || value.compareTo(min) < 0) {
            return new Result((value.signum() < 0 ? min : max).longValue(), NV);
        }
        return new Result(value.longValue(), exact.exactAt(0) ? 0 : NX);
    }

    Outcome fromInteger(BigInteger value) {
        return value.signum() == 0 ? new Fixed(0, 0) : rounded(value, 0);
    }

    Outcome toFormat(long a, ReferenceFloat to) {
        if (isNan(a)) {
            return to.nan(isSignalling(a));
        }
        if (isInfinite(a)) {
            return new Fixed(to.signed(isNegative(a), to.infinity()), 0);
        }
        if (isZero(a)) {
            return new Fixed(to.signed(isNegative(a), 0), 0);
        }
        return to.rounded(significand(a), exponent(a));
    }
}
