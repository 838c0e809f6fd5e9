package weft.vmhost.isa;

/// The F and D extensions, but for their loads and stores. The rounding mode is left in the decoded
/// form; whether it is legal depends on `frm` and is seen at execution.
final class FloatDecoder {
    private static final int[] FUSED = {Op.FMADD_S, Op.FMSUB_S, Op.FNMSUB_S, Op.FNMADD_S};
    private static final int[] SIGNS = {Op.FSGNJ_S, Op.FSGNJN_S, Op.FSGNJX_S};
    private static final int[] COMPARISONS = {Op.FLE_S, Op.FLT_S, Op.FEQ_S};
    private static final int[] TO_INTEGER = {Op.FCVT_W_S, Op.FCVT_WU_S, Op.FCVT_L_S, Op.FCVT_LU_S};
    private static final int[] FROM_INTEGER = {
        Op.FCVT_S_W, Op.FCVT_S_WU, Op.FCVT_S_L, Op.FCVT_S_LU
    };

    private FloatDecoder() {}

    static long decode(int bits) {
        int format = bits >>> 25 & 3;
        if (format > 1) {
            return Decoder.illegal(bits);
        }
        int major = bits >>> 2 & 31;
        int op = major == 0x14 ? operation(bits) : FUSED[major & 3];
        if (op == Op.ILLEGAL) {
            return Decoder.illegal(bits);
        }
        // The tables name the operations of F; those of D follow in the same order.
        int inFormat = op + format * (Op.FADD_D - Op.FADD_S);
        int rd = toIntegerRegister(op) ? Decoder.destination(Decoder.rd(bits)) : Decoder.rd(bits);
        int rs3 = major == 0x14 ? 0 : bits >>> 27;
        return Decoded.of(
                inFormat, rd, Decoder.rs1(bits), Decoder.rs2(bits), rs3, 2, Decoder.funct3(bits));
    }

    private static boolean toIntegerRegister(int op) {
        return op >= Op.FEQ_S && op <= Op.FCVT_LU_S || op == Op.FMV_X_W;
    }

    private static int operation(int bits) {
        int rs2 = Decoder.rs2(bits);
        int funct3 = Decoder.funct3(bits);
        return switch (bits >>> 27) {
            case 0x00 -> Op.FADD_S;
            case 0x01 -> Op.FSUB_S;
            case 0x02 -> Op.FMUL_S;
            case 0x03 -> Op.FDIV_S;
            case 0x0B -> rs2 == 0 ? Op.FSQRT_S : Op.ILLEGAL;
            case 0x04 -> at(SIGNS, funct3);
            case 0x05 -> funct3 == 0 ? Op.FMIN_S : funct3 == 1 ? Op.FMAX_S : Op.ILLEGAL;
            // FCVT.S.D and FCVT.D.S: the source format is the other one.
            case 0x08 -> rs2 == 1 - (bits >>> 25 & 3) ? Op.FCVT_S_D : Op.ILLEGAL;
            case 0x14 -> at(COMPARISONS, funct3);
            case 0x18 -> at(TO_INTEGER, rs2);
            case 0x1A -> at(FROM_INTEGER, rs2);
            case 0x1C -> rs2 != 0 ? Op.ILLEGAL : moveToInteger(funct3);
            case 0x1E -> rs2 == 0 && funct3 == 0 ? Op.FMV_W_X : Op.ILLEGAL;
            default -> Op.ILLEGAL;
        };
    }

    private static int moveToInteger(int funct3) {
        return funct3 == 0 ? Op.FMV_X_W : funct3 == 1 ? Op.FCLASS_S : Op.ILLEGAL;
    }

    private static int at(int[] ops, int index) {
        return index < ops.length ? ops[index] : Op.ILLEGAL;
    }
}
