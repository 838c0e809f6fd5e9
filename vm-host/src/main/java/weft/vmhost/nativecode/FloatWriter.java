package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

/// Floating point by the host's: with the guest's rounding mode, and the guest's exception flags
/// accruing in MXCSR, where the host's operations raise just what IEEE 754 and RISC-V say (both
/// detect tininess after rounding). Three things differ, and are seen to here: a NaN is made
/// canonical; binary32 values stand in boxes; conversions to integers that do not fit, and what is
/// rare, leave the code and are interpreted.
///
/// The instruction's rounding mode is the dynamic one, or does not matter: else it is not written.
///
/// ```
///   rcx  the hart's floating-point registers    xmm0 to xmm2, rax, rdx  scratch
/// ```
final class FloatWriter {
    private static final int DYNAMIC = 7;
    private static final int TOWARDS_ZERO = 1;
    private static final long NAN64 = 0x7FF8_0000_0000_0000L;
    private static final int NAN32 = 0x7FC0_0000;

    // Opcodes of map 0F.
    private static final int LOAD = 0x10;
    private static final int STORE = 0x11;
    private static final int ADD_ = 0x58;
    private static final int MUL_ = 0x59;
    private static final int SUB_ = 0x5C;
    private static final int DIV_ = 0x5E;
    private static final int SQRT = 0x51;
    private static final int QUIET_COMPARE = 0x2E;
    private static final int COMPARE = 0x2F;
    private static final int CONVERT = 0x5A;
    private static final int FROM_INTEGER = 0x2A;
    private static final int TO_INTEGER_TRUNCATED = 0x2C;
    private static final int TO_INTEGER = 0x2D;

    // Opcodes of map 0F38: first operand times target plus or minus second.
    private static final int MULTIPLY_ADD = 0xA9;
    private static final int MULTIPLY_SUBTRACT = 0xAB;
    private static final int NEGATED_MULTIPLY_ADD = 0xAD;
    private static final int NEGATED_MULTIPLY_SUBTRACT = 0xAF;

    private final Assembler code;
    private final GuestRegisters registers;

    FloatWriter(Assembler code, GuestRegisters registers) {
        this.code = code;
        this.registers = registers;
    }

    /// All 64 bits of a floating-point register, or the lower half.
    static Operand low(int register) {
        return Operand.memory(RCX, 8 * register);
    }

    static Operand high(int register) {
        return Operand.memory(RCX, 8 * register + 4);
    }

    /// Writes it, or answers false if it is not written here.
    ///
    /// @param leave where to go if it has to be interpreted
    boolean write(long d, Label leave) {
        int op = Decoded.op(d);
        return switch (op) {
            case Op.FADD_D, Op.FADD_S -> arithmetic(ADD_, d, leave);
            case Op.FSUB_D, Op.FSUB_S -> arithmetic(SUB_, d, leave);
            case Op.FMUL_D, Op.FMUL_S -> arithmetic(MUL_, d, leave);
            case Op.FDIV_D, Op.FDIV_S -> arithmetic(DIV_, d, leave);
            case Op.FSQRT_D, Op.FSQRT_S -> arithmetic(SQRT, d, leave);
            case Op.FMADD_D, Op.FMADD_S -> fused(MULTIPLY_ADD, d, leave);
            case Op.FMSUB_D, Op.FMSUB_S -> fused(MULTIPLY_SUBTRACT, d, leave);
            case Op.FNMSUB_D, Op.FNMSUB_S -> fused(NEGATED_MULTIPLY_ADD, d, leave);
            case Op.FNMADD_D, Op.FNMADD_S -> fused(NEGATED_MULTIPLY_SUBTRACT, d, leave);
            case Op.FSGNJ_D, Op.FSGNJN_D, Op.FSGNJX_D -> injectSign(op - Op.FSGNJ_D, d);
            case Op.FSGNJ_S, Op.FSGNJN_S, Op.FSGNJX_S -> injectSign32(op - Op.FSGNJ_S, d, leave);
            case Op.FEQ_D, Op.FEQ_S -> equal(d, leave);
            case Op.FLT_D, Op.FLT_S -> less(ABOVE, d, leave);
            case Op.FLE_D, Op.FLE_S -> less(ABOVE_OR_EQUAL, d, leave);
            case Op.FCVT_S_D, Op.FCVT_D_S -> convert(d, leave);
            case Op.FCVT_W_D, Op.FCVT_W_S -> toInteger(d, false, leave);
            case Op.FCVT_L_D, Op.FCVT_L_S -> toInteger(d, true, leave);
            default -> moveOrFromInteger(op, d, leave);
        };
    }

