package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.translator.MemoryAccess.Width;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/// Writes the bytecode of the F and D extensions, where the host's arithmetic does.
///
/// The host rounds to nearest even and tells no flags. So an operation that rounds needs that mode
/// and inexact to be accrued already ([RegionCall#ARITHMETIC]), and a result of which no other flag
/// can be due: it is normal, and not the smallest normal number. All else leaves the region: NaNs
/// above all, so that no host's NaN is ever seen.
final class FloatWriter {
    private static final ClassDesc MATH = ClassDesc.of("java.lang.Math");
    private static final ClassDesc DOUBLE = ClassDesc.of("java.lang.Double");
    private static final ClassDesc FLOAT = ClassDesc.of("java.lang.Float");
    private static final MethodTypeDesc D_D = MethodTypeDesc.ofDescriptor("(D)D");
    private static final MethodTypeDesc DD_D = MethodTypeDesc.ofDescriptor("(DD)D");
    private static final MethodTypeDesc DDD_D = MethodTypeDesc.ofDescriptor("(DDD)D");
    private static final MethodTypeDesc F_F = MethodTypeDesc.ofDescriptor("(F)F");
    private static final MethodTypeDesc FF_F = MethodTypeDesc.ofDescriptor("(FF)F");
    private static final MethodTypeDesc FFF_F = MethodTypeDesc.ofDescriptor("(FFF)F");
    private static final MethodTypeDesc TO_LONG_BITS = MethodTypeDesc.ofDescriptor("(D)J");
    private static final MethodTypeDesc OF_LONG_BITS = MethodTypeDesc.ofDescriptor("(J)D");
    private static final MethodTypeDesc TO_INT_BITS = MethodTypeDesc.ofDescriptor("(F)I");
    private static final MethodTypeDesc OF_INT_BITS = MethodTypeDesc.ofDescriptor("(I)F");
    private static final long BOX = 0xFFFF_FFFFL << 32;
    private static final int SIGN_32 = 1 << 31;
    private static final int NEAREST_EVEN = 0;
    private static final int TOWARDS_ZERO = 1;
    private static final int DYNAMIC = 7;
    private static final double TWO_31 = 0x1p31;
    private static final double TWO_32 = 0x1p32;
    private static final double TWO_63 = 0x1p63;

    private final CodeBuilder code;
    private final RegionLocals locals;
    private final MemoryAccess memory;
    private final Meetings meetings;
    private final Label leave;

    FloatWriter(
            CodeBuilder code,
            RegionLocals locals,
            MemoryAccess memory,
            Meetings meetings,
            Label leave) {
        this.code = code;
        this.locals = locals;
        this.memory = memory;
        this.meetings = meetings;
        this.leave = leave;
    }

    /// Whether regions execute this instruction of F or D.
    static boolean isTranslated(long d) {
        int op = Decoded.op(d);
        int mode = Decoded.rm(d);
        return switch (op) {
            case Op.FCLASS_S, Op.FCLASS_D -> false;
            case Op.FCVT_W_S, Op.FCVT_WU_S, Op.FCVT_L_S, Op.FCVT_LU_S -> isToInteger(mode);
            case Op.FCVT_W_D, Op.FCVT_WU_D, Op.FCVT_L_D, Op.FCVT_LU_D -> isToInteger(mode);
            default -> !rounds(op) || isNearest(mode);
        };
    }

    private static boolean isNearest(int mode) {
        return mode == NEAREST_EVEN || mode == DYNAMIC;
    }

    private static boolean isToInteger(int mode) {
        return isNearest(mode) || mode == TOWARDS_ZERO;
    }

    private static boolean rounds(int op) {
        return op >= Op.FADD_S && op <= Op.FNMADD_S
                || op >= Op.FADD_D && op <= Op.FNMADD_D
                || op >= Op.FCVT_W_S && op <= Op.FCVT_S_LU
                || op >= Op.FCVT_W_D && op <= Op.FCVT_D_LU
                || op == Op.FCVT_S_D
                || op == Op.FCVT_D_S;
    }

    void write(long d) {
        int op = Decoded.op(d);
        code.iload(RegionLocals.FLOATS);
        if (rounds(op)) {
            code.iconst_2().if_icmplt(leave);
        } else {
            code.ifeq(leave);
        }
        if (op <= Op.FSD) {
            move(op, d);
        } else if (op < Op.FADD_D) {
            single(op, d);
        } else {
            binary64(op, d);
        }
    }

