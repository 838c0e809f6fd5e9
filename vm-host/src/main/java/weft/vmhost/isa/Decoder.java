package weft.vmhost.isa;

/// From instruction bits to the decoded form: RV64IMAFD, Zicsr, Zifencei, Zba, Zbb, Zbc, Zbs,
/// Zicond, Zicbom, Zicboz, Svinval; the C extension is [CompressedDecoder]'s. What is not an
/// instruction of these decodes to ILLEGAL.
public final class Decoder {
    private static final int[] LOADS = {
        Op.LB, Op.LH, Op.LW, Op.LD, Op.LBU, Op.LHU, Op.LWU, Op.ILLEGAL
    };
    private static final int[] BRANCHES = {
        Op.BEQ, Op.BNE, Op.ILLEGAL, Op.ILLEGAL, Op.BLT, Op.BGE, Op.BLTU, Op.BGEU
    };
    private static final int[] PLAIN = {
        Op.ADD, Op.SLL, Op.SLT, Op.SLTU, Op.XOR, Op.SRL, Op.OR, Op.AND
    };
    private static final int[] MULTIPLY = {
        Op.MUL, Op.MULH, Op.MULHSU, Op.MULHU, Op.DIV, Op.DIVU, Op.REM, Op.REMU
    };
    private static final int[] CARRYLESS_AND_LIMITS = {
        Op.ILLEGAL, Op.CLMUL, Op.CLMULR, Op.CLMULH, Op.MIN, Op.MINU, Op.MAX, Op.MAXU
    };
    private static final int[] MULTIPLY_WORD = {
        Op.MULW, Op.ILLEGAL, Op.ILLEGAL, Op.ILLEGAL, Op.DIVW, Op.DIVUW, Op.REMW, Op.REMUW
    };
    private static final int[] CSR = {
        Op.ILLEGAL, Op.CSRRW, Op.CSRRS, Op.CSRRC, Op.ILLEGAL, Op.CSRRWI, Op.CSRRSI, Op.CSRRCI
    };

    private Decoder() {}

    /// Whether an instruction that begins with this halfword has 32 bits.
    public static boolean isLong(int firstHalfword) {
        return (firstHalfword & 3) == 3;
    }

    /// @param bits the instruction; for a compressed one the low 16 bits count
    public static long decode(int bits) {
        if (!isLong(bits)) {
            return CompressedDecoder.decode(bits & 0xFFFF);
        }
        return switch (bits >>> 2 & 31) {
            case 0x00 -> load(bits);
            case 0x01 -> floatLoad(bits);
            case 0x03 -> fence(bits);
            case 0x04 -> immediate(bits);
            case 0x05 -> upper(Op.AUIPC, bits);
            case 0x06 -> immediateWord(bits);
            case 0x08 -> store(bits);
            case 0x09 -> floatStore(bits);
            case 0x0B -> atomic(bits);
            case 0x0C -> register(bits);
            case 0x0D -> upper(Op.LI, bits);
            case 0x0E -> registerWord(bits);
            case 0x10, 0x11, 0x12, 0x13, 0x14 -> FloatDecoder.decode(bits);
            case 0x18 -> branch(bits);
            case 0x19 -> funct3(bits) == 0 ? typeI(Op.JALR, bits) : illegal(bits);
            case 0x1B -> jump(bits);
            case 0x1C -> system(bits);
            default -> illegal(bits);
        };
    }

    static long illegal(int bits) {
        int halfwords = isLong(bits) ? 2 : 1;
        return Decoded.of(Op.ILLEGAL, 0, 0, 0, bits, halfwords, 0);
    }

    static int destination(int rd) {
        return rd == 0 ? Decoded.DISCARD : rd;
    }

    static int rd(int bits) {
        return bits >>> 7 & 31;
    }

    static int rs1(int bits) {
        return bits >>> 15 & 31;
    }

    static int rs2(int bits) {
        return bits >>> 20 & 31;
    }

    static int funct3(int bits) {
        return bits >>> 12 & 7;
    }

    private static long typeI(int op, int bits) {
        return op == Op.ILLEGAL ? illegal(bits) : typeI(op, bits, bits >> 20);
    }

