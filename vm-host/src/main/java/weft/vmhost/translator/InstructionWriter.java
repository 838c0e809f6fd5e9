package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.translator.MemoryAccess.Width;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.Opcode;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/// Writes the bytecode of one instruction after the other: what is neither jump nor branch.
final class InstructionWriter {
    private static final ClassDesc MATH = ClassDesc.of("java.lang.Math");
    private static final ClassDesc LONG = ClassDesc.of("java.lang.Long");
    private static final ClassDesc INTEGER = ClassDesc.of("java.lang.Integer");
    private static final MethodTypeDesc COMPARE = MethodTypeDesc.ofDescriptor("(JJ)I");
    private static final MethodTypeDesc COMBINE = MethodTypeDesc.ofDescriptor("(JJ)J");
    private static final MethodTypeDesc COMBINE_INTS = MethodTypeDesc.ofDescriptor("(II)I");
    private static final MethodTypeDesc ROTATE = MethodTypeDesc.ofDescriptor("(JI)J");
    private static final MethodTypeDesc COUNT = MethodTypeDesc.ofDescriptor("(J)I");
    private static final MethodTypeDesc COUNT_INT = MethodTypeDesc.ofDescriptor("(I)I");
    private static final MethodTypeDesc MAP = MethodTypeDesc.ofDescriptor("(J)J");
    private static final long WORD = 0xFFFF_FFFFL;

    private final CodeBuilder code;
    private final RegionLocals locals;
    private final MemoryAccess memory;
    private final Meetings meetings;
    private final FloatWriter floats;

    /// @param leave where to go if the interpreter is needed
    InstructionWriter(
            CodeBuilder code,
            RegionLocals locals,
            MemoryAccess memory,
            Meetings meetings,
            Label leave) {
        this.code = code;
        this.locals = locals;
        this.memory = memory;
        this.meetings = meetings;
        floats = new FloatWriter(code, locals, memory, meetings, leave);
    }

    /// Whether regions execute the instruction; all else is left to the interpreter.
    static boolean isTranslated(long d) {
        int op = Decoded.op(d);
        return op >= Op.JAL && op <= Op.SD
                || op >= Op.LI && op <= Op.BSETI && op != Op.ORC_B
                || Op.isFloatingPoint(op) && FloatWriter.isTranslated(d);
    }

    /// Whether it may find that it needs the interpreter.
    static boolean mayLeave(int op) {
        return op >= Op.LB && op <= Op.SD || Op.isFloatingPoint(op);
    }

    /// @param slot where the instruction stands in its page
    void write(int slot, long d) {
        int op = Decoded.op(d);
        if (Op.isFloatingPoint(op)) {
            floats.write(d);
        } else if (op <= Op.LWU) {
            load(op, d);
        } else if (op <= Op.SD) {
            store(op, d);
        } else if (Decoded.rd(d) != Decoded.DISCARD) {
            compute(op, slot, d);
            locals.store(code, Decoded.rd(d));
        }
    }

    private void load(int op, long d) {
        address(d);
        Width width =
                switch (op) {
                    case Op.LB, Op.LBU -> Width.BYTE;
                    case Op.LH, Op.LHU -> Width.SHORT;
                    case Op.LW, Op.LWU -> Width.INT;
                    default -> Width.LONG;
                };
        memory.findReadable(width);
        memory.load(width);
        switch (op) {
            case Op.LBU -> code.sipush(0xFF).iand().i2l();
            case Op.LHU -> code.loadConstant(0xFFFF).iand().i2l();
            case Op.LWU -> code.i2l().loadConstant(WORD).land();
            case Op.LD -> {}
            default -> code.i2l();
        }
        locals.store(code, Decoded.rd(d));
    }

