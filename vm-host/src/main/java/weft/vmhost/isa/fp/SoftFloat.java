package weft.vmhost.isa.fp;

import static weft.vmhost.isa.fp.FloatFormat.BINARY32;
import static weft.vmhost.isa.fp.FloatFormat.BINARY64;

import weft.vmhost.isa.fp.Conversions.IntegerType;

/// Every floating-point operation of the F and D extensions, by name, on raw bits.
///
/// binary32 values are `int`, binary64 values `long`, unsigned integers the signed type of their
/// width. `roundingMode` is one of [RoundingMode], already resolved from `frm` and checked. Flags
/// accrue in `flags`; operations without that parameter raise none.
public final class SoftFloat {
    private static final int SIGN_32 = Integer.MIN_VALUE;
    private static final long SIGN_64 = Long.MIN_VALUE;

    private SoftFloat() {}

    // --- binary64 arithmetic

    public static long f64Add(long a, long b, int roundingMode, FloatFlags flags) {
        return Float64.add(a, b, roundingMode, flags);
    }

    public static long f64Sub(long a, long b, int roundingMode, FloatFlags flags) {
        return Float64.add(a, b ^ SIGN_64, roundingMode, flags);
    }

    public static long f64Mul(long a, long b, int roundingMode, FloatFlags flags) {
        return Float64.multiply(a, b, roundingMode, flags);
    }

    public static long f64Div(long a, long b, int roundingMode, FloatFlags flags) {
        return Float64.divide(a, b, roundingMode, flags);
    }

    public static long f64Sqrt(long a, int roundingMode, FloatFlags flags) {
        return Float64.squareRoot(a, roundingMode, flags);
    }

    /// a × b + c.
    public static long f64MulAdd(long a, long b, long c, int roundingMode, FloatFlags flags) {
        return Float64.multiplyAdd(a, b, c, roundingMode, flags);
    }

    /// a × b − c.
    public static long f64MulSub(long a, long b, long c, int roundingMode, FloatFlags flags) {
        return Float64.multiplyAdd(a, b, c ^ SIGN_64, roundingMode, flags);
    }

    /// −(a × b) + c.
    public static long f64NegMulSub(long a, long b, long c, int roundingMode, FloatFlags flags) {
        return Float64.multiplyAdd(a ^ SIGN_64, b, c, roundingMode, flags);
    }

    /// −(a × b) − c.
    public static long f64NegMulAdd(long a, long b, long c, int roundingMode, FloatFlags flags) {
        return Float64.multiplyAdd(a ^ SIGN_64, b, c ^ SIGN_64, roundingMode, flags);
    }

    // --- binary64 comparison and sign

    public static long f64Min(long a, long b, FloatFlags flags) {
        return Comparisons.minimum(BINARY64, a, b, flags);
    }

    public static long f64Max(long a, long b, FloatFlags flags) {
        return Comparisons.maximum(BINARY64, a, b, flags);
    }

    public static boolean f64Eq(long a, long b, FloatFlags flags) {
        return Comparisons.equal(BINARY64, a, b, flags);
    }

    public static boolean f64Lt(long a, long b, FloatFlags flags) {
        return Comparisons.less(BINARY64, a, b, flags);
    }

    public static boolean f64Le(long a, long b, FloatFlags flags) {
        return Comparisons.lessOrEqual(BINARY64, a, b, flags);
    }

    public static int f64Classify(long a) {
        return Comparisons.classify(BINARY64, a);
    }

    /// FSGNJ: a with the sign of b.
    public static long f64SignInject(long a, long b) {
        return (a & ~SIGN_64) | (b & SIGN_64);
    }

    /// FSGNJN: a with the opposite of the sign of b.
    public static long f64SignInjectNot(long a, long b) {
        return (a & ~SIGN_64) | (~b & SIGN_64);
    }

    /// FSGNJX: a with its sign xor that of b.
    public static long f64SignInjectXor(long a, long b) {
        return a ^ (b & SIGN_64);
    }

    // --- binary32 arithmetic

    public static int f32Add(int a, int b, int roundingMode, FloatFlags flags) {
        return Float32.add(a, b, roundingMode, flags);
    }

    public static int f32Sub(int a, int b, int roundingMode, FloatFlags flags) {
        return Float32.add(a, b ^ SIGN_32, roundingMode, flags);
    }

    public static int f32Mul(int a, int b, int roundingMode, FloatFlags flags) {
        return Float32.multiply(a, b, roundingMode, flags);
    }

    public static int f32Div(int a, int b, int roundingMode, FloatFlags flags) {
        return Float32.divide(a, b, roundingMode, flags);
    }

    public static int f32Sqrt(int a, int roundingMode, FloatFlags flags) {
        return Float32.squareRoot(a, roundingMode, flags);
    }

    /// a × b + c.
    public static int f32MulAdd(int a, int b, int c, int roundingMode, FloatFlags flags) {
        return Float32.multiplyAdd(a, b, c, roundingMode, flags);
    }

    /// a × b − c.
    public static int f32MulSub(int a, int b, int c, int roundingMode, FloatFlags flags) {
        return Float32.multiplyAdd(a, b, c ^ SIGN_32, roundingMode, flags);
    }

