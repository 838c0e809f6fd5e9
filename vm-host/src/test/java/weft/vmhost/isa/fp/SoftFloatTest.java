package weft.vmhost.isa.fp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.isa.fp.FloatFlags.DIVIDE_BY_ZERO;
import static weft.vmhost.isa.fp.FloatFlags.INEXACT;
import static weft.vmhost.isa.fp.FloatFlags.INVALID;
import static weft.vmhost.isa.fp.FloatFlags.OVERFLOW;
import static weft.vmhost.isa.fp.FloatFlags.UNDERFLOW;
import static weft.vmhost.isa.fp.RoundingMode.RDN;
import static weft.vmhost.isa.fp.RoundingMode.RMM;
import static weft.vmhost.isa.fp.RoundingMode.RNE;
import static weft.vmhost.isa.fp.RoundingMode.RTZ;
import static weft.vmhost.isa.fp.RoundingMode.RUP;

import org.junit.jupiter.api.Test;

/// The rules of RISC-V floating point one by one, with results computed by hand.
class SoftFloatTest {
    private static final long ONE = 0x3ff0_0000_0000_0000L;
    private static final long TWO = 0x4000_0000_0000_0000L;
    private static final long THREE = 0x4008_0000_0000_0000L;
    private static final long ZERO = 0;
    private static final long MINUS_ZERO = Long.MIN_VALUE;
    private static final long INFINITY = 0x7ff0_0000_0000_0000L;
    private static final long MAX = 0x7fef_ffff_ffff_ffffL;
    private static final long MIN_NORMAL = 0x0010_0000_0000_0000L;
    private static final long HALF = 0x3fe0_0000_0000_0000L;
    private static final long NAN = 0x7ff8_0000_0000_0000L;
    private static final long NAN_WITH_PAYLOAD = 0xfff8_0000_0000_1234L;
    private static final long SIGNALLING_NAN = 0x7ff0_0000_0000_0001L;
    private static final int NAN_32 = 0x7fc0_0000;
    private static final int SIGNALLING_NAN_32 = 0x7f80_0001;

    private final FloatFlags flags = new FloatFlags();

    private void raised(int expected) {
        assertEquals(expected, flags.accrued);
        flags.accrued = 0;
    }

    @Test
    void oneThirdRoundsByEachMode() {
        long below = 0x3fd5_5555_5555_5555L; // …0101 0101…: what is cut off is less than half
        assertEquals(below, SoftFloat.f64Div(ONE, THREE, RNE, flags));
        raised(INEXACT);
        assertEquals(below, SoftFloat.f64Div(ONE, THREE, RTZ, flags));
        assertEquals(below, SoftFloat.f64Div(ONE, THREE, RDN, flags));
        assertEquals(below + 1, SoftFloat.f64Div(ONE, THREE, RUP, flags));
        assertEquals(below, SoftFloat.f64Div(ONE, THREE, RMM, flags));
        raised(INEXACT);
    }

    @Test
    void aTieGoesToEvenOrAway() {
        long halfUlp = 0x3ca0_0000_0000_0000L; // 2^-53
        assertEquals(ONE, SoftFloat.f64Add(ONE, halfUlp, RNE, flags));
        assertEquals(ONE + 1, SoftFloat.f64Add(ONE, halfUlp, RMM, flags));
        assertEquals(ONE + 2, SoftFloat.f64Add(ONE + 1, halfUlp, RNE, flags));
        raised(INEXACT);
    }

    @Test
    void aNanResultIsCanonicalAndOnlySignallingOperandsAreInvalid() {
        assertEquals(NAN, SoftFloat.f64Add(NAN_WITH_PAYLOAD, ONE, RNE, flags));
        raised(0);
        assertEquals(NAN, SoftFloat.f64Add(ONE, SIGNALLING_NAN, RNE, flags));
        raised(INVALID);
        assertEquals(NAN_32, SoftFloat.f32Sqrt(SIGNALLING_NAN_32, RNE, flags));
        raised(INVALID);
        assertEquals(NAN, SoftFloat.f32ToF64(SIGNALLING_NAN_32, flags));
        raised(INVALID);
        assertEquals(NAN_32, SoftFloat.f64ToF32(NAN_WITH_PAYLOAD, RNE, flags));
        raised(0);
    }