    private void move(int op, long d) {
        locals.load(code, Decoded.rs1(d));
        code.loadConstant(Decoded.immediate(d)).ladd().lstore(RegionLocals.ADDRESS);
        switch (op) {
            case Op.FLW -> {
                memory.findReadable(Width.INT);
                memory.load(Width.INT);
                box();
                locals.storeFloat(code, Decoded.rd(d));
            }
            case Op.FLD -> {
                memory.findReadable(Width.DOUBLE);
                memory.load(Width.DOUBLE);
                locals.storeFloat(code, Decoded.rd(d));
            }
            case Op.FSW -> {
                memory.findWritable(Width.INT);
                memory.beginStore();
                bits(Decoded.rs2(d)).l2i();
                memory.endStore(Width.INT);
            }
            default -> {
                memory.findWritable(Width.DOUBLE);
                memory.beginStore();
                locals.loadFloat(code, Decoded.rs2(d));
                memory.endStore(Width.DOUBLE);
            }
        }
    }

    // --- operands and results

    private CodeBuilder bits(int register) {
        locals.loadFloat(code, register);
        return code.invokestatic(DOUBLE, "doubleToRawLongBits", TO_LONG_BITS);
    }

    private CodeBuilder a(long d) {
        locals.loadFloat(code, Decoded.rs1(d));
        return code;
    }

    private CodeBuilder ab(long d) {
        locals.loadFloat(code, Decoded.rs1(d));
        locals.loadFloat(code, Decoded.rs2(d));
        return code;
    }

    /// Leaves unless the register holds a boxed binary32 value.
    private void requireBox(int register) {
        bits(register).bipush(32).lshr().l2i().iconst_m1().if_icmpne(leave);
    }

    private CodeBuilder floatOf(int register) {
        return bits(register).l2i().invokestatic(FLOAT, "intBitsToFloat", OF_INT_BITS);
    }

    private CodeBuilder floatAb(long d) {
        floatOf(Decoded.rs1(d));
        return floatOf(Decoded.rs2(d));
    }

    /// Turns the int on the stack into the double whose bits are its box.
    private void box() {
        code.i2l().loadConstant(BOX).lor().invokestatic(DOUBLE, "longBitsToDouble", OF_LONG_BITS);
    }

    private void storeDouble(long d) {
        locals.storeFloat(code, Decoded.rd(d));
    }

    private void storeSingle(long d) {
        code.invokestatic(FLOAT, "floatToRawIntBits", TO_INT_BITS);
        box();
        locals.storeFloat(code, Decoded.rd(d));
    }

    /// Pops a double result into a local, and leaves unless it is of ordinary size.
    private void requireOrdinary(boolean zeroIsFine) {
        code.dup2().dstore(RegionLocals.RESULT).invokestatic(MATH, "abs", D_D);
        code.loadConstant(Double.MAX_VALUE).dcmpg().ifgt(leave);
        if (!zeroIsFine) {
            code.dload(RegionLocals.RESULT).invokestatic(MATH, "abs", D_D);
            code.loadConstant(Double.MIN_NORMAL).dcmpl().ifle(leave);
        }
        code.dload(RegionLocals.RESULT);
    }

    private void requireOrdinaryFloat(boolean zeroIsFine) {
        code.dup().fstore(RegionLocals.RESULT_FLOAT).invokestatic(MATH, "abs", F_F);
        code.loadConstant(Float.MAX_VALUE).fcmpg().ifgt(leave);
        if (!zeroIsFine) {
            code.fload(RegionLocals.RESULT_FLOAT).invokestatic(MATH, "abs", F_F);
            code.loadConstant(Float.MIN_NORMAL).fcmpl().ifle(leave);
        }
        code.fload(RegionLocals.RESULT_FLOAT);
    }

    // --- binary64

