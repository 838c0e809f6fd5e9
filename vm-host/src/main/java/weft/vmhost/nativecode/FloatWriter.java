package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;
import static weft.vmhost.nativecode.MemoryWriter.window;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.HostMemory;

import java.util.List;

/// Floating point by the host's: with the guest's rounding mode, and the guest's exception flags
/// accruing in MXCSR, where the host's operations raise just what IEEE 754 and RISC-V say (both
/// detect tininess after rounding). Three things differ, and are seen to here: a NaN is made
/// canonical; binary32 values stand in boxes; conversions to integers that do not fit, and what is
/// rare, leave the code and are interpreted.
///
/// The instruction's rounding mode is the dynamic one, or does not matter: else it is not written.
///
/// ```
///   xmm0, xmm1, rax, rdx  scratch
/// ```
final class FloatWriter {
    private static final int DYNAMIC = 7;
    private static final int TOWARDS_ZERO = 1;

    // Constants in the window. Some are read as 16 bytes, of which the upper do not matter.
    private static final int NAN64 = HartWindow.FLOAT_CONSTANTS;
    private static final int NAN32 = HartWindow.FLOAT_CONSTANTS + 8;
    private static final int BOX = HartWindow.FLOAT_CONSTANTS + 16;
    private static final int SIGN64 = HartWindow.FLOAT_CONSTANTS + 24;
    private static final int SIGN32 = HartWindow.FLOAT_CONSTANTS + 32;

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
    private static final int MOVE = 0x28;
    private static final int BIT_AND = 0x54;
    private static final int BIT_AND_NOT = 0x55;
    private static final int BIT_OR = 0x56;
    private static final int BIT_XOR = 0x57;
    private static final int FROM_GENERAL = 0x6E;
    private static final int TO_GENERAL = 0x7E;
    private static final int FROM_INTEGER = 0x2A;
    private static final int TO_INTEGER_TRUNCATED = 0x2C;
    private static final int TO_INTEGER = 0x2D;

    // Opcodes of map 0F38: first operand times target plus or minus second.
    private static final int MULTIPLY_ADD = 0xA9;
    private static final int MULTIPLY_SUBTRACT = 0xAB;
    private static final int NEGATED_MULTIPLY_ADD = 0xAD;
    private static final int NEGATED_MULTIPLY_SUBTRACT = 0xAF;

    /// `pextrd`, in map 0F3A.
    private static final int EXTRACT32 = 0x16;

    private final Assembler code;
    private final GuestRegisters registers;
    private final List<Runnable> outOfLine;

    /// Registers that hold a binary32 in its box, by what the block did so far.
    private int boxed;

    FloatWriter(Assembler code, GuestRegisters registers, List<Runnable> outOfLine) {
        this.code = code;
        this.registers = registers;
        this.outOfLine = outOfLine;
    }

    /// Sets the window's constants.
    static void initialize(long window) {
        HostMemory.putLong(window + NAN64, 0x7FF8_0000_0000_0000L);
        HostMemory.putLong(window + NAN32, 0xFFFF_FFFF_7FC0_0000L);
        HostMemory.putLong(window + BOX, 0xFFFF_FFFF_0000_0000L);
        HostMemory.putLong(window + SIGN64, 0x8000_0000_0000_0000L);
        HostMemory.putLong(window + SIGN32, 0x8000_0000L);
    }

    /// Nothing is known of the registers.
    void forget() {
        boxed = 0;
    }

    private void note(int register, boolean single) {
        boxed = boxed & ~(1 << register) | (single ? 1 << register : 0);
    }

    void load(long d, Operand from) {
        boolean single = Decoded.op(d) == Op.FLW;
        int rd = Decoded.rd(d);
        if (FloatRegisters.isPinned(rd)) {
            int host = FloatRegisters.host(rd);
            scalar(single, LOAD, host, 0, from);
            if (single) {
                packed(BIT_OR, host, host, window(BOX));
            }
        } else if (single) {
            code.mov32(RDX, from);
            code.store32(FloatRegisters.inWindow(rd), RDX);
            code.storeImmediate32(FloatRegisters.upperInWindow(rd), -1);
        } else {
            code.mov(RDX, from);
            code.store(FloatRegisters.inWindow(rd), RDX);
        }
        note(rd, single);
    }

    /// As bits, whatever they are.
    void store(long d, Operand to) {
        boolean single = Decoded.op(d) == Op.FSW;
        int rs2 = Decoded.rs2(d);
        if (FloatRegisters.isPinned(rs2)) {
            scalar(single, STORE, FloatRegisters.host(rs2), 0, to);
        } else if (single) {
            code.mov32(RDX, FloatRegisters.inWindow(rs2));
            code.store32(to, RDX);
        } else {
            code.mov(RDX, FloatRegisters.inWindow(rs2));
            code.store(to, RDX);
        }
    }

