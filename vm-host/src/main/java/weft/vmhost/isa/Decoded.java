package weft.vmhost.isa;

/// The decoded form of an instruction, packed into a `long`: what an engine needs, without a look
/// at the encoding again.
///
/// ```
///   63           32 31   29 28 26 25    24 23   19 18   14 13    8 7       0
///   immediate      zero    rm    halfwords  rs2     rs1     rd     operation
/// ```
///
/// - The immediate is signed. Jumps and branches hold the distance in bytes; shifts their amount;
///   CSR instructions the CSR's number; fused multiply-adds rs3; ILLEGAL the instruction's bits.
/// - A destination x0 becomes [#DISCARD], a 33rd register that nobody reads: so no operation has to
///   ask whether its destination is x0.
/// - An unused register field is 0.
public final class Decoded {
    /// Where results for x0 go.
    public static final int DISCARD = 32;

    /// As many as the field of a destination can name.
    public static final int PLACES = 64;

    private Decoded() {}

    static long of(int op, int rd, int rs1, int rs2, int immediate, int halfwords, int rm) {
        assert (op | 0xFF) == 0xFF && (rd | 63) == 63 && (rs1 | 31) == 31 && (rs2 | 31) == 31;
        return (long) immediate << 32
                | (long) rm << 26
                | (long) halfwords << 24
                | (long) rs2 << 19
                | (long) rs1 << 14
                | (long) rd << 8
                | op;
    }

    public static int op(long decoded) {
        return (int) decoded & 0xFF;
    }

    public static int rd(long decoded) {
        return (int) (decoded >>> 8) & 63;
    }

    public static int rs1(long decoded) {
        return (int) (decoded >>> 14) & 31;
    }

    public static int rs2(long decoded) {
        return (int) (decoded >>> 19) & 31;
    }

    /// 1 for a compressed instruction, 2 otherwise.
    public static int halfwords(long decoded) {
        return (int) (decoded >>> 24) & 3;
    }

    /// The rounding-mode field of a floating-point instruction.
    public static int rm(long decoded) {
        return (int) (decoded >>> 26) & 7;
    }

    public static long immediate(long decoded) {
        return decoded >> 32;
    }

    /// rs3 of a fused multiply-add.
    public static int rs3(long decoded) {
        return (int) (decoded >>> 32) & 31;
    }
}