    private void binary64(int op, long d) {
        switch (op) {
            case Op.FADD_D -> sum(ab(d).dadd(), d);
            case Op.FSUB_D -> sum(ab(d).dsub(), d);
            case Op.FMUL_D -> product(ab(d).dmul(), d);
            case Op.FDIV_D -> product(ab(d).ddiv(), d);
            case Op.FSQRT_D -> product(a(d).invokestatic(MATH, "sqrt", D_D), d);
            case Op.FMADD_D, Op.FMSUB_D, Op.FNMSUB_D, Op.FNMADD_D -> {
                a(d);
                if (op == Op.FNMSUB_D || op == Op.FNMADD_D) {
                    code.dneg();
                }
                locals.loadFloat(code, Decoded.rs2(d));
                locals.loadFloat(code, Decoded.rs3(d));
                if (op == Op.FMSUB_D || op == Op.FNMADD_D) {
                    code.dneg();
                }
                product(code.invokestatic(MATH, "fma", DDD_D), d);
            }
            case Op.FSGNJ_D, Op.FSGNJN_D, Op.FSGNJX_D -> signInject(op - Op.FSGNJ_D, d);
            case Op.FMIN_D -> least(ab(d).invokestatic(MATH, "min", DD_D), d);
            case Op.FMAX_D -> least(ab(d).invokestatic(MATH, "max", DD_D), d);
            case Op.FEQ_D, Op.FLT_D, Op.FLE_D ->
                    compare(op - Op.FEQ_D, d, () -> ab(d).dcmpl(), () -> ab(d).dcmpg());
            case Op.FMV_X_D -> {
                bits(Decoded.rs1(d));
                locals.store(code, Decoded.rd(d));
            }
            case Op.FMV_D_X -> {
                locals.load(code, Decoded.rs1(d));
                code.invokestatic(DOUBLE, "longBitsToDouble", OF_LONG_BITS);
                storeDouble(d);
            }
            case Op.FCVT_D_S -> {
                requireBox(Decoded.rs1(d));
                floatOf(Decoded.rs1(d)).f2d();
                sum(code, d);
            }
            default -> convert(op - Op.FCVT_W_D, d, () -> a(d), () -> storeDouble(d));
        }
    }

    private void sum(CodeBuilder result, long d) {
        assert result == code;
        requireOrdinary(true);
        storeDouble(d);
    }

    private void product(CodeBuilder result, long d) {
        assert result == code;
        requireOrdinary(false);
        storeDouble(d);
    }

    /// Signed zeros are right in Java; a NaN is the result if there is one.
    private void least(CodeBuilder result, long d) {
        result.dup2().dup2().dstore(RegionLocals.RESULT).dcmpl().ifne(leave);
        code.dload(RegionLocals.RESULT);
        storeDouble(d);
    }

    private void signInject(int kind, long d) {
        if (kind == 0 && Decoded.rs1(d) == Decoded.rs2(d)) {
            a(d);
        } else {
            bits(Decoded.rs1(d));
            if (kind != 2) {
                code.loadConstant(Long.MAX_VALUE).land();
            }
            bits(Decoded.rs2(d));
            if (kind == 1) {
                code.loadConstant(-1L).lxor();
            }
            code.loadConstant(Long.MIN_VALUE).land();
            if (kind == 2) {
                code.lxor();
            } else {
                code.lor();
            }
            code.invokestatic(DOUBLE, "longBitsToDouble", OF_LONG_BITS);
        }
        storeDouble(d);
    }

    // --- binary32

    private void single(int op, long d) {
        boolean ofInteger = op >= Op.FCVT_S_W && op <= Op.FCVT_S_LU;
        boolean raw = op == Op.FMV_X_W || op == Op.FMV_W_X || op == Op.FCVT_S_D;
        if (!ofInteger && !raw) {
            requireBox(Decoded.rs1(d));
            if (op <= Op.FLE_S && op != Op.FSQRT_S) {
                requireBox(Decoded.rs2(d));
            }
        }
        switch (op) {
            case Op.FADD_S -> floatSum(floatAb(d).fadd(), d);
            case Op.FSUB_S -> floatSum(floatAb(d).fsub(), d);
            case Op.FMUL_S -> floatProduct(floatAb(d).fmul(), d);
            case Op.FDIV_S -> floatProduct(floatAb(d).fdiv(), d);
            case Op.FSQRT_S ->
                    floatProduct(
                            floatOf(Decoded.rs1(d)).f2d().invokestatic(MATH, "sqrt", D_D).d2f(), d);
            case Op.FMADD_S, Op.FMSUB_S, Op.FNMSUB_S, Op.FNMADD_S -> floatFused(op, d);
            case Op.FSGNJ_S, Op.FSGNJN_S, Op.FSGNJX_S -> floatSignInject(op - Op.FSGNJ_S, d);
            case Op.FMIN_S -> floatLeast(floatAb(d).invokestatic(MATH, "min", FF_F), d);
            case Op.FMAX_S -> floatLeast(floatAb(d).invokestatic(MATH, "max", FF_F), d);
            case Op.FEQ_S, Op.FLT_S, Op.FLE_S ->
                    compare(op - Op.FEQ_S, d, () -> floatAb(d).fcmpl(), () -> floatAb(d).fcmpg());
            case Op.FMV_X_W -> {
                bits(Decoded.rs1(d)).l2i().i2l();
                locals.store(code, Decoded.rd(d));
            }
            case Op.FMV_W_X -> {
                locals.load(code, Decoded.rs1(d));
                code.l2i();
                box();
                storeDouble(d);
            }
            case Op.FCVT_S_D -> floatProduct(a(d).d2f(), d);
            default ->
                    convert(
                            op - Op.FCVT_W_S,
                            d,
                            () -> floatOf(Decoded.rs1(d)).f2d(),
                            () -> storeSingle(d));
        }
    }

