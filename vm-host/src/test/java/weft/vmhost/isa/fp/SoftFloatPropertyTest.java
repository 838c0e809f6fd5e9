package weft.vmhost.isa.fp;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Test;

import weft.vmhost.isa.fp.ReferenceFloat.Outcome;
import weft.vmhost.isa.fp.ReferenceFloat.Result;

import java.math.BigInteger;
import java.util.SplittableRandom;

/// Every operation against exact arithmetic, in every rounding mode, bits and flags; with no flag
/// accrued before and with inexact accrued, as the two take different paths.
class SoftFloatPropertyTest {
    private static final int RANDOM_OPERANDS = 100_000;
    private static final String[] MODES = {"RNE", "RTZ", "RDN", "RUP", "RMM"};

    private final long seed = Long.getLong("weft.seed", 20_261_120);
    private final SplittableRandom random = new SplittableRandom(seed);
    private final FloatOperands singles = FloatOperands.single(random);
    private final FloatOperands doubles = FloatOperands.doubles(random);

    /// An operation of up to three operands under test; unused operands are ignored.
    interface Operation {
        long apply(long a, long b, long c, int roundingMode, FloatFlags flags);
    }

    interface Expected {
        Outcome of(long a, long b, long c);
    }

    record Case(String name, Operation operation, Expected expected) {}

    private static final ReferenceFloat DOUBLE = ReferenceFloat.DOUBLE;
    private static final ReferenceFloat SINGLE = ReferenceFloat.SINGLE;
    private static final long SIGN = Long.MIN_VALUE;
    private static final long SIGN_32 = 0x8000_0000L;

    @Test
    void doubleSumsAreExactThenRounded() {
        agree(doubles, "add.d", (a, b, _, m, f) -> SoftFloat.f64Add(a, b, m, f), DOUBLE::add);
        agree(
                doubles,
                "sub.d",
                (a, b, _, m, f) -> SoftFloat.f64Sub(a, b, m, f),
                (a, b) -> DOUBLE.add(a, b ^ SIGN));
    }

    @Test
    void doubleProductsAndQuotientsAreExactThenRounded() {
        agree(doubles, "mul.d", (a, b, _, m, f) -> SoftFloat.f64Mul(a, b, m, f), DOUBLE::multiply);
        agree(doubles, "div.d", (a, b, _, m, f) -> SoftFloat.f64Div(a, b, m, f), DOUBLE::divide);
    }

    @Test
    void doubleRootsAreExactThenRounded() {
        agree(
                doubles,
                "sqrt.d",
                (a, _, _, m, f) -> SoftFloat.f64Sqrt(a, m, f),
                (a, _) -> DOUBLE.squareRoot(a));
    }

    @Test
    void doubleFusedOperationsRoundOnce() {
        agreeFused(
                doubles,
                new Case("madd.d", SoftFloat::f64MulAdd, DOUBLE::multiplyAdd),
                new Case(
                        "msub.d",
                        SoftFloat::f64MulSub,
                        (a, b, c) -> DOUBLE.multiplyAdd(a, b, c ^ SIGN)),
                new Case(
                        "nmsub.d",
                        SoftFloat::f64NegMulSub,
                        (a, b, c) -> DOUBLE.multiplyAdd(a ^ SIGN, b, c)),
                new Case(
                        "nmadd.d",
                        SoftFloat::f64NegMulAdd,
                        (a, b, c) -> DOUBLE.multiplyAdd(a ^ SIGN, b, c ^ SIGN)));
    }

    @Test
    void singleSumsAreExactThenRounded() {
        agree(
                singles,
                "add.s",
                (a, b, _, m, f) -> wide(SoftFloat.f32Add((int) a, (int) b, m, f)),
                SINGLE::add);
        agree(
                singles,
                "sub.s",
                (a, b, _, m, f) -> wide(SoftFloat.f32Sub((int) a, (int) b, m, f)),
                (a, b) -> SINGLE.add(a, b ^ SIGN_32));
    }

    @Test
    void singleProductsAndQuotientsAreExactThenRounded() {
        agree(
                singles,
                "mul.s",
                (a, b, _, m, f) -> wide(SoftFloat.f32Mul((int) a, (int) b, m, f)),
                SINGLE::multiply);
        agree(
                singles,
                "div.s",
                (a, b, _, m, f) -> wide(SoftFloat.f32Div((int) a, (int) b, m, f)),
                SINGLE::divide);
    }

    @Test
    void singleRootsAreExactThenRounded() {
        agree(
                singles,
                "sqrt.s",
                (a, _, _, m, f) -> wide(SoftFloat.f32Sqrt((int) a, m, f)),
                (a, _) -> SINGLE.squareRoot(a));
    }

