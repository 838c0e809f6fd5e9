package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

/// Instructions that compute one integer register from others: no memory, no traps.
final class IntegerWriter {
    private static final int NOT = 2;
    private static final int NEG = 3;
    private static final int MUL = 4;
    private static final int MUL_SIGNED = 5;
    private static final int DIV = 6;
    private static final int DIV_SIGNED = 7;

    private final Assembler code;
    private final GuestRegisters registers;

    IntegerWriter(Assembler code, GuestRegisters registers) {
        this.code = code;
        this.registers = registers;
    }

    /// Writes it, or answers false if it is none of these, or too rare.
    boolean write(long d) {
        int op = Decoded.op(d);
        if (op >= Op.LI && op <= Op.SRAW && op != Op.AUIPC
                || op >= Op.MUL && op <= Op.BSETI
                || op == Op.CZERO_EQZ
                || op == Op.CZERO_NEZ) {
            if (Decoded.rd(d) != Decoded.DISCARD) {
                compute(op, d, Decoded.rd(d), Decoded.rs1(d), Decoded.rs2(d));
            }
            return true;
        }
        return false;
    }

    private void compute(int op, long d, int rd, int rs1, int rs2) {
        int value = (int) Decoded.immediate(d);
        switch (op) {
            case Op.LI -> {
                int target = registers.target(rd);
                code.movImmediate(target, value);
                registers.put(rd, target);
            }
            case Op.ADDI -> addImmediate(rd, rs1, value);
            case Op.XORI -> immediate(XOR, rd, rs1, value);
            case Op.ORI -> immediate(OR, rd, rs1, value);
            case Op.ANDI -> immediate(AND, rd, rs1, value);
            case Op.SLTI -> setLessImmediate(LESS, rd, rs1, value);
            case Op.SLTIU -> setLessImmediate(BELOW, rd, rs1, value);
            case Op.SLLI -> shiftImmediate(SHL, rd, rs1, value);
            case Op.SRLI -> shiftImmediate(SHR, rd, rs1, value);
            case Op.SRAI -> shiftImmediate(SAR, rd, rs1, value);
            case Op.ADDIW -> {
                registers.load32(RAX, rs1);
                if (value != 0) {
                    code.op32Immediate(ADD, RAX, value);
                }
                putWord(rd);
            }
            case Op.SLLIW -> shiftImmediateWord(SHL, rd, rs1, value);
            case Op.SRLIW -> shiftImmediateWord(SHR, rd, rs1, value);
            case Op.SRAIW -> shiftImmediateWord(SAR, rd, rs1, value);
            case Op.ADD -> {
                if (rs1 == 0 || rs2 == 0) {
                    move(rd, rs1 | rs2);
                } else {
                    commutative(ADD, rd, rs1, rs2);
                }
            }
            case Op.XOR -> commutative(XOR, rd, rs1, rs2);
            case Op.OR -> commutative(OR, rd, rs1, rs2);
            case Op.AND -> commutative(AND, rd, rs1, rs2);
            case Op.SUB -> binary(SUB, rd, rs1, rs2);
            case Op.SLT -> setLess(LESS, rd, rs1, rs2);
            case Op.SLTU -> setLess(BELOW, rd, rs1, rs2);
            case Op.SLL -> shift(SHL, rd, rs1, rs2);
            case Op.SRL -> shift(SHR, rd, rs1, rs2);
            case Op.SRA -> shift(SAR, rd, rs1, rs2);
            case Op.SLLW -> shiftWord(SHL, rd, rs1, rs2);
            case Op.SRLW -> shiftWord(SHR, rd, rs1, rs2);
            case Op.SRAW -> shiftWord(SAR, rd, rs1, rs2);
            case Op.ADDW -> binaryWord(ADD, rd, rs1, rs2);
            case Op.SUBW -> binaryWord(SUB, rd, rs1, rs2);
            case Op.MUL -> commutative(IMUL, rd, rs1, rs2);
            case Op.MULW -> binaryWord(IMUL, rd, rs1, rs2);
            case Op.MULH, Op.MULHU, Op.MULHSU -> multiplyHigh(op, rd, rs1, rs2);
            case Op.DIV, Op.DIVU, Op.REM, Op.REMU, Op.DIVW, Op.DIVUW, Op.REMW, Op.REMUW ->
                    divide(op, rd, rs1, rs2);
            default -> manipulateBits(op, rd, rs1, rs2, value);
        }
    }

    private void move(int rd, int from) {
        int target = registers.target(rd);
        registers.load(target, from);
        registers.put(rd, target);
    }

