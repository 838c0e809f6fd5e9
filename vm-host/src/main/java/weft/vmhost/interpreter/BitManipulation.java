package weft.vmhost.interpreter;

import weft.vmhost.isa.Op;

/// Zba, Zbb, Zbc, Zbs and Zicond.
final class BitManipulation {
    private static final long WORD = 0xFFFF_FFFFL;

    private BitManipulation() {}

    /// @param immediate the shift amount or bit number of the immediate forms
    static long execute(int op, long a, long b, int immediate) {
        return switch (op) {
            case Op.ADD_UW -> (a & WORD) + b;
            case Op.SH1ADD -> (a << 1) + b;
            case Op.SH2ADD -> (a << 2) + b;
            case Op.SH3ADD -> (a << 3) + b;
            case Op.SH1ADD_UW -> ((a & WORD) << 1) + b;
            case Op.SH2ADD_UW -> ((a & WORD) << 2) + b;
            case Op.SH3ADD_UW -> ((a & WORD) << 3) + b;
            case Op.SLLI_UW -> (a & WORD) << immediate;
            case Op.ANDN -> a & ~b;
            case Op.ORN -> a | ~b;
            case Op.XNOR -> ~(a ^ b);
            case Op.CLZ -> Long.numberOfLeadingZeros(a);
            case Op.CLZW -> Integer.numberOfLeadingZeros((int) a);
            case Op.CTZ -> Long.numberOfTrailingZeros(a);
            case Op.CTZW -> Integer.numberOfTrailingZeros((int) a);
            case Op.CPOP -> Long.bitCount(a);
            case Op.CPOPW -> Integer.bitCount((int) a);
            case Op.MAX -> Math.max(a, b);
            case Op.MAXU -> Long.compareUnsigned(a, b) > 0 ? a : b;
            case Op.MIN -> Math.min(a, b);
            case Op.MINU -> Long.compareUnsigned(a, b) < 0 ? a : b;
            case Op.SEXT_B -> (byte) a;
            case Op.SEXT_H -> (short) a;
            case Op.ZEXT_H -> a & 0xFFFF;
            case Op.ROL -> Long.rotateLeft(a, (int) b);
            case Op.ROLW -> Integer.rotateLeft((int) a, (int) b);
            case Op.ROR -> Long.rotateRight(a, (int) b);
            case Op.RORI -> Long.rotateRight(a, immediate);
            case Op.RORIW -> Integer.rotateRight((int) a, immediate);
            case Op.RORW -> Integer.rotateRight((int) a, (int) b);
            case Op.ORC_B -> orCombineBytes(a);
            case Op.REV8 -> Long.reverseBytes(a);
            case Op.BCLR -> a & ~(1L << b);
            case Op.BCLRI -> a & ~(1L << immediate);
            case Op.BEXT -> a >>> b & 1;
            case Op.BEXTI -> a >>> immediate & 1;
            case Op.BINV -> a ^ 1L << b;
            case Op.BINVI -> a ^ 1L << immediate;
            case Op.BSET -> a | 1L << b;
            case Op.BSETI -> a | 1L << immediate;
            case Op.CLMUL -> carrylessLow(a, b);
            case Op.CLMULH -> carrylessHigh(a, b);
            case Op.CLMULR -> carrylessHigh(a, b) << 1 | carrylessLow(a, b) >>> 63;
            case Op.CZERO_EQZ -> b == 0 ? 0 : a;
            case Op.CZERO_NEZ -> b != 0 ? 0 : a;
            default -> throw new IllegalStateException("no operation on bits: " + op);
        };
    }

    /// The low 64 bits of the product of polynomials over GF(2).
    private static long carrylessLow(long a, long b) {
        long product = 0;
        for (long bits = b; bits != 0; bits &= bits - 1) {
            product ^= a << Long.numberOfTrailingZeros(bits);
        }
        return product;
    }

    /// The high 64 bits; the topmost is always 0.
    private static long carrylessHigh(long a, long b) {
        long product = 0;
        for (long bits = b & -2; bits != 0; bits &= bits - 1) {
            product ^= a >>> 64 - Long.numberOfTrailingZeros(bits);
        }
        return product;
    }

    /// Every byte that is not zero becomes 0xFF.
    private static long orCombineBytes(long a) {
        long low = 0x7F7F_7F7F_7F7F_7F7FL;
        long nonZero = ((a & low) + low | a) & ~low;
        return (nonZero >>> 7) * 0xFF;
    }
}