    private void floatFused(int op, long d) {
        requireBox(Decoded.rs3(d));
        floatOf(Decoded.rs1(d));
        if (op == Op.FNMSUB_S || op == Op.FNMADD_S) {
            code.fneg();
        }
        floatOf(Decoded.rs2(d));
        floatOf(Decoded.rs3(d));
        if (op == Op.FMSUB_S || op == Op.FNMADD_S) {
            code.fneg();
        }
        floatProduct(code.invokestatic(MATH, "fma", FFF_F), d);
    }

    private void floatSum(CodeBuilder result, long d) {
        assert result == code;
        requireOrdinaryFloat(true);
        storeSingle(d);
    }

    private void floatProduct(CodeBuilder result, long d) {
        assert result == code;
        requireOrdinaryFloat(false);
        storeSingle(d);
    }

    private void floatLeast(CodeBuilder result, long d) {
        result.dup().dup().fstore(RegionLocals.RESULT_FLOAT).fcmpl().ifne(leave);
        code.fload(RegionLocals.RESULT_FLOAT);
        storeSingle(d);
    }

    private void floatSignInject(int kind, long d) {
        bits(Decoded.rs1(d)).l2i();
        if (kind != 2) {
            code.loadConstant(~SIGN_32).iand();
        }
        bits(Decoded.rs2(d)).l2i();
        if (kind == 1) {
            code.iconst_m1().ixor();
        }
        code.loadConstant(SIGN_32).iand();
        if (kind == 2) {
            code.ixor();
        } else {
            code.ior();
        }
        box();
        storeDouble(d);
    }

    // --- both

    /// Equal, less, less or equal; NaNs leave.
    ///
    /// @param low pushes the comparison in which a NaN is less
    /// @param high pushes the one in which a NaN is greater
    private void compare(int kind, long d, Runnable low, Runnable high) {
        Label one = code.newLabel();
        Label zero = code.newLabel();
        Label end = code.newLabel();
        switch (kind) {
            case 0 -> {
                low.run();
                code.ifeq(one);
                low.run();
                code.ifgt(zero);
                high.run();
                code.ifgt(leave).goto_(zero);
                meetings.at(code, zero);
            }
            case 1 -> {
                high.run();
                code.iflt(one);
                low.run();
                code.iflt(leave);
            }
            default -> {
                high.run();
                code.ifle(one);
                low.run();
                code.iflt(leave);
            }
        }
        code.lconst_0().goto_(end);
        meetings.at(code, one);
        code.lconst_1();
        meetings.withLongAt(code, end);
        locals.store(code, Decoded.rd(d));
    }

    /// The eight conversions between one format and integers, in the order of [Op].
    ///
    /// @param value pushes the floating-point operand as a double, exactly
    /// @param store pops the result in the format into rd
    private void convert(int kind, long d, Runnable value, Runnable store) {
        if (kind < 4) {
            value.run();
            if (Decoded.rm(d) != TOWARDS_ZERO) {
                code.invokestatic(MATH, "rint", D_D);
            }
            toInteger(kind, d);
        } else {
            ofInteger(kind - 4, d, Decoded.op(d) < Op.FADD_D);
            store.run();
        }
    }

    private void toInteger(int kind, long d) {
        double limit = kind == 0 ? TWO_31 : kind == 1 ? TWO_32 : TWO_63;
        boolean signed = kind == 0 || kind == 2;
        code.dup2().dstore(RegionLocals.RESULT);
        if (signed) {
            code.invokestatic(MATH, "abs", D_D);
        }
        code.loadConstant(limit).dcmpg().ifge(leave);
        if (!signed) {
            code.dload(RegionLocals.RESULT).dconst_0().dcmpl().iflt(leave);
        }
        code.dload(RegionLocals.RESULT);
        switch (kind) {
            case 0 -> code.d2i().i2l();
            case 1 -> code.d2l().l2i().i2l();
            default -> code.d2l();
        }
        locals.store(code, Decoded.rd(d));
    }

    private void ofInteger(int kind, long d, boolean toSingle) {
        locals.load(code, Decoded.rs1(d));
        switch (kind) {
            case 0 -> code.l2i().i2l();
            case 1 -> code.loadConstant(0xFFFF_FFFFL).land();
            case 2 -> {}
            default -> {
                code.lconst_0().lcmp().iflt(leave);
                locals.load(code, Decoded.rs1(d));
            }
        }
        if (toSingle) {
            code.l2f();
        } else {
            code.l2d();
        }
    }
}