    private void addImmediate(int rd, int rs1, int value) {
        if (rd == rs1 && value != 0) {
            code.opImmediate(ADD, GuestRegisters.operand(rd), value);
        } else if (value != 0 && GuestRegisters.isPinned(rd) && GuestRegisters.isPinned(rs1)) {
            code.op(
                    LEA,
                    registers.target(rd),
                    Operand.memory(GuestRegisters.operand(rs1).base(), value));
        } else {
            immediate(ADD, rd, rs1, value);
        }
    }

    private void immediate(int alu, int rd, int rs1, int value) {
        int target = registers.target(rd);
        registers.load(target, rs1);
        if (value != 0 || alu == AND) {
            code.opImmediate(alu, target, value);
        }
        registers.put(rd, target);
    }

    private void setLessImmediate(int condition, int rd, int rs1, int value) {
        code.opImmediate(CMP, registers.value(rs1, RAX), value);
        putCondition(condition, rd);
    }

    private void setLess(int condition, int rd, int rs1, int rs2) {
        compare(rs1, rs2);
        putCondition(condition, rd);
    }

    private void putCondition(int condition, int rd) {
        code.setcc(condition, RAX);
        int target = registers.target(rd);
        code.op32(MOVZX8, target, RAX);
        registers.put(rd, target);
    }

    /// Sets the host's flags.
    void compare(int rs1, int rs2) {
        if (rs2 == 0) {
            if (GuestRegisters.isPinned(rs1)) {
                int host = registers.target(rs1);
                code.op(TEST, host, host);
            } else {
                code.opImmediate(CMP, registers.value(rs1, RAX), 0);
            }
        } else {
            code.op(CMP, registers.in(rs1, RAX), GuestRegisters.operand(rs2));
        }
    }

    private void shiftImmediate(int digit, int rd, int rs1, int amount) {
        int target = registers.target(rd);
        registers.load(target, rs1);
        if (amount != 0) {
            code.shift(digit, target, amount);
        }
        registers.put(rd, target);
    }

    private void shiftImmediateWord(int digit, int rd, int rs1, int amount) {
        registers.load32(RAX, rs1);
        if (amount != 0) {
            code.shift32(digit, RAX, amount);
        }
        putWord(rd);
    }

    private void shift(int digit, int rd, int rs1, int rs2) {
        int amount = registers.in(rs2, RCX);
        int target = registers.target(rd);
        code.shiftBy(digit, target, registers.value(rs1, RAX), amount, true);
        registers.put(rd, target);
    }

    private void shiftWord(int digit, int rd, int rs1, int rs2) {
        int amount = registers.in(rs2, RCX);
        code.shiftBy(digit, RAX, registers.value(rs1, RAX), amount, false);
        putWord(rd);
    }

    /// The result is the sign-extended eax.
    private void putWord(int rd) {
        int target = registers.target(rd);
        code.op(MOVSX32, target, RAX);
        registers.put(rd, target);
    }

    private void commutative(int opcode, int rd, int rs1, int rs2) {
        if (rd == rs2) {
            binary(opcode, rd, rs2, rs1);
        } else {
            binary(opcode, rd, rs1, rs2);
        }
    }

    private void binary(int opcode, int rd, int rs1, int rs2) {
        if (opcode == ADD
                && rd != rs1
                && GuestRegisters.isPinned(rd)
                && GuestRegisters.isPinned(rs1)
                && GuestRegisters.isPinned(rs2)) {
            int base = GuestRegisters.operand(rs1).base();
            int index = GuestRegisters.operand(rs2).base();
            code.op(LEA, registers.target(rd), Operand.indexed(base, index, 0));
            return;
        }
        int target = registers.target(rd, rs2);
        registers.load(target, rs1);
        code.op(opcode, target, registers.value(rs2, RCX));
        registers.put(rd, target);
    }

    private void binaryWord(int opcode, int rd, int rs1, int rs2) {
        registers.load32(RAX, rs1);
        code.op32(opcode, RAX, registers.value(rs2, RCX));
        putWord(rd);
    }

    /// rdx:rax is the product.
    private void multiplyHigh(int op, int rd, int rs1, int rs2) {
        registers.load(RAX, rs1);
        code.unary(op == Op.MULH ? MUL_SIGNED : MUL, registers.value(rs2, RCX));
        if (op == Op.MULHSU) {
            // A negative multiplicand was taken for one larger by 2^64.
            registers.load(RAX, rs1);
            code.shift(SAR, RAX, 63);
            code.op(AND, RAX, registers.value(rs2, RCX));
            code.op(SUB, RDX, RAX);
        }
        registers.put(rd, RDX);
    }