    private boolean moveOrFromInteger(int op, long d, Label leave) {
        switch (op) {
            case Op.FCVT_D_W, Op.FCVT_S_W -> {
                return fromInteger(d, () -> code.op(MOVSX32, RAX, value(d)));
            }
            case Op.FCVT_D_WU, Op.FCVT_S_WU -> {
                return fromInteger(d, () -> code.mov32(RAX, value(d)));
            }
            case Op.FCVT_D_L, Op.FCVT_S_L -> {
                return fromInteger(d, () -> registers.load(RAX, Decoded.rs1(d)));
            }
            case Op.FCVT_D_LU, Op.FCVT_S_LU -> {
                return fromInteger(
                        d,
                        () -> {
                            registers.load(RAX, Decoded.rs1(d));
                            code.op(TEST, RAX, RAX);
                            code.jump(SIGN, leave);
                        });
            }
            case Op.FMV_X_D, Op.FMV_X_W -> {
                if (Decoded.rd(d) != Decoded.DISCARD) {
                    loadRegisters();
                    int target = registers.target(Decoded.rd(d));
                    code.op(op == Op.FMV_X_D ? MOV : MOVSX32, target, low(Decoded.rs1(d)));
                    registers.put(Decoded.rd(d), target);
                }
            }
            case Op.FMV_D_X -> {
                loadRegisters();
                code.store(low(Decoded.rd(d)), registers.in(Decoded.rs1(d), RAX));
            }
            case Op.FMV_W_X -> {
                loadRegisters();
                code.store32(low(Decoded.rd(d)), registers.in(Decoded.rs1(d), RAX));
                code.storeImmediate32(high(Decoded.rd(d)), -1);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private Operand value(long d) {
        return registers.value(Decoded.rs1(d), RAX);
    }

    private void loadRegisters() {
        code.mov(RCX, MemoryWriter.window(HartWindow.FLOAT_REGISTERS));
    }

    private static boolean isSingle(long d) {
        int op = Decoded.op(d);
        return op < Op.FADD_D;
    }

    private static boolean isDynamic(long d) {
        return Decoded.rm(d) == DYNAMIC;
    }

    /// A binary32 operand must be in its box.
    private void checkBox(int register, Label leave) {
        code.op32Immediate(CMP, high(register), -1);
        code.jump(NOT_EQUAL, leave);
    }

    private void checkBoxes(long d, Label leave) {
        checkBox(Decoded.rs1(d), leave);
        if (Decoded.rs2(d) != Decoded.rs1(d)) {
            checkBox(Decoded.rs2(d), leave);
        }
    }

    private void scalar(boolean single, int opcode, int target, int first, Operand second) {
        code.vector(single ? PP_F3 : PP_F2, MAP_0F, false, opcode, target, first, second);
    }

    /// Loads and stores name no first operand; compares neither, and no prefix of their own.
    private void compareWith(boolean single, int opcode, int target, Operand second) {
        code.vector(single ? PP_NONE : PP_66, MAP_0F, false, opcode, target, 0, second);
    }

    private boolean arithmetic(int opcode, long d, Label leave) {
        if (!isDynamic(d)) {
            return false;
        }
        boolean single = isSingle(d);
        boolean root = opcode == SQRT;
        loadRegisters();
        if (single) {
            checkBox(Decoded.rs1(d), leave);
            if (!root && Decoded.rs2(d) != Decoded.rs1(d)) {
                checkBox(Decoded.rs2(d), leave);
            }
        }
        scalar(single, LOAD, 0, 0, low(Decoded.rs1(d)));
        if (root) {
            scalar(single, opcode, 0, 0, Operand.register(0));
        } else {
            scalar(single, opcode, 0, 0, low(Decoded.rs2(d)));
        }
        putCanonical(single, Decoded.rd(d));
        return true;
    }

    /// xmm0 is the result; if it is a NaN, the canonical one is.
    private void putCanonical(boolean single, int rd) {
        var number = new Label();
        compareWith(single, QUIET_COMPARE, 0, Operand.register(0));
        scalar(single, STORE, 0, 0, low(rd));
        if (single) {
            code.storeImmediate32(high(rd), -1);
        }
        code.jump(NO_PARITY, number);
        if (single) {
            code.storeImmediate32(low(rd), NAN32);
        } else {
            code.movImmediate(RAX, NAN64);
            code.store(low(rd), RAX);
        }
        code.bind(number);
    }

    /// A NaN leaves: zero times infinity plus a quiet NaN is invalid in RISC-V and not here.
    private boolean fused(int opcode, long d, Label leave) {
        if (!isDynamic(d)) {
            return false;
        }
        boolean single = isSingle(d);
        loadRegisters();
        if (single) {
            checkBoxes(d, leave);
            checkBox(Decoded.rs3(d), leave);
        }
        scalar(single, LOAD, 0, 0, low(Decoded.rs1(d)));
        scalar(single, LOAD, 1, 0, low(Decoded.rs2(d)));
        code.vector(PP_66, MAP_0F38, !single, opcode, 0, 1, low(Decoded.rs3(d)));
        compareWith(single, QUIET_COMPARE, 0, Operand.register(0));
        code.jump(PARITY, leave);
        scalar(single, STORE, 0, 0, low(Decoded.rd(d)));
        if (single) {
            code.storeImmediate32(high(Decoded.rd(d)), -1);
        }
        return true;
    }

    /// @param kind 0 the sign of the second, 1 its opposite, 2 the product of both
    private boolean injectSign(int kind, long d) {
        loadRegisters();
        code.mov(RAX, low(Decoded.rs1(d)));
        if (Decoded.rs1(d) == Decoded.rs2(d)) {
            switch (kind) {
                case 0 -> {}
                case 1 -> code.bitImmediate(BTC, RAX, 63);
                default -> code.bitImmediate(BTR, RAX, 63);
            }
        } else {
            code.mov(RDX, low(Decoded.rs2(d)));
            code.shift(SHR, RDX, 63);
            if (kind == 1) {
                code.op32Immediate(XOR, RDX, 1);
            }
            code.shift(SHL, RDX, 63);
            if (kind != 2) {
                code.bitImmediate(BTR, RAX, 63);
            }
            code.op(XOR, RAX, RDX);
        }
        code.store(low(Decoded.rd(d)), RAX);
        return true;
    }

    private boolean injectSign32(int kind, long d, Label leave) {
        loadRegisters();
        checkBoxes(d, leave);
        code.mov32(RAX, low(Decoded.rs1(d)));
        code.mov32(RDX, low(Decoded.rs2(d)));
        code.shift32(SHR, RDX, 31);
        if (kind == 1) {
            code.op32Immediate(XOR, RDX, 1);
        }
        code.shift32(SHL, RDX, 31);
        if (kind != 2) {
            code.bitImmediate(BTR, RAX, 31);
        }
        code.op32(XOR, RAX, RDX);
        code.store32(low(Decoded.rd(d)), RAX);
        code.storeImmediate32(high(Decoded.rd(d)), -1);
        return true;
    }

    private boolean equal(long d, Label leave) {
        boolean single = isSingle(d);
        loadRegisters();
        if (single) {
            checkBoxes(d, leave);
        }
        scalar(single, LOAD, 0, 0, low(Decoded.rs1(d)));
        compareWith(single, QUIET_COMPARE, 0, low(Decoded.rs2(d)));
        code.setcc(EQUAL, RAX);
        code.setcc(NO_PARITY, RDX);
        code.op32(AND, RAX, RDX);
        putTruth(d);
        return true;
    }

    /// Compared the other way round, since "unordered" reads as "below".
    private boolean less(int condition, long d, Label leave) {
        boolean single = isSingle(d);
        loadRegisters();
        if (single) {
            checkBoxes(d, leave);
        }
        scalar(single, LOAD, 0, 0, low(Decoded.rs2(d)));
        compareWith(single, COMPARE, 0, low(Decoded.rs1(d)));
        code.setcc(condition, RAX);
        putTruth(d);
        return true;
    }

    private void putTruth(long d) {
        int rd = Decoded.rd(d);
        if (rd != Decoded.DISCARD) {
            int target = registers.target(rd);
            code.op32(MOVZX8, target, RAX);
            registers.put(rd, target);
        }
    }

    private boolean convert(long d, Label leave) {
        boolean toSingle = Decoded.op(d) == Op.FCVT_S_D;
        if (toSingle && !isDynamic(d)) {
            return false;
        }
        if (!toSingle && Decoded.rm(d) > 4 && !isDynamic(d)) {
            return false;
        }
        loadRegisters();
        if (!toSingle) {
            checkBox(Decoded.rs1(d), leave);
        }
        scalar(!toSingle, LOAD, 0, 0, low(Decoded.rs1(d)));
        scalar(!toSingle, CONVERT, 0, 0, Operand.register(0));
        putCanonical(toSingle, Decoded.rd(d));
        return true;
    }

    /// What does not fit gives the least number, which is interpreted: the flags of that are the
    /// same.
    private boolean toInteger(long d, boolean wide, Label leave) {
        boolean truncated = Decoded.rm(d) == TOWARDS_ZERO;
        if (!truncated && !isDynamic(d)) {
            return false;
        }
        boolean single = isSingle(d);
        loadRegisters();
        if (single) {
            checkBox(Decoded.rs1(d), leave);
        }
        int opcode = truncated ? TO_INTEGER_TRUNCATED : TO_INTEGER;
        code.vector(single ? PP_F3 : PP_F2, MAP_0F, wide, opcode, RAX, 0, low(Decoded.rs1(d)));
        if (wide) {
            code.movImmediate(RDX, Long.MIN_VALUE);
            code.op(CMP, RAX, RDX);
        } else {
            code.op32Immediate(CMP, RAX, Integer.MIN_VALUE);
        }
        code.jump(EQUAL, leave);
        int rd = Decoded.rd(d);
        if (rd != Decoded.DISCARD) {
            if (!wide) {
                code.op(MOVSX32, RAX, RAX);
            }
            registers.put(rd, RAX);
        }
        return true;
    }

    /// @param load brings the integer, as 64 signed bits, into rax
    private boolean fromInteger(long d, Runnable load) {
        int op = Decoded.op(d);
        boolean exact = op == Op.FCVT_D_W || op == Op.FCVT_D_WU;
        if (!isDynamic(d) && !(exact && Decoded.rm(d) <= 4)) {
            return false;
        }
        boolean single = isSingle(d);
        load.run();
        loadRegisters();
        // The upper part of the target comes from xmm0: cleared, or it would wait for it.
        code.vector(PP_NONE, MAP_0F, false, 0x57, 0, 0, Operand.register(0));
        code.vector(
                single ? PP_F3 : PP_F2, MAP_0F, true, FROM_INTEGER, 0, 0, Operand.register(RAX));
        scalar(single, STORE, 0, 0, low(Decoded.rd(d)));
        if (single) {
            code.storeImmediate32(high(Decoded.rd(d)), -1);
        }
        return true;
    }
}