    private void store(int op, long d) {
        address(d);
        Width width =
                switch (op) {
                    case Op.SB -> Width.BYTE;
                    case Op.SH -> Width.SHORT;
                    case Op.SW -> Width.INT;
                    default -> Width.LONG;
                };
        memory.findWritable(width);
        memory.beginStore();
        locals.load(code, Decoded.rs2(d));
        switch (width) {
            case BYTE -> code.l2i().i2b();
            case SHORT -> code.l2i().i2s();
            case INT -> code.l2i();
            case LONG, DOUBLE -> {}
        }
        memory.endStore(width);
    }

    private void address(long d) {
        withImmediate(d).ladd().lstore(RegionLocals.ADDRESS);
    }

    // --- operands

    private CodeBuilder a(long d) {
        locals.load(code, Decoded.rs1(d));
        return code;
    }

    private CodeBuilder ab(long d) {
        locals.load(code, Decoded.rs1(d));
        locals.load(code, Decoded.rs2(d));
        return code;
    }

    private CodeBuilder words(long d) {
        a(d).l2i();
        locals.load(code, Decoded.rs2(d));
        return code.l2i();
    }

    private CodeBuilder withImmediate(long d) {
        return a(d).loadConstant(Decoded.immediate(d));
    }

    private CodeBuilder withAmount(long d) {
        return a(d).loadConstant((int) Decoded.immediate(d));
    }

    private CodeBuilder wordWithAmount(long d) {
        return a(d).l2i().loadConstant((int) Decoded.immediate(d));
    }

    /// a, its low 32 bits zero-extended, shifted to the left, and b.
    private CodeBuilder shiftedAndB(long d, boolean word, int amount) {
        a(d);
        if (word) {
            code.loadConstant(WORD).land();
        }
        if (amount != 0) {
            code.loadConstant(amount).lshl();
        }
        locals.load(code, Decoded.rs2(d));
        return code;
    }

    // --- results: each case pushes one

    private void compute(int op, int slot, long d) {
        switch (op) {
            case Op.LI -> code.loadConstant(Decoded.immediate(d));
            case Op.AUIPC ->
                    code.lload(RegionLocals.PAGE)
                            .loadConstant(2L * slot + Decoded.immediate(d))
                            .ladd();
            case Op.ADDI -> withImmediate(d).ladd();
            case Op.SLTI -> oneIfLess(withImmediate(d).lcmp());
            case Op.SLTIU -> oneIfLess(compareUnsigned(withImmediate(d)));
            case Op.XORI -> withImmediate(d).lxor();
            case Op.ORI -> withImmediate(d).lor();
            case Op.ANDI -> withImmediate(d).land();
            case Op.SLLI -> withAmount(d).lshl();
            case Op.SRLI -> withAmount(d).lushr();
            case Op.SRAI -> withAmount(d).lshr();
            case Op.ADDIW -> wordWithAmount(d).iadd().i2l();
            case Op.SLLIW -> wordWithAmount(d).ishl().i2l();
            case Op.SRLIW -> wordWithAmount(d).iushr().i2l();
            case Op.SRAIW -> wordWithAmount(d).ishr().i2l();
            case Op.ADD -> ab(d).ladd();
            case Op.SUB -> ab(d).lsub();
            case Op.SLL -> ab(d).l2i().lshl();
            case Op.SLT -> oneIfLess(ab(d).lcmp());
            case Op.SLTU -> oneIfLess(compareUnsigned(ab(d)));
            case Op.XOR -> ab(d).lxor();
            case Op.SRL -> ab(d).l2i().lushr();
            case Op.SRA -> ab(d).l2i().lshr();
            case Op.OR -> ab(d).lor();
            case Op.AND -> ab(d).land();
            case Op.ADDW -> words(d).iadd().i2l();
            case Op.SUBW -> words(d).isub().i2l();
            case Op.SLLW -> words(d).ishl().i2l();
            case Op.SRLW -> words(d).iushr().i2l();
            case Op.SRAW -> words(d).ishr().i2l();
            default -> {
                if (op <= Op.REMUW) {
                    multiply(op, d);
                } else {
                    manipulateBits(op, d);
                }
            }
        }
    }

