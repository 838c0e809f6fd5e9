package weft.vmhost.isa;

/// The C extension for RV64GC: each form decodes to the operation it abbreviates.
final class CompressedDecoder {
    private static final int SP = 2;
    private static final int RA = 1;

    private CompressedDecoder() {}

    static long decode(int bits) {
        return switch ((bits & 3) << 3 | bits >>> 13) {
            case 0x00 -> addi4spn(bits);
            case 0x01 -> load(Op.FLD, low(bits, 2), bits, offsetDouble(bits));
            case 0x02 -> load(Op.LW, low(bits, 2), bits, offsetWord(bits));
            case 0x03 -> load(Op.LD, low(bits, 2), bits, offsetDouble(bits));
            case 0x05 -> store(Op.FSD, bits, offsetDouble(bits));
            case 0x06 -> store(Op.SW, bits, offsetWord(bits));
            case 0x07 -> store(Op.SD, bits, offsetDouble(bits));
            case 0x08 -> immediate(Op.ADDI, rd(bits), rd(bits), imm6(bits));
            case 0x09 ->
                    rd(bits) == 0
                            ? Decoder.illegal(bits)
                            : immediate(Op.ADDIW, rd(bits), rd(bits), imm6(bits));
            case 0x0A -> immediate(Op.LI, rd(bits), 0, imm6(bits));
            case 0x0B -> upperOrStackPointer(bits);
            case 0x0C -> arithmetic(bits);
            case 0x0D -> Decoded.of(Op.JAL, Decoded.DISCARD, 0, 0, jumpDistance(bits), 1, 0);
            case 0x0E -> branch(Op.BEQ, bits);
            case 0x0F -> branch(Op.BNE, bits);
            case 0x10 -> immediate(Op.SLLI, rd(bits), rd(bits), imm6(bits) & 63);
            case 0x11 -> Decoded.of(Op.FLD, rd(bits), SP, 0, stackOffsetDouble(bits), 1, 0);
            case 0x12 -> stackLoad(Op.LW, bits, stackOffsetWord(bits));
            case 0x13 -> stackLoad(Op.LD, bits, stackOffsetDouble(bits));
            case 0x14 -> registers(bits);
            case 0x15 -> stackStore(Op.FSD, bits, stackStoreOffsetDouble(bits));
            case 0x16 -> stackStore(Op.SW, bits, bits >>> 7 & 0x3C | bits >>> 1 & 0xC0);
            case 0x17 -> stackStore(Op.SD, bits, stackStoreOffsetDouble(bits));
            default -> Decoder.illegal(bits);
        };
    }

    private static int rd(int bits) {
        return bits >>> 7 & 31;
    }

    /// One of x8 to x15.
    private static int low(int bits, int shift) {
        return 8 + (bits >>> shift & 7);
    }

    /// Bits 12 and 6 to 2, sign-extended.
    private static int imm6(int bits) {
        return bits << 19 >> 31 << 5 | bits >>> 2 & 31;
    }

    private static int offsetWord(int bits) {
        return bits >>> 7 & 0x38 | bits >>> 4 & 4 | bits << 1 & 0x40;
    }

    private static int offsetDouble(int bits) {
        return bits >>> 7 & 0x38 | bits << 1 & 0xC0;
    }

    private static int stackOffsetWord(int bits) {
        return bits >>> 7 & 0x20 | bits >>> 2 & 0x1C | bits << 4 & 0xC0;
    }

    private static int stackOffsetDouble(int bits) {
        return bits >>> 7 & 0x20 | bits >>> 2 & 0x18 | bits << 4 & 0x1C0;
    }

    private static int stackStoreOffsetDouble(int bits) {
        return bits >>> 7 & 0x38 | bits >>> 1 & 0x1C0;
    }

    private static int jumpDistance(int bits) {
        return bits << 19 >> 31 << 11
                | bits >>> 7 & 0x10
                | bits >>> 1 & 0x300
                | bits << 2 & 0x400
                | bits >>> 1 & 0x40
                | bits << 1 & 0x80
                | bits >>> 2 & 0xE
                | bits << 3 & 0x20;
    }