    /// −(a × b) + c.
    public static int f32NegMulSub(int a, int b, int c, int roundingMode, FloatFlags flags) {
        return Float32.multiplyAdd(a ^ SIGN_32, b, c, roundingMode, flags);
    }

    /// −(a × b) − c.
    public static int f32NegMulAdd(int a, int b, int c, int roundingMode, FloatFlags flags) {
        return Float32.multiplyAdd(a ^ SIGN_32, b, c ^ SIGN_32, roundingMode, flags);
    }

    // --- binary32 comparison and sign

    public static int f32Min(int a, int b, FloatFlags flags) {
        return (int) Comparisons.minimum(BINARY32, wide(a), wide(b), flags);
    }

    public static int f32Max(int a, int b, FloatFlags flags) {
        return (int) Comparisons.maximum(BINARY32, wide(a), wide(b), flags);
    }

    public static boolean f32Eq(int a, int b, FloatFlags flags) {
        return Comparisons.equal(BINARY32, wide(a), wide(b), flags);
    }

    public static boolean f32Lt(int a, int b, FloatFlags flags) {
        return Comparisons.less(BINARY32, wide(a), wide(b), flags);
    }

    public static boolean f32Le(int a, int b, FloatFlags flags) {
        return Comparisons.lessOrEqual(BINARY32, wide(a), wide(b), flags);
    }

    public static int f32Classify(int a) {
        return Comparisons.classify(BINARY32, wide(a));
    }

    /// FSGNJ: a with the sign of b.
    public static int f32SignInject(int a, int b) {
        return (a & ~SIGN_32) | (b & SIGN_32);
    }

    /// FSGNJN: a with the opposite of the sign of b.
    public static int f32SignInjectNot(int a, int b) {
        return (a & ~SIGN_32) | (~b & SIGN_32);
    }

    /// FSGNJX: a with its sign xor that of b.
    public static int f32SignInjectXor(int a, int b) {
        return a ^ (b & SIGN_32);
    }

    // --- conversions to integers

    public static int f64ToI32(long a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.toInteger(BINARY64, a, IntegerType.INT32, roundingMode, flags);
    }

    public static int f64ToU32(long a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.toInteger(BINARY64, a, IntegerType.UINT32, roundingMode, flags);
    }

    public static long f64ToI64(long a, int roundingMode, FloatFlags flags) {
        return Conversions.toInteger(BINARY64, a, IntegerType.INT64, roundingMode, flags);
    }

    public static long f64ToU64(long a, int roundingMode, FloatFlags flags) {
        return Conversions.toInteger(BINARY64, a, IntegerType.UINT64, roundingMode, flags);
    }

    public static int f32ToI32(int a, int roundingMode, FloatFlags flags) {
        return (int)
                Conversions.toInteger(BINARY32, wide(a), IntegerType.INT32, roundingMode, flags);
    }

    public static int f32ToU32(int a, int roundingMode, FloatFlags flags) {
        return (int)
                Conversions.toInteger(BINARY32, wide(a), IntegerType.UINT32, roundingMode, flags);
    }

    public static long f32ToI64(int a, int roundingMode, FloatFlags flags) {
        return Conversions.toInteger(BINARY32, wide(a), IntegerType.INT64, roundingMode, flags);
    }

    public static long f32ToU64(int a, int roundingMode, FloatFlags flags) {
        return Conversions.toInteger(BINARY32, wide(a), IntegerType.UINT64, roundingMode, flags);
    }

    // --- conversions from integers

    /// Exact, as every int is a double.
    public static long i32ToF64(int a) {
        return Double.doubleToRawLongBits(a);
    }

    /// Exact, as every unsigned int is a double.
    public static long u32ToF64(int a) {
        return Double.doubleToRawLongBits(wide(a));
    }

    public static long i64ToF64(long a, int roundingMode, FloatFlags flags) {
        return Conversions.fromSigned(BINARY64, a, roundingMode, flags);
    }

    public static long u64ToF64(long a, int roundingMode, FloatFlags flags) {
        return Conversions.fromUnsigned(BINARY64, a, roundingMode, flags);
    }

    public static int i32ToF32(int a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.fromSigned(BINARY32, a, roundingMode, flags);
    }

    public static int u32ToF32(int a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.fromUnsigned(BINARY32, wide(a), roundingMode, flags);
    }

    public static int i64ToF32(long a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.fromSigned(BINARY32, a, roundingMode, flags);
    }

    public static int u64ToF32(long a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.fromUnsigned(BINARY32, a, roundingMode, flags);
    }

    // --- between the formats

    public static int f64ToF32(long a, int roundingMode, FloatFlags flags) {
        return (int) Conversions.toFormat(BINARY64, a, BINARY32, roundingMode, flags);
    }

    /// Exact; only a signalling NaN raises a flag.
    public static long f32ToF64(int a, FloatFlags flags) {
        return Conversions.toFormat(BINARY32, wide(a), BINARY64, RoundingMode.RNE, flags);
    }

    private static long wide(int bits) {
        return bits & 0xffff_ffffL;
    }
}