    /// Writes it, or answers false if it is not written here.
    ///
    /// @param leave where to go if it has to be interpreted
    boolean write(long d, Label leave) {
        boolean written = write(Decoded.op(d), d, leave);
        if (!written && !AccessGroups.writesInteger(Decoded.op(d))) {
            note(Decoded.rd(d), false);
        }
        return written;
    }

    private boolean write(int op, long d, Label leave) {
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
            case Op.FSGNJ_D, Op.FSGNJN_D, Op.FSGNJX_D -> injectSign(op - Op.FSGNJ_D, d, leave);
            case Op.FSGNJ_S, Op.FSGNJN_S, Op.FSGNJX_S -> injectSign(op - Op.FSGNJ_S, d, leave);
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
                    toGeneral(Decoded.rd(d), Decoded.rs1(d), op == Op.FMV_X_W);
                }
            }
            case Op.FMV_D_X, Op.FMV_W_X -> {
                boolean single = op == Op.FMV_W_X;
                int target = target(Decoded.rd(d));
                code.vector(PP_66, MAP_0F, !single, FROM_GENERAL, target, 0, value(d));
                if (single) {
                    packed(BIT_OR, target, target, window(BOX));
                }
                put(Decoded.rd(d), target, single);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void toGeneral(int rd, int from, boolean single) {
        int target = registers.target(rd);
        if (FloatRegisters.isPinned(from)) {
            var general = Operand.register(target);
            code.vector(PP_66, MAP_0F, !single, TO_GENERAL, FloatRegisters.host(from), 0, general);
            if (single) {
                code.op(MOVSX32, target, general);
            }
        } else {
            code.op(single ? MOVSX32 : MOV, target, FloatRegisters.inWindow(from));
        }
        registers.put(rd, target);
    }

    private Operand value(long d) {
        return registers.value(Decoded.rs1(d), RAX);
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
        if ((boxed >> register & 1) != 0) {
            return;
        }
        if (FloatRegisters.isPinned(register)) {
            var general = Operand.register(RAX);
            int host = FloatRegisters.host(register);
            code.vector(PP_66, MAP_0F3A, false, EXTRACT32, host, 0, general);
            code.put(1);
            code.op32Immediate(CMP, RAX, -1);
        } else {
            code.op32Immediate(CMP, FloatRegisters.upperInWindow(register), -1);
        }
        code.jump(NOT_EQUAL, leave);
    }

    private void checkBoxes(long d, Label leave) {
        if (isSingle(d)) {
            checkBox(Decoded.rs1(d), leave);
            if (Decoded.rs2(d) != Decoded.rs1(d)) {
                checkBox(Decoded.rs2(d), leave);
            }
        }
    }

    private void scalar(boolean single, int opcode, int target, int first, Operand second) {
        code.vector(single ? PP_F3 : PP_F2, MAP_0F, false, opcode, target, first, second);
    }

    /// Loads and stores name no first operand; compares neither, and no prefix of their own.
    private void compareWith(boolean single, int opcode, int target, Operand second) {
        code.vector(single ? PP_NONE : PP_66, MAP_0F, false, opcode, target, 0, second);
    }

    /// All 128 bits.
    private void packed(int opcode, int target, int first, Operand second) {
        code.vector(PP_66, MAP_0F, false, opcode, target, first, second);
    }

    /// A register of the host that holds the value: its own, or the scratch register, which then
    /// gets it, with its box.
    private int in(int register, int scratch) {
        if (FloatRegisters.isPinned(register)) {
            return FloatRegisters.host(register);
        }
        scalar(false, LOAD, scratch, 0, FloatRegisters.inWindow(register));
        return scratch;
    }

    /// Where to compute a result, to be followed by [#put].
    private static int target(int rd) {
        return FloatRegisters.isPinned(rd) ? FloatRegisters.host(rd) : 0;
    }

    /// The result, a binary32 with its box, is in this register.
    private void put(int rd, int host, boolean single) {
        if (!FloatRegisters.isPinned(rd)) {
            scalar(false, STORE, host, 0, FloatRegisters.inWindow(rd));
        } else if (FloatRegisters.host(rd) != host) {
            packed(MOVE, FloatRegisters.host(rd), 0, Operand.register(host));
        }
        note(rd, single);
    }

    /// The upper part of a result is that of the first operand: so a box stays.
    private boolean arithmetic(int opcode, long d, Label leave) {
        if (!isDynamic(d)) {
            return false;
        }
        boolean single = isSingle(d);
        boolean root = opcode == SQRT;
        int rs1 = Decoded.rs1(d);
        int rs2 = Decoded.rs2(d);
        if (single) {
            checkBox(rs1, leave);
            if (!root) {
                checkBox(rs2, leave);
            }
        }
        int first = in(rs1, 0);
        int target = target(Decoded.rd(d));
        Operand second = root ? Operand.register(first) : FloatRegisters.operand(rs2);
        scalar(single, opcode, target, first, second);
        putCanonical(single, Decoded.rd(d), target);
        return true;
    }

    /// If the result is a NaN, the canonical one is.
    private void putCanonical(boolean single, int rd, int host) {
        var nan = new Label();
        var canonical = new Label();
        compareWith(single, QUIET_COMPARE, host, Operand.register(host));
        code.jump(PARITY, nan);
        code.bind(canonical);
        put(rd, host, single);
        outOfLine.add(() -> {
            code.bind(nan);
            scalar(false, LOAD, host, 0, window(single ? NAN32 : NAN64));
            code.jump(canonical);
        });
    }

    /// A NaN leaves: zero times infinity plus a quiet NaN is invalid in RISC-V and not here.
    private boolean fused(int opcode, long d, Label leave) {
        if (!isDynamic(d)) {
            return false;
        }
        boolean single = isSingle(d);
        checkBoxes(d, leave);
        if (single) {
            checkBox(Decoded.rs3(d), leave);
        }
        int first = in(Decoded.rs1(d), 0);
        if (first != 0) {
            packed(MOVE, 0, 0, Operand.register(first));
        }
        int second = in(Decoded.rs2(d), 1);
        Operand third = FloatRegisters.operand(Decoded.rs3(d));
        code.vector(PP_66, MAP_0F38, !single, opcode, 0, second, third);
        compareWith(single, QUIET_COMPARE, 0, Operand.register(0));
        code.jump(PARITY, leave);
        put(Decoded.rd(d), 0, single);
        return true;
    }

    /// @param kind 0 the sign of the second, 1 its opposite, 2 the product of both
    private boolean injectSign(int kind, long d, Label leave) {
        boolean single = isSingle(d);
        checkBoxes(d, leave);
        Operand sign = window(single ? SIGN32 : SIGN64);
        int target = target(Decoded.rd(d));
        Operand second = FloatRegisters.operand(Decoded.rs2(d));
        if (Decoded.rs1(d) == Decoded.rs2(d) && kind != 2) {
            int first = in(Decoded.rs1(d), 0);
            if (kind == 0) {
                target = first;
            } else {
                packed(BIT_XOR, target, first, sign);
            }
        } else {
            scalar(false, LOAD, 1, 0, sign);
            if (kind == 2) {
                packed(BIT_AND, 1, 1, second);
                packed(BIT_XOR, target, in(Decoded.rs1(d), 0), Operand.register(1));
            } else {
                packed(BIT_AND_NOT, 0, 1, FloatRegisters.operand(Decoded.rs1(d)));
                packed(BIT_AND, 1, 1, second);
                if (kind == 1) {
                    packed(BIT_XOR, 1, 1, sign);
                }
                packed(BIT_OR, target, 0, Operand.register(1));
            }
        }
        put(Decoded.rd(d), target, single);
        return true;
    }

    private boolean equal(long d, Label leave) {
        boolean single = isSingle(d);
        checkBoxes(d, leave);
        Operand second = FloatRegisters.operand(Decoded.rs2(d));
        compareWith(single, QUIET_COMPARE, in(Decoded.rs1(d), 0), second);
        code.setcc(EQUAL, RAX);
        code.setcc(NO_PARITY, RDX);
        code.op32(AND, RAX, RDX);
        putTruth(d);
        return true;
    }

    /// Compared the other way round, since "unordered" reads as "below".
    private boolean less(int condition, long d, Label leave) {
        boolean single = isSingle(d);
        checkBoxes(d, leave);
        Operand first = FloatRegisters.operand(Decoded.rs1(d));
        compareWith(single, COMPARE, in(Decoded.rs2(d), 0), first);
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
        if (!toSingle) {
            checkBox(Decoded.rs1(d), leave);
        }
        int target = target(Decoded.rd(d));
        int from = in(Decoded.rs1(d), 0);
        int upper = from;
        if (toSingle) {
            upper = 1;
            scalar(false, LOAD, upper, 0, window(BOX));
        }
        scalar(!toSingle, CONVERT, target, upper, Operand.register(from));
        putCanonical(toSingle, Decoded.rd(d), target);
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
        if (single) {
            checkBox(Decoded.rs1(d), leave);
        }
        int opcode = truncated ? TO_INTEGER_TRUNCATED : TO_INTEGER;
        Operand from = FloatRegisters.operand(Decoded.rs1(d));
        code.vector(single ? PP_F3 : PP_F2, MAP_0F, wide, opcode, RAX, 0, from);
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
        // The upper part of the target comes from xmm0; cleared, or it would wait for it.
        if (single) {
            scalar(false, LOAD, 0, 0, window(BOX));
        } else {
            packed(BIT_XOR, 0, 0, Operand.register(0));
        }
        int target = target(Decoded.rd(d));
        int pp = single ? PP_F3 : PP_F2;
        code.vector(pp, MAP_0F, true, FROM_INTEGER, target, 0, Operand.register(RAX));
        put(Decoded.rd(d), target, single);
        return true;
    }
}