    private static long typeI(int op, int bits, int immediate) {
        return Decoded.of(op, destination(rd(bits)), rs1(bits), 0, immediate, 2, 0);
    }

    private static long typeR(int op, int bits) {
        if (op == Op.ILLEGAL) {
            return illegal(bits);
        }
        return Decoded.of(op, destination(rd(bits)), rs1(bits), rs2(bits), 0, 2, 0);
    }

    private static long load(int bits) {
        return typeI(LOADS[funct3(bits)], bits);
    }

    private static long floatLoad(int bits) {
        int op =
                switch (funct3(bits)) {
                    case 2 -> Op.FLW;
                    case 3 -> Op.FLD;
                    default -> Op.ILLEGAL;
                };
        return op == Op.ILLEGAL
                ? illegal(bits)
                : Decoded.of(op, rd(bits), rs1(bits), 0, bits >> 20, 2, 0);
    }

    private static long store(int bits) {
        int op =
                switch (funct3(bits)) {
                    case 0 -> Op.SB;
                    case 1 -> Op.SH;
                    case 2 -> Op.SW;
                    case 3 -> Op.SD;
                    default -> Op.ILLEGAL;
                };
        return typeS(op, bits);
    }

    private static long floatStore(int bits) {
        int op =
                switch (funct3(bits)) {
                    case 2 -> Op.FSW;
                    case 3 -> Op.FSD;
                    default -> Op.ILLEGAL;
                };
        return typeS(op, bits);
    }

    private static long typeS(int op, int bits) {
        if (op == Op.ILLEGAL) {
            return illegal(bits);
        }
        int immediate = bits >> 25 << 5 | rd(bits);
        return Decoded.of(op, 0, rs1(bits), rs2(bits), immediate, 2, 0);
    }

    private static long fence(int bits) {
        return switch (funct3(bits)) {
            case 0 -> Decoded.of(Op.FENCE, 0, 0, 0, 0, 2, 0);
            case 1 -> Decoded.of(Op.FENCE_I, 0, 0, 0, 0, 2, 0);
            case 2 -> cacheBlock(bits);
            default -> illegal(bits);
        };
    }

    private static long cacheBlock(int bits) {
        int op =
                switch (bits >>> 20) {
                    case 0 -> Op.CBO_INVAL;
                    case 1, 2 -> Op.CBO_CLEAN;
                    case 4 -> Op.CBO_ZERO;
                    default -> Op.ILLEGAL;
                };
        return op == Op.ILLEGAL || rd(bits) != 0 ? illegal(bits) : typeI(op, bits, 0);
    }

    private static long upper(int op, int bits) {
        return Decoded.of(op, destination(rd(bits)), 0, 0, bits & 0xFFFF_F000, 2, 0);
    }

    private static long branch(int bits) {
        int op = BRANCHES[funct3(bits)];
        int distance =
                bits >> 31 << 12 | (bits & 0x80) << 4 | bits >>> 20 & 0x7E0 | bits >>> 7 & 0x1E;
        return op == Op.ILLEGAL
                ? illegal(bits)
                : Decoded.of(op, 0, rs1(bits), rs2(bits), distance, 2, 0);
    }

    private static long jump(int bits) {
        int distance = bits >> 31 << 20 | bits & 0xFF000 | bits >>> 9 & 0x800 | bits >>> 20 & 0x7FE;
        return Decoded.of(Op.JAL, destination(rd(bits)), 0, 0, distance, 2, 0);
    }

    private static long immediate(int bits) {
        return switch (funct3(bits)) {
            case 0 -> typeI(Op.ADDI, bits);
            case 1 -> shiftLeft(bits);
            case 2 -> typeI(Op.SLTI, bits);
            case 3 -> typeI(Op.SLTIU, bits);
            case 4 -> typeI(Op.XORI, bits);
            case 5 -> shiftRight(bits);
            case 6 -> typeI(Op.ORI, bits);
            default -> typeI(Op.ANDI, bits);
        };
    }