    private void multiply(int op, long d) {
        switch (op) {
            case Op.MUL -> ab(d).lmul();
            case Op.MULH -> ab(d).invokestatic(MATH, "multiplyHigh", COMBINE);
            case Op.MULHU -> ab(d).invokestatic(MATH, "unsignedMultiplyHigh", COMBINE);
            case Op.MULHSU -> {
                ab(d).invokestatic(MATH, "multiplyHigh", COMBINE);
                ab(d).bipush(63).lshr().land().ladd();
            }
            case Op.MULW -> words(d).imul().i2l();
            case Op.DIV -> unlessZero(d, () -> ab(d).ldiv(), () -> code.loadConstant(-1L));
            case Op.DIVU ->
                    unlessZero(
                            d,
                            () -> ab(d).invokestatic(LONG, "divideUnsigned", COMBINE),
                            () -> code.loadConstant(-1L));
            case Op.REM -> unlessZero(d, () -> ab(d).lrem(), () -> a(d));
            case Op.REMU ->
                    unlessZero(
                            d,
                            () -> ab(d).invokestatic(LONG, "remainderUnsigned", COMBINE),
                            () -> a(d));
            case Op.DIVW ->
                    unlessZeroWord(d, () -> words(d).idiv().i2l(), () -> code.loadConstant(-1L));
            case Op.DIVUW ->
                    unlessZeroWord(
                            d,
                            () ->
                                    words(d).invokestatic(INTEGER, "divideUnsigned", COMBINE_INTS)
                                            .i2l(),
                            () -> code.loadConstant(-1L));
            case Op.REMW -> unlessZeroWord(d, () -> words(d).irem().i2l(), () -> a(d).l2i().i2l());
            case Op.REMUW ->
                    unlessZeroWord(
                            d,
                            () ->
                                    words(d).invokestatic(
                                                    INTEGER, "remainderUnsigned", COMBINE_INTS)
                                            .i2l(),
                            () -> a(d).l2i().i2l());
            default -> throw new IllegalStateException("no operation of M: " + op);
        }
    }

    private void manipulateBits(int op, long d) {
        switch (op) {
            case Op.ADD_UW -> shiftedAndB(d, true, 0).ladd();
            case Op.SH1ADD, Op.SH2ADD, Op.SH3ADD ->
                    shiftedAndB(d, false, op - Op.SH1ADD + 1).ladd();
            case Op.SH1ADD_UW, Op.SH2ADD_UW, Op.SH3ADD_UW ->
                    shiftedAndB(d, true, op - Op.SH1ADD_UW + 1).ladd();
            case Op.SLLI_UW ->
                    a(d).loadConstant(WORD).land().loadConstant((int) Decoded.immediate(d)).lshl();
            case Op.ANDN -> ab(d).loadConstant(-1L).lxor().land();
            case Op.ORN -> ab(d).loadConstant(-1L).lxor().lor();
            case Op.XNOR -> ab(d).lxor().loadConstant(-1L).lxor();
            case Op.CLZ -> a(d).invokestatic(LONG, "numberOfLeadingZeros", COUNT).i2l();
            case Op.CTZ -> a(d).invokestatic(LONG, "numberOfTrailingZeros", COUNT).i2l();
            case Op.CPOP -> a(d).invokestatic(LONG, "bitCount", COUNT).i2l();
            case Op.CLZW ->
                    a(d).l2i().invokestatic(INTEGER, "numberOfLeadingZeros", COUNT_INT).i2l();
            case Op.CTZW ->
                    a(d).l2i().invokestatic(INTEGER, "numberOfTrailingZeros", COUNT_INT).i2l();
            case Op.CPOPW -> a(d).l2i().invokestatic(INTEGER, "bitCount", COUNT_INT).i2l();
            case Op.MAX -> ab(d).invokestatic(MATH, "max", COMBINE);
            case Op.MIN -> ab(d).invokestatic(MATH, "min", COMBINE);
            case Op.MAXU -> either(compareUnsigned(ab(d)), Opcode.IFGT, d);
            case Op.MINU -> either(compareUnsigned(ab(d)), Opcode.IFLT, d);
            case Op.SEXT_B -> a(d).l2i().i2b().i2l();
            case Op.SEXT_H -> a(d).l2i().i2s().i2l();
            case Op.ZEXT_H -> a(d).loadConstant(0xFFFFL).land();
            case Op.ROL -> ab(d).l2i().invokestatic(LONG, "rotateLeft", ROTATE);
            case Op.ROR -> ab(d).l2i().invokestatic(LONG, "rotateRight", ROTATE);
            case Op.RORI -> withAmount(d).invokestatic(LONG, "rotateRight", ROTATE);
            case Op.ROLW -> words(d).invokestatic(INTEGER, "rotateLeft", COMBINE_INTS).i2l();
            case Op.RORW -> words(d).invokestatic(INTEGER, "rotateRight", COMBINE_INTS).i2l();
            case Op.RORIW ->
                    wordWithAmount(d).invokestatic(INTEGER, "rotateRight", COMBINE_INTS).i2l();
            case Op.REV8 -> a(d).invokestatic(LONG, "reverseBytes", MAP);
            default -> manipulateOneBit(op, d);
        }
    }