    @Test
    void invalidOperationsYieldTheCanonicalNan() {
        assertEquals(NAN, SoftFloat.f64Sub(INFINITY, INFINITY, RNE, flags));
        raised(INVALID);
        assertEquals(NAN, SoftFloat.f64Mul(INFINITY, MINUS_ZERO, RNE, flags));
        raised(INVALID);
        assertEquals(NAN, SoftFloat.f64Div(ZERO, ZERO, RNE, flags));
        raised(INVALID);
        assertEquals(NAN, SoftFloat.f64Sqrt(ONE | MINUS_ZERO, RNE, flags));
        raised(INVALID);
    }

    @Test
    void infinityTimesZeroPlusAQuietNanIsInvalid() {
        assertEquals(NAN, SoftFloat.f64MulAdd(INFINITY, ZERO, NAN, RNE, flags));
        raised(INVALID);
        assertEquals(NAN, SoftFloat.f64MulAdd(ONE, ZERO, NAN, RNE, flags));
        raised(0);
    }

    @Test
    void divisionByZeroIsInfinite() {
        assertEquals(INFINITY | MINUS_ZERO, SoftFloat.f64Div(ONE, MINUS_ZERO, RNE, flags));
        raised(DIVIDE_BY_ZERO);
        assertEquals(INFINITY, SoftFloat.f64Div(INFINITY, ZERO, RNE, flags));
        raised(0);
    }

    @Test
    void anOverflowIsInfiniteOrTheLargestByMode() {
        assertEquals(INFINITY, SoftFloat.f64Add(MAX, MAX, RNE, flags));
        assertEquals(MAX, SoftFloat.f64Add(MAX, MAX, RTZ, flags));
        assertEquals(MAX, SoftFloat.f64Add(MAX, MAX, RDN, flags));
        assertEquals(INFINITY, SoftFloat.f64Add(MAX, MAX, RUP, flags));
        raised(OVERFLOW | INEXACT);
    }

    @Test
    void tininessIsDetectedAfterRounding() {
        // (1 - 2^-53) × 2^-1022 has 53 bits, so with an unbounded exponent it stays below: tiny.
        assertEquals(MIN_NORMAL, SoftFloat.f64Mul(MIN_NORMAL, ONE - 1, RUP, flags));
        raised(UNDERFLOW | INEXACT);
        // (1 + 2^-52) × (1 - 2^-52) = 1 - 2^-104 rounds to one in 53 bits: not tiny.
        long x = ONE + 1; // 1 + 2^-52
        long y = ONE - 2; // 1 - 2^-52
        long scaled = SoftFloat.f64Mul(y, MIN_NORMAL, RNE, new FloatFlags());
        assertEquals(MIN_NORMAL, SoftFloat.f64Mul(x, scaled, RNE, flags));
        raised(INEXACT);
        assertEquals(MIN_NORMAL - 1, SoftFloat.f64Mul(x, scaled, RTZ, flags));
        raised(UNDERFLOW | INEXACT);
    }

    @Test
    void anExactSubnormalDoesNotUnderflow() {
        assertEquals(MIN_NORMAL >> 1, SoftFloat.f64Mul(MIN_NORMAL, HALF, RNE, flags));
        raised(0);
        assertEquals(ZERO, SoftFloat.f64Mul(1, HALF, RNE, flags)); // a tie, to even
        raised(UNDERFLOW | INEXACT);
    }

    @Test
    void numbersThatCancelLeaveMinusZeroOnlyWhenRoundingDown() {
        assertEquals(ZERO, SoftFloat.f64Sub(ONE, ONE, RNE, flags));
        assertEquals(MINUS_ZERO, SoftFloat.f64Sub(ONE, ONE, RDN, flags));
        assertEquals(MINUS_ZERO, SoftFloat.f64Add(MINUS_ZERO, MINUS_ZERO, RNE, flags));
        assertEquals(ZERO, SoftFloat.f64Add(MINUS_ZERO, ZERO, RUP, flags));
        assertEquals(MINUS_ZERO, SoftFloat.f64Sqrt(MINUS_ZERO, RNE, flags));
        raised(0);
    }