    private static long shiftLeft(int bits) {
        int amount = bits >>> 20 & 63;
        return switch (bits >>> 26) {
            case 0x00 -> typeI(Op.SLLI, bits, amount);
            case 0x0A -> typeI(Op.BSETI, bits, amount);
            case 0x12 -> typeI(Op.BCLRI, bits, amount);
            case 0x1A -> typeI(Op.BINVI, bits, amount);
            case 0x18 ->
                    switch (amount) {
                        case 0 -> typeI(Op.CLZ, bits, 0);
                        case 1 -> typeI(Op.CTZ, bits, 0);
                        case 2 -> typeI(Op.CPOP, bits, 0);
                        case 4 -> typeI(Op.SEXT_B, bits, 0);
                        case 5 -> typeI(Op.SEXT_H, bits, 0);
                        default -> illegal(bits);
                    };
            default -> illegal(bits);
        };
    }

    private static long shiftRight(int bits) {
        int amount = bits >>> 20 & 63;
        return switch (bits >>> 26) {
            case 0x00 -> typeI(Op.SRLI, bits, amount);
            case 0x10 -> typeI(Op.SRAI, bits, amount);
            case 0x12 -> typeI(Op.BEXTI, bits, amount);
            case 0x18 -> typeI(Op.RORI, bits, amount);
            case 0x0A -> amount == 7 ? typeI(Op.ORC_B, bits, 0) : illegal(bits);
            case 0x1A -> amount == 56 ? typeI(Op.REV8, bits, 0) : illegal(bits);
            default -> illegal(bits);
        };
    }

    private static long immediateWord(int bits) {
        int amount = bits >>> 20 & 31;
        int funct7 = bits >>> 25;
        return switch (funct3(bits)) {
            case 0 -> typeI(Op.ADDIW, bits);
            case 1 ->
                    switch (funct7) {
                        case 0x00 -> typeI(Op.SLLIW, bits, amount);
                        case 0x04, 0x05 -> typeI(Op.SLLI_UW, bits, bits >>> 20 & 63);
                        case 0x30 ->
                                switch (amount) {
                                    case 0 -> typeI(Op.CLZW, bits, 0);
                                    case 1 -> typeI(Op.CTZW, bits, 0);
                                    case 2 -> typeI(Op.CPOPW, bits, 0);
                                    default -> illegal(bits);
                                };
                        default -> illegal(bits);
                    };
            case 5 ->
                    switch (funct7) {
                        case 0x00 -> typeI(Op.SRLIW, bits, amount);
                        case 0x20 -> typeI(Op.SRAIW, bits, amount);
                        case 0x30 -> typeI(Op.RORIW, bits, amount);
                        default -> illegal(bits);
                    };
            default -> illegal(bits);
        };
    }

    private static long register(int bits) {
        int funct3 = funct3(bits);
        int op =
                switch (bits >>> 25) {
                    case 0x00 -> PLAIN[funct3];
                    case 0x01 -> MULTIPLY[funct3];
                    case 0x05 -> CARRYLESS_AND_LIMITS[funct3];
                    case 0x07 ->
                            switch (funct3) {
                                case 5 -> Op.CZERO_EQZ;
                                case 7 -> Op.CZERO_NEZ;
                                default -> Op.ILLEGAL;
                            };
                    case 0x10 -> select(funct3 >>> 1, 1, Op.SH1ADD, Op.SH2ADD, Op.SH3ADD);
                    case 0x14 -> funct3 == 1 ? Op.BSET : Op.ILLEGAL;
                    case 0x20 ->
                            switch (funct3) {
                                case 0 -> Op.SUB;
                                case 4 -> Op.XNOR;
                                case 5 -> Op.SRA;
                                case 6 -> Op.ORN;
                                case 7 -> Op.ANDN;
                                default -> Op.ILLEGAL;
                            };
                    case 0x24 -> funct3 == 1 ? Op.BCLR : funct3 == 5 ? Op.BEXT : Op.ILLEGAL;
                    case 0x30 -> funct3 == 1 ? Op.ROL : funct3 == 5 ? Op.ROR : Op.ILLEGAL;
                    case 0x34 -> funct3 == 1 ? Op.BINV : Op.ILLEGAL;
                    default -> Op.ILLEGAL;
                };
        if (bits >>> 25 == 0x10 && (funct3 & 1) != 0) {
            op = Op.ILLEGAL;
        }
        return typeR(op, bits);
    }