    /// The host traps where RISC-V has a result: division by zero, the least number by -1.
    private void divide(int op, int rd, int rs1, int rs2) {
        boolean word = op >= Op.DIVW;
        boolean remainder = op == Op.REM || op == Op.REMU || op == Op.REMW || op == Op.REMUW;
        boolean signed = op == Op.DIV || op == Op.REM || op == Op.DIVW || op == Op.REMW;
        var zero = new Label();
        var done = new Label();
        if (word) {
            registers.load32(RCX, rs2);
            registers.load32(RAX, rs1);
            code.op32(TEST, RCX, RCX);
        } else {
            registers.load(RCX, rs2);
            registers.load(RAX, rs1);
            code.op(TEST, RCX, RCX);
        }
        code.jump(EQUAL, zero);
        if (signed) {
            divideByOtherThanMinusOne(word, remainder, done);
        } else {
            code.movImmediate(RDX, 0);
            if (word) {
                code.unary32(DIV, Operand.register(RCX));
            } else {
                code.unary(DIV, Operand.register(RCX));
            }
            if (remainder) {
                code.mov(RAX, RDX);
            }
        }
        code.jump(done);
        code.bind(zero);
        if (!remainder) {
            code.movImmediate(RAX, -1);
        }
        code.bind(done);
        if (word) {
            putWord(rd);
        } else {
            registers.put(rd, RAX);
        }
    }

    private void divideByOtherThanMinusOne(boolean word, boolean remainder, Label done) {
        var other = new Label();
        if (word) {
            code.op32Immediate(CMP, RCX, -1);
        } else {
            code.opImmediate(CMP, RCX, -1);
        }
        code.jump(NOT_EQUAL, other);
        if (remainder) {
            code.movImmediate(RAX, 0);
        } else {
            code.unary(NEG, Operand.register(RAX));
        }
        code.jump(done);
        code.bind(other);
        if (word) {
            code.signIntoRdx32();
            code.unary32(DIV_SIGNED, Operand.register(RCX));
        } else {
            code.signIntoRdx();
            code.unary(DIV_SIGNED, Operand.register(RCX));
        }
        if (remainder) {
            code.mov(RAX, RDX);
        }
    }

    private void manipulateBits(int op, int rd, int rs1, int rs2, int value) {
        switch (op) {
            case Op.ADD_UW -> addScaled(0, true, rd, rs1, rs2);
            case Op.SH1ADD -> addScaled(1, false, rd, rs1, rs2);
            case Op.SH2ADD -> addScaled(2, false, rd, rs1, rs2);
            case Op.SH3ADD -> addScaled(3, false, rd, rs1, rs2);
            case Op.SH1ADD_UW -> addScaled(1, true, rd, rs1, rs2);
            case Op.SH2ADD_UW -> addScaled(2, true, rd, rs1, rs2);
            case Op.SH3ADD_UW -> addScaled(3, true, rd, rs1, rs2);
            case Op.SLLI_UW -> {
                registers.load32(RAX, rs1);
                code.shift(SHL, RAX, value);
                registers.put(rd, RAX);
            }
            case Op.ANDN -> {
                int inverted = registers.in(rs2, RCX);
                code.andNot(RAX, inverted, registers.value(rs1, RAX));
                registers.put(rd, RAX);
            }
            case Op.ORN -> {
                registers.load(RAX, rs2);
                code.unary(NOT, Operand.register(RAX));
                code.op(OR, RAX, registers.value(rs1, RCX));
                registers.put(rd, RAX);
            }
            case Op.XNOR -> {
                registers.load(RAX, rs2);
                code.op(XOR, RAX, registers.value(rs1, RCX));
                code.unary(NOT, Operand.register(RAX));
                registers.put(rd, RAX);
            }
            case Op.CLZ -> unary(LZCNT, rd, rs1);
            case Op.CTZ -> unary(TZCNT, rd, rs1);
            case Op.CPOP -> unary(POPCNT, rd, rs1);
            case Op.CLZW -> unaryWord(LZCNT, rd, rs1);
            case Op.CTZW -> unaryWord(TZCNT, rd, rs1);
            case Op.CPOPW -> unaryWord(POPCNT, rd, rs1);
            case Op.SEXT_B -> extend(MOVSX8, rd, rs1);
            case Op.SEXT_H -> extend(MOVSX16, rd, rs1);
            case Op.ZEXT_H -> extend(MOVZX16, rd, rs1);
            case Op.MAX -> select(LESS, rd, rs1, rs2);
            case Op.MAXU -> select(BELOW, rd, rs1, rs2);
            case Op.MIN -> select(GREATER, rd, rs1, rs2);
            case Op.MINU -> select(ABOVE, rd, rs1, rs2);
            case Op.ROL -> rotate(ROL, rd, rs1, rs2);
            case Op.ROR -> rotate(ROR, rd, rs1, rs2);
            case Op.ROLW -> rotateWord(ROL, rd, rs1, rs2);
            case Op.RORW -> rotateWord(ROR, rd, rs1, rs2);
            case Op.RORI -> {
                int target = registers.target(rd);
                code.rotateRight(target, registers.value(rs1, RAX), value, true);
                registers.put(rd, target);
            }
            case Op.RORIW -> {
                code.rotateRight(RAX, registers.value(rs1, RAX), value, false);
                putWord(rd);
            }
            case Op.REV8 -> {
                registers.load(RAX, rs1);
                code.bswap(RAX);
                registers.put(rd, RAX);
            }
            case Op.ORC_B -> orCombineBytes(rd, rs1);
            case Op.CZERO_EQZ -> conditionalZero(EQUAL, rd, rs1, rs2);
            case Op.CZERO_NEZ -> conditionalZero(NOT_EQUAL, rd, rs1, rs2);
            default -> singleBit(op, rd, rs1, rs2, value);
        }
    }