    @Test
    void aFusedProductIsNotRoundedBeforeTheSum() {
        long x = ONE + 1; // (1 + e)^2 - (1 + 2e) = e^2, e = 2^-52
        assertEquals(0x3970_0000_0000_0000L, SoftFloat.f64MulSub(x, x, ONE + 2, RNE, flags));
        raised(0);
        assertEquals(0xb970_0000_0000_0000L, SoftFloat.f64NegMulSub(x, x, ONE + 2, RNE, flags));
        raised(0);
        assertEquals(
                ONE | MINUS_ZERO, SoftFloat.f64NegMulAdd(ONE, TWO, ONE | MINUS_ZERO, RNE, flags));
        raised(0);
    }

    @Test
    void minimumAndMaximumPreferNumbersAndOrderTheZeros() {
        assertEquals(MINUS_ZERO, SoftFloat.f64Min(ZERO, MINUS_ZERO, flags));
        assertEquals(MINUS_ZERO, SoftFloat.f64Min(MINUS_ZERO, ZERO, flags));
        assertEquals(ZERO, SoftFloat.f64Max(ZERO, MINUS_ZERO, flags));
        assertEquals(ZERO, SoftFloat.f64Max(MINUS_ZERO, ZERO, flags));
        assertEquals(ONE, SoftFloat.f64Min(NAN_WITH_PAYLOAD, ONE, flags));
        assertEquals(ONE, SoftFloat.f64Max(ONE, NAN, flags));
        assertEquals(NAN, SoftFloat.f64Max(NAN_WITH_PAYLOAD, NAN_WITH_PAYLOAD, flags));
        assertEquals(ONE, SoftFloat.f64Min(ONE, TWO, flags));
        assertEquals(TWO, SoftFloat.f64Max(ONE, TWO, flags));
        raised(0);
        assertEquals(ONE, SoftFloat.f64Min(SIGNALLING_NAN, ONE, flags));
        raised(INVALID);
        assertEquals(0xbf80_0000, SoftFloat.f32Min(0x3f80_0000, 0xbf80_0000, flags));
        assertEquals(0x3f80_0000, SoftFloat.f32Max(0x3f80_0000, 0xbf80_0000, flags));
        raised(0);
    }

    @Test
    void equalIsQuietAndTheOrderedComparisonsSignal() {
        assertTrue(SoftFloat.f64Eq(ZERO, MINUS_ZERO, flags));
        assertFalse(SoftFloat.f64Lt(MINUS_ZERO, ZERO, flags));
        assertTrue(SoftFloat.f64Le(ZERO, MINUS_ZERO, flags));
        assertTrue(SoftFloat.f64Lt(TWO | MINUS_ZERO, ONE | MINUS_ZERO, flags));
        assertTrue(SoftFloat.f32Lt(0xff80_0000, 0xff7f_ffff, flags));
        assertTrue(SoftFloat.f32Le(0x3f80_0000, 0x3f80_0000, flags));
        assertFalse(SoftFloat.f64Eq(NAN, NAN, flags));
        raised(0);
        assertFalse(SoftFloat.f64Eq(SIGNALLING_NAN, ONE, flags));
        raised(INVALID);
        assertFalse(SoftFloat.f64Lt(NAN, ONE, flags));
        raised(INVALID);
        assertFalse(SoftFloat.f32Le(NAN_32, NAN_32, flags));
        raised(INVALID);
    }

    @Test
    void eachClassHasItsBit() {
        long[] values = {
            INFINITY | MINUS_ZERO,
            ONE | MINUS_ZERO,
            1 | MINUS_ZERO,
            MINUS_ZERO,
            ZERO,
            MIN_NORMAL - 1,
            MIN_NORMAL,
            INFINITY,
            SIGNALLING_NAN,
            NAN
        };
        for (int i = 0; i < values.length; i++) {
            assertEquals(1 << i, SoftFloat.f64Classify(values[i]));
        }
        int[] singles = {
            0xff80_0000,
            0x8080_0000,
            0x807f_ffff,
            0x8000_0000,
            0,
            1,
            0x7f7f_ffff,
            0x7f80_0000,
            SIGNALLING_NAN_32,
            0xffff_ffff
        };
        for (int i = 0; i < singles.length; i++) {
            assertEquals(1 << i, SoftFloat.f32Classify(singles[i]));
        }
    }