    private static long immediate(int op, int rd, int rs1, int immediate) {
        return Decoded.of(op, Decoder.destination(rd), rs1, 0, immediate, 1, 0);
    }

    private static long load(int op, int rd, int bits, int offset) {
        return Decoded.of(op, rd, low(bits, 7), 0, offset, 1, 0);
    }

    private static long store(int op, int bits, int offset) {
        return Decoded.of(op, 0, low(bits, 7), low(bits, 2), offset, 1, 0);
    }

    private static long stackLoad(int op, int bits, int offset) {
        return rd(bits) == 0 ? Decoder.illegal(bits) : immediate(op, rd(bits), SP, offset);
    }

    private static long stackStore(int op, int bits, int offset) {
        return Decoded.of(op, 0, SP, bits >>> 2 & 31, offset, 1, 0);
    }

    private static long addi4spn(int bits) {
        int immediate = bits >>> 7 & 0x30 | bits >>> 1 & 0x3C0 | bits >>> 4 & 4 | bits >>> 2 & 8;
        return immediate == 0
                ? Decoder.illegal(bits)
                : immediate(Op.ADDI, low(bits, 2), SP, immediate);
    }

    private static long upperOrStackPointer(int bits) {
        if (rd(bits) != SP) {
            int immediate = imm6(bits) << 12;
            return immediate == 0
                    ? Decoder.illegal(bits)
                    : immediate(Op.LI, rd(bits), 0, immediate);
        }
        int immediate =
                bits << 19 >> 31 << 9
                        | bits >>> 2 & 0x10
                        | bits << 1 & 0x40
                        | bits << 4 & 0x180
                        | bits << 3 & 0x20;
        return immediate == 0 ? Decoder.illegal(bits) : immediate(Op.ADDI, SP, SP, immediate);
    }

    private static long arithmetic(int bits) {
        int rd = low(bits, 7);
        return switch (bits >>> 10 & 3) {
            case 0 -> immediate(Op.SRLI, rd, rd, imm6(bits) & 63);
            case 1 -> immediate(Op.SRAI, rd, rd, imm6(bits) & 63);
            case 2 -> immediate(Op.ANDI, rd, rd, imm6(bits));
            default -> {
                int op =
                        switch (bits >>> 10 & 4 | bits >>> 5 & 3) {
                            case 0 -> Op.SUB;
                            case 1 -> Op.XOR;
                            case 2 -> Op.OR;
                            case 3 -> Op.AND;
                            case 4 -> Op.SUBW;
                            case 5 -> Op.ADDW;
                            default -> Op.ILLEGAL;
                        };
                yield op == Op.ILLEGAL
                        ? Decoder.illegal(bits)
                        : Decoded.of(op, rd, rd, low(bits, 2), 0, 1, 0);
            }
        };
    }

    private static long branch(int op, int bits) {
        int distance =
                bits << 19 >> 31 << 8
                        | bits >>> 7 & 0x18
                        | bits << 1 & 0xC0
                        | bits >>> 2 & 6
                        | bits << 3 & 0x20;
        return Decoded.of(op, 0, low(bits, 7), 0, distance, 1, 0);
    }

    /// C.JR, C.MV, C.EBREAK, C.JALR, C.ADD.
    private static long registers(int bits) {
        int rd = rd(bits);
        int rs2 = bits >>> 2 & 31;
        boolean high = (bits >>> 12 & 1) != 0;
        if (rs2 != 0) {
            int left = high ? rd : 0;
            return Decoded.of(Op.ADD, Decoder.destination(rd), left, rs2, 0, 1, 0);
        }
        if (rd != 0) {
            return Decoded.of(Op.JALR, high ? RA : Decoded.DISCARD, rd, 0, 0, 1, 0);
        }
        return high ? Decoded.of(Op.EBREAK, 0, 0, 0, 0, 1, 0) : Decoder.illegal(bits);
    }
}