    private void manipulateOneBit(int op, long d) {
        boolean immediate = op == Op.BCLRI || op == Op.BEXTI || op == Op.BINVI || op == Op.BSETI;
        a(d);
        boolean extract = op == Op.BEXT || op == Op.BEXTI;
        if (!extract) {
            code.lconst_1();
        }
        if (immediate) {
            code.loadConstant((int) Decoded.immediate(d));
        } else {
            locals.load(code, Decoded.rs2(d));
            code.l2i();
        }
        switch (op) {
            case Op.BEXT, Op.BEXTI -> code.lushr().lconst_1().land();
            case Op.BCLR, Op.BCLRI -> code.lshl().loadConstant(-1L).lxor().land();
            case Op.BINV, Op.BINVI -> code.lshl().lxor();
            default -> code.lshl().lor();
        }
    }

    // --- choices

    private static CodeBuilder compareUnsigned(CodeBuilder twoLongs) {
        return twoLongs.invokestatic(LONG, "compareUnsigned", COMPARE);
    }

    /// Pops a comparison; pushes 1 if it found less, else 0: HotSpot makes one instruction of it.
    private void oneIfLess(CodeBuilder comparison) {
        choose(Opcode.IFLT, () -> comparison.lconst_1(), () -> comparison.lconst_0());
    }

    private void either(CodeBuilder comparison, Opcode condition, long d) {
        choose(
                condition,
                () -> locals.load(comparison, Decoded.rs1(d)),
                () -> locals.load(comparison, Decoded.rs2(d)));
    }

    private void unlessZero(long d, Runnable result, Runnable resultForZero) {
        locals.load(code, Decoded.rs2(d));
        code.lconst_0().lcmp();
        choose(Opcode.IFNE, result, resultForZero);
    }

    private void unlessZeroWord(long d, Runnable result, Runnable resultForZero) {
        locals.load(code, Decoded.rs2(d));
        code.l2i();
        choose(Opcode.IFNE, result, resultForZero);
    }

    /// Pops an int; both ways push a long.
    private void choose(Opcode condition, Runnable ifSo, Runnable otherwise) {
        Label so = code.newLabel();
        Label end = code.newLabel();
        code.branch(condition, so);
        otherwise.run();
        code.goto_(end);
        meetings.at(code, so);
        ifSo.run();
        meetings.withLongAt(code, end);
    }
}