    @Test
    void signsAreInjectedIntoNansToo() {
        assertEquals(NAN | MINUS_ZERO, SoftFloat.f64SignInject(NAN, MINUS_ZERO));
        assertEquals(ONE | MINUS_ZERO, SoftFloat.f64SignInjectNot(ONE, TWO));
        assertEquals(ONE, SoftFloat.f64SignInjectXor(ONE | MINUS_ZERO, MINUS_ZERO));
        assertEquals(0xbf80_0000, SoftFloat.f32SignInject(0x3f80_0000, 0x8000_0000));
        assertEquals(0x3f80_0000, SoftFloat.f32SignInjectNot(0x3f80_0000, 0x8000_0000));
        assertEquals(0xbf80_0000, SoftFloat.f32SignInjectXor(0x3f80_0000, 0x8000_0000));
        raised(0);
    }

    @Test
    void conversionsOutOfRangeSaturateAndAreInvalidOnly() {
        assertEquals(Integer.MAX_VALUE, SoftFloat.f64ToI32(NAN, RTZ, flags));
        raised(INVALID);
        long twoTo31 = 0x41e0_0000_0000_0000L;
        assertEquals(Integer.MAX_VALUE, SoftFloat.f64ToI32(twoTo31, RTZ, flags));
        raised(INVALID);
        assertEquals(Integer.MIN_VALUE, SoftFloat.f64ToI32(twoTo31 | MINUS_ZERO, RTZ, flags));
        raised(0);
        assertEquals(0x8000_0000, SoftFloat.f64ToU32(twoTo31, RTZ, flags));
        raised(0);
        assertEquals(0, SoftFloat.f64ToU64(ONE | MINUS_ZERO, RTZ, flags));
        raised(INVALID);
        assertEquals(-1, SoftFloat.f64ToU32(INFINITY, RTZ, flags));
        raised(INVALID);
        assertEquals(-1L, SoftFloat.f32ToU64(NAN_32, RTZ, flags));
        raised(INVALID);
        assertEquals(Long.MIN_VALUE, SoftFloat.f32ToI64(0xff80_0000, RTZ, flags));
        raised(INVALID);
    }

    @Test
    void aNegativeFractionIsAnUnsignedZeroOrInvalidByMode() {
        long minusHalf = HALF | MINUS_ZERO;
        assertEquals(0, SoftFloat.f64ToU32(minusHalf, RTZ, flags));
        raised(INEXACT);
        assertEquals(0, SoftFloat.f64ToU32(minusHalf, RDN, flags));
        raised(INVALID);
        assertEquals(0, SoftFloat.f64ToU32(minusHalf, RNE, flags));
        raised(INEXACT);
        assertEquals(0, SoftFloat.f64ToU32(minusHalf, RMM, flags));
        raised(INVALID);
    }

    @Test
    void integersRoundWhenTheyHaveTooManyBits() {
        assertEquals(0x4340_0000_0000_0000L, SoftFloat.i64ToF64((1L << 53) + 1, RNE, flags));
        raised(INEXACT);
        assertEquals(0x4340_0000_0000_0001L, SoftFloat.i64ToF64((1L << 53) + 1, RUP, flags));
        raised(INEXACT);
        assertEquals(0xc3e0_0000_0000_0000L, SoftFloat.i64ToF64(Long.MIN_VALUE, RNE, flags));
        raised(0);
        assertEquals(0x43f0_0000_0000_0000L, SoftFloat.u64ToF64(-1L, RNE, flags));
        raised(INEXACT);
        assertEquals(0x4b80_0000, SoftFloat.i32ToF32((1 << 24) + 1, RNE, flags));
        raised(INEXACT);
        assertEquals(0x41ef_ffff_ffe0_0000L, SoftFloat.u32ToF64(-1));
        assertEquals(0xbff0_0000_0000_0000L, SoftFloat.i32ToF64(-1));
    }

    @Test
    void onlyFiveRoundingModesAreValid() {
        for (int mode = 0; mode < 8; mode++) {
            assertEquals(mode <= 4, RoundingMode.isValid(mode));
        }
    }
}