    private void singleBit(int op, int rd, int rs1, int rs2, int value) {
        registers.load(RAX, rs1);
        switch (op) {
            case Op.BCLRI -> code.bitImmediate(BTR, RAX, value & 63);
            case Op.BSETI -> code.bitImmediate(BTS, RAX, value & 63);
            case Op.BINVI -> code.bitImmediate(BTC, RAX, value & 63);
            case Op.BEXTI -> {
                if ((value & 63) != 0) {
                    code.shift(SHR, RAX, value & 63);
                }
                code.op32Immediate(AND, RAX, 1);
            }
            case Op.BEXT -> {
                int amount = registers.in(rs2, RCX);
                code.shiftBy(SHR, RAX, Operand.register(RAX), amount, true);
                code.op32Immediate(AND, RAX, 1);
            }
            default -> {
                int opcode =
                        switch (op) {
                            case Op.BCLR -> BTR;
                            case Op.BSET -> BTS;
                            case Op.BINV -> BTC;
                            default -> throw new IllegalStateException("no bit operation: " + op);
                        };
                // The opcodes name the target in the place of a source.
                code.op(opcode, registers.in(rs2, RCX), RAX);
            }
        }
        registers.put(rd, RAX);
    }

    private void addScaled(int scale, boolean word, int rd, int rs1, int rs2) {
        if (word) {
            registers.load32(RAX, rs1);
        } else {
            registers.load(RAX, rs1);
        }
        if (scale != 0) {
            code.shift(SHL, RAX, scale);
        }
        code.op(ADD, RAX, registers.value(rs2, RCX));
        registers.put(rd, RAX);
    }

    private void unary(int opcode, int rd, int rs1) {
        int target = registers.target(rd);
        code.op(opcode, target, registers.value(rs1, RCX));
        registers.put(rd, target);
    }

    private void unaryWord(int opcode, int rd, int rs1) {
        code.op32(opcode, RAX, registers.value(rs1, RCX));
        registers.put(rd, RAX);
    }

    /// From the low byte or halfword.
    private void extend(int opcode, int rd, int rs1) {
        registers.load(RAX, rs1);
        code.op(opcode, RAX, RAX);
        registers.put(rd, RAX);
    }

    private void select(int secondIf, int rd, int rs1, int rs2) {
        registers.load(RAX, rs1);
        Operand second = registers.value(rs2, RCX);
        code.op(CMP, RAX, second);
        code.cmov(secondIf, RAX, second);
        registers.put(rd, RAX);
    }

    private void rotate(int digit, int rd, int rs1, int rs2) {
        registers.load(RCX, rs2);
        registers.load(RAX, rs1);
        code.shiftByCl(digit, RAX);
        registers.put(rd, RAX);
    }

    private void rotateWord(int digit, int rd, int rs1, int rs2) {
        registers.load(RCX, rs2);
        registers.load32(RAX, rs1);
        code.shiftByCl32(digit, RAX);
        putWord(rd);
    }

    private void conditionalZero(int zeroIf, int rd, int rs1, int rs2) {
        registers.load(RAX, rs1);
        code.movImmediate(RDX, 0);
        code.opImmediate(CMP, registers.value(rs2, RCX), 0);
        code.cmov(zeroIf, RAX, Operand.register(RDX));
        registers.put(rd, RAX);
    }

    /// Each byte that is not zero becomes 0xFF: its high bit is set if its low bits carry into it,
    /// or it was; that bit, in the lowest place, times 255.
    private void orCombineBytes(int rd, int rs1) {
        registers.load(RAX, rs1);
        code.movImmediate(RCX, 0x7F7F_7F7F_7F7F_7F7FL);
        code.mov(RDX, RAX);
        code.op(AND, RDX, RCX);
        code.op(ADD, RDX, RCX);
        code.op(OR, RDX, RAX);
        code.shift(SHR, RDX, 7);
        code.movImmediate(RCX, 0x0101_0101_0101_0101L);
        code.op(AND, RDX, RCX);
        code.mov(RAX, RDX);
        code.shift(SHL, RAX, 8);
        code.op(SUB, RAX, RDX);
        registers.put(rd, RAX);
    }
}