    @Test
    void singleFusedOperationsRoundOnce() {
        agreeFused(
                singles,
                new Case(
                        "madd.s",
                        (a, b, c, m, f) ->
                                wide(SoftFloat.f32MulAdd((int) a, (int) b, (int) c, m, f)),
                        SINGLE::multiplyAdd),
                new Case(
                        "msub.s",
                        (a, b, c, m, f) ->
                                wide(SoftFloat.f32MulSub((int) a, (int) b, (int) c, m, f)),
                        (a, b, c) -> SINGLE.multiplyAdd(a, b, c ^ SIGN_32)),
                new Case(
                        "nmsub.s",
                        (a, b, c, m, f) ->
                                wide(SoftFloat.f32NegMulSub((int) a, (int) b, (int) c, m, f)),
                        (a, b, c) -> SINGLE.multiplyAdd(a ^ SIGN_32, b, c)),
                new Case(
                        "nmadd.s",
                        (a, b, c, m, f) ->
                                wide(SoftFloat.f32NegMulAdd((int) a, (int) b, (int) c, m, f)),
                        (a, b, c) -> SINGLE.multiplyAdd(a ^ SIGN_32, b, c ^ SIGN_32)));
    }

    @Test
    void formatsConvertWithOneRounding() {
        agree(
                doubles,
                "cvt.s.d",
                (a, _, _, m, f) -> wide(SoftFloat.f64ToF32(a, m, f)),
                (a, _) -> DOUBLE.toFormat(a, SINGLE));
        agree(
                singles,
                "cvt.d.s",
                (a, _, _, _, f) -> SoftFloat.f32ToF64((int) a, f),
                (a, _) -> SINGLE.toFormat(a, DOUBLE));
    }

    @Test
    void integersBecomeTheNearestNumber() {
        for (int i = 0; i < RANDOM_OPERANDS; i++) {
            long value = random.nextLong() >> random.nextInt(64);
            value = random.nextInt(4) == 0 ? value & -1L << random.nextInt(64) : value;
            BigInteger signed = BigInteger.valueOf(value);
            BigInteger unsigned = new BigInteger(Long.toUnsignedString(value));
            BigInteger signed32 = BigInteger.valueOf((int) value);
            BigInteger unsigned32 = BigInteger.valueOf(value & 0xffff_ffffL);
            check("cvt.d.l", SoftFloat::i64ToF64, value, DOUBLE.fromInteger(signed));
            check("cvt.d.lu", SoftFloat::u64ToF64, value, DOUBLE.fromInteger(unsigned));
            check(
                    "cvt.s.l",
                    (a, m, f) -> wide(SoftFloat.i64ToF32(a, m, f)),
                    value,
                    SINGLE.fromInteger(signed));
            check(
                    "cvt.s.lu",
                    (a, m, f) -> wide(SoftFloat.u64ToF32(a, m, f)),
                    value,
                    SINGLE.fromInteger(unsigned));
            check(
                    "cvt.s.w",
                    (a, m, f) -> wide(SoftFloat.i32ToF32((int) a, m, f)),
                    value,
                    SINGLE.fromInteger(signed32));
            check(
                    "cvt.s.wu",
                    (a, m, f) -> wide(SoftFloat.u32ToF32((int) a, m, f)),
                    value,
                    SINGLE.fromInteger(unsigned32));
            check(
                    "cvt.d.w",
                    (a, _, _) -> SoftFloat.i32ToF64((int) a),
                    value,
                    DOUBLE.fromInteger(signed32));
            check(
                    "cvt.d.wu",
                    (a, _, _) -> SoftFloat.u32ToF64((int) a),
                    value,
                    DOUBLE.fromInteger(unsigned32));
        }
    }

    @Test
    void numbersBecomeIntegersSaturated() {
        toIntegers(doubles, DOUBLE, false);
        toIntegers(singles, SINGLE, true);
    }

    private void toIntegers(FloatOperands operands, ReferenceFloat format, boolean isSingle) {
        long[] edges = operands.edges();
        for (int i = 0; i < RANDOM_OPERANDS; i++) {
            long a = i < edges.length ? edges[i] : operands.any();
            for (int mode = 0; mode < MODES.length; mode++) {
                for (int type = 0; type < 4; type++) {
                    int widthBits = type < 2 ? 32 : 64;
                    boolean isSigned = (type & 1) == 0;
                    Result expected = format.toInteger(a, widthBits, isSigned, mode);
                    FloatFlags flags = new FloatFlags();
                    long actual =
                            isSingle
                                    ? singleToInteger((int) a, type, mode, flags)
                                    : doubleToInteger(a, type, mode, flags);
                    long expectedBits = widthBits == 32 ? (int) expected.bits() : expected.bits();
                    report(
                            "to integer type " + type,
                            new long[] {a},
                            mode,
                            new Result(expectedBits, expected.flags()),
                            new Result(actual, flags.accrued));
                }
            }
        }
    }