    /// The operation at `index - first` of those given, or ILLEGAL outside.
    private static int select(int index, int first, int... ops) {
        int i = index - first;
        return i >= 0 && i < ops.length ? ops[i] : Op.ILLEGAL;
    }

    private static long registerWord(int bits) {
        int funct3 = funct3(bits);
        int op =
                switch (bits >>> 25) {
                    case 0x00 ->
                            switch (funct3) {
                                case 0 -> Op.ADDW;
                                case 1 -> Op.SLLW;
                                case 5 -> Op.SRLW;
                                default -> Op.ILLEGAL;
                            };
                    case 0x01 -> MULTIPLY_WORD[funct3];
                    case 0x04 ->
                            switch (funct3) {
                                case 0 -> Op.ADD_UW;
                                case 4 -> rs2(bits) == 0 ? Op.ZEXT_H : Op.ILLEGAL;
                                default -> Op.ILLEGAL;
                            };
                    case 0x10 ->
                            switch (funct3) {
                                case 2 -> Op.SH1ADD_UW;
                                case 4 -> Op.SH2ADD_UW;
                                case 6 -> Op.SH3ADD_UW;
                                default -> Op.ILLEGAL;
                            };
                    case 0x20 ->
                            switch (funct3) {
                                case 0 -> Op.SUBW;
                                case 5 -> Op.SRAW;
                                default -> Op.ILLEGAL;
                            };
                    case 0x30 -> funct3 == 1 ? Op.ROLW : funct3 == 5 ? Op.RORW : Op.ILLEGAL;
                    default -> Op.ILLEGAL;
                };
        return typeR(op, bits);
    }

    private static long atomic(int bits) {
        int funct3 = funct3(bits);
        if (funct3 != 2 && funct3 != 3) {
            return illegal(bits);
        }
        int word =
                switch (bits >>> 27) {
                    case 0x00 -> Op.AMOADD_W;
                    case 0x01 -> Op.AMOSWAP_W;
                    case 0x02 -> rs2(bits) == 0 ? Op.LR_W : Op.ILLEGAL;
                    case 0x03 -> Op.SC_W;
                    case 0x04 -> Op.AMOXOR_W;
                    case 0x08 -> Op.AMOOR_W;
                    case 0x0C -> Op.AMOAND_W;
                    case 0x10 -> Op.AMOMIN_W;
                    case 0x14 -> Op.AMOMAX_W;
                    case 0x18 -> Op.AMOMINU_W;
                    case 0x1C -> Op.AMOMAXU_W;
                    default -> Op.ILLEGAL;
                };
        boolean isDouble = funct3 == 3 && word != Op.ILLEGAL;
        return typeR(isDouble ? word - Op.LR_W + Op.LR_D : word, bits);
    }

    private static long system(int bits) {
        if (funct3(bits) != 0) {
            int op = CSR[funct3(bits)];
            return op == Op.ILLEGAL ? illegal(bits) : typeI(op, bits, bits >>> 20);
        }
        boolean isFence = bits >>> 25 == 0x09 || bits >>> 25 == 0x0B;
        if (isFence && rd(bits) == 0) {
            return typeR(Op.SFENCE_VMA, bits);
        }
        int op =
                switch (bits) {
                    case 0x0000_0073 -> Op.ECALL;
                    case 0x0010_0073 -> Op.EBREAK;
                    case 0x1020_0073 -> Op.SRET;
                    case 0x3020_0073 -> Op.MRET;
                    case 0x1050_0073 -> Op.WFI;
                    case 0x1800_0073, 0x1810_0073 -> Op.SFENCE_INVAL;
                    default -> Op.ILLEGAL;
                };
        return op == Op.ILLEGAL ? illegal(bits) : Decoded.of(op, 0, 0, 0, 0, 2, 0);
    }
}
