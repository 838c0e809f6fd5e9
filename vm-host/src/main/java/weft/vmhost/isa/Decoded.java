package weft.vmhost.isa;

/// The decoded form of an instruction, packed into a `long`: what an engine needs, without a look
/// at the encoding again.
///
/// ```
///   63           32 31      24 23      16 15      9 8 7         0
///   immediate       rs2        rs1        rd        C operation
/// ```
///
/// - Each source register stands in a byte of its own, and the destination in one with C: an engine
///   reads the field that it needs from memory, by one load. C is set for a compressed instruction;
///   with the operation it makes a number that a loop can have a table of cases by.
/// - The immediate is signed. Jumps and branches hold the distance in bytes; shifts their amount;
///   CSR instructions the CSR's number; ILLEGAL the instruction's bits. Floating-point arithmetic
///   holds rs3 in its low 5 bits and the rounding mode above.
/// - A destination x0 becomes [#DISCARD], a 33rd register that nobody reads: so no operation has to
///   ask whether its destination is x0.
/// - An unused register field is 0.
public final class Decoded {
    /// Where results for x0 go.
    public static final int DISCARD = 32;

    /// As many as the field of a destination can name.
    public static final int PLACES = 64;

    private Decoded() {}

    /// Whatever is given, the fields name registers that there are: engines access them unchecked.
    static long of(int op, int rd, int rs1, int rs2, int immediate, int halfwords, int rm) {
        assert (op | 0xFF) == 0xFF
                && (rd | PLACES - 1) == PLACES - 1
                && (rs1 | 31) == 31
                && (rs2 | 31) == 31;
        return (long) immediate << 32
                | (long) rm << 37
                | (rs2 & 31L) << 24
                | (rs1 & 31L) << 16
                | (rd & PLACES - 1L) << 9
                | (2L - halfwords) << 8
                | op & 0xFFL;
    }

    public static int op(long decoded) {
        return (int) decoded & 0xFF;
    }

    public static int rd(long decoded) {
        return (int) (decoded >>> 9) & 63;
    }

    public static int rs1(long decoded) {
        return (int) (decoded >>> 16) & 31;
    }

    public static int rs2(long decoded) {
        return (int) (decoded >>> 24) & 31;
    }

    /// 1 for a compressed instruction, 2 otherwise.
    public static int halfwords(long decoded) {
        return 2 - ((int) (decoded >>> 8) & 1);
    }

    /// The rounding-mode field of a floating-point instruction.
    public static int rm(long decoded) {
        return (int) (decoded >>> 37) & 7;
    }

    public static long immediate(long decoded) {
        return decoded >> 32;
    }

    /// rs3 of a fused multiply-add.
    public static int rs3(long decoded) {
        return (int) (decoded >>> 32) & 31;
    }
}