    private static long doubleToInteger(long a, int type, int mode, FloatFlags flags) {
        return switch (type) {
            case 0 -> SoftFloat.f64ToI32(a, mode, flags);
            case 1 -> SoftFloat.f64ToU32(a, mode, flags);
            case 2 -> SoftFloat.f64ToI64(a, mode, flags);
            default -> SoftFloat.f64ToU64(a, mode, flags);
        };
    }

    private static long singleToInteger(int a, int type, int mode, FloatFlags flags) {
        return switch (type) {
            case 0 -> SoftFloat.f32ToI32(a, mode, flags);
            case 1 -> SoftFloat.f32ToU32(a, mode, flags);
            case 2 -> SoftFloat.f32ToI64(a, mode, flags);
            default -> SoftFloat.f32ToU64(a, mode, flags);
        };
    }

    // --- the comparison

    interface Unary {
        long apply(long a, int roundingMode, FloatFlags flags);
    }

    interface ExpectedOfTwo {
        Outcome of(long a, long b);
    }

    private static void check(String name, Unary operation, long a, Outcome expected) {
        check(
                new Case(name, (x, _, _, m, f) -> operation.apply(x, m, f), (_, _, _) -> expected),
                a,
                0,
                0);
    }

    private void agree(
            FloatOperands operands, String name, Operation operation, ExpectedOfTwo expected) {
        Case tried = new Case(name, operation, (a, b, _) -> expected.of(a, b));
        for (long a : operands.edges()) {
            for (long b : operands.edges()) {
                check(tried, a, b, 0);
            }
        }
        for (int i = 0; i < RANDOM_OPERANDS; i++) {
            long a = operands.any();
            long b = random.nextBoolean() ? operands.near(a) : operands.any();
            check(tried, a, b, 0);
        }
    }

    private void agreeFused(FloatOperands operands, Case... cases) {
        for (long a : operands.edges()) {
            for (long b : operands.edges()) {
                for (long c : operands.edges()) {
                    check(cases[0], a, b, c);
                }
            }
        }
        for (Case tried : cases) {
            for (int i = 0; i < RANDOM_OPERANDS; i++) {
                long a = operands.any();
                long b = operands.any();
                // Of about the size of the product: there it cancels.
                FloatFlags ignored = new FloatFlags();
                long product = tried.operation.apply(a, b, 0, RoundingMode.RNE, ignored);
                long c = random.nextInt(4) == 0 ? operands.any() : operands.near(product);
                check(tried, a, b, random.nextInt(4) == 0 ? product ^ random.nextLong(4) : c);
            }
        }
    }

    private static void check(Case tried, long a, long b, long c) {
        Outcome outcome = tried.expected.of(a, b, c);
        FloatFlags flags = new FloatFlags();
        for (int mode = 0; mode < MODES.length; mode++) {
            Result expected = outcome.in(mode);
            flags.accrued = 0;
            long bits = tried.operation.apply(a, b, c, mode, flags);
            if (bits != expected.bits() || flags.accrued != expected.flags()) {
                Result actual = new Result(bits, flags.accrued);
                report(tried.name, new long[] {a, b, c}, mode, expected, actual);
            }
            flags.accrued = FloatFlags.INEXACT;
            bits = tried.operation.apply(a, b, c, mode, flags);
            if (bits != expected.bits()
                    || flags.accrued != (expected.flags() | FloatFlags.INEXACT)) {
                Result actual = new Result(bits, flags.accrued);
                report(tried.name + " (NX accrued)", new long[] {a, b, c}, mode, expected, actual);
            }
        }
    }

    private static void report(
            String name, long[] operands, int mode, Result expected, Result actual) {
        if (expected.equals(actual)) {
            return;
        }
        StringBuilder message = new StringBuilder(name).append(' ').append(MODES[mode]);
        for (long operand : operands) {
            message.append(' ').append(Long.toHexString(operand));
        }
        message.append(": expected ").append(hex(expected)).append(", was ").append(hex(actual));
        fail(message + "; seed " + Long.getLong("weft.seed", 20_261_120));
    }

    private static String hex(Result result) {
        return Long.toHexString(result.bits()) + " flags " + result.flags();
    }

    private static long wide(int bits) {
        return bits & 0xffff_ffffL;
    }
}
