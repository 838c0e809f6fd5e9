package weft.vmhost.interpreter;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.IllegalInstruction;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.isa.fp.RoundingMode;
import weft.vmhost.isa.fp.SoftFloat;

/// The F and D extensions around [SoftFloat]: registers, NaN boxes, rounding modes, mstatus.FS.
///
/// A binary32 value stands in a 64-bit register with all upper bits set; a register without that
/// box reads as the canonical NaN.
final class FloatUnit {
    private static final long BOX = 0xFFFF_FFFFL << 32;
    private static final int CANONICAL_NAN = 0x7FC0_0000;
    private static final int DYNAMIC = 7;

    private final Hart hart;
    private final DataPath data;
    private final long[] x;
    private final long[] f;
    private final FloatFlags flags;

    FloatUnit(Hart hart, DataPath data) {
        this.hart = hart;
        this.data = data;
        x = hart.integerRegisters();
        f = hart.floatRegisters();
        flags = hart.floatFlags();
    }

    /// @param a the value of integer register rs1
    void execute(long d, long a) {
        if (!hart.isFloatEnabled()) {
            throw new IllegalInstruction();
        }
        int op = Decoded.op(d);
        if (op <= Op.FSD) {
            move(op, d, a + Decoded.immediate(d));
        } else if (op >= Op.FADD_D) {
            hart.setFloatDirty();
            executeDouble(op, d, a);
        } else {
            hart.setFloatDirty();
            executeSingle(op, d, a);
        }
    }

    private void move(int op, long d, long address) {
        long context = hart.memory().dataContext();
        switch (op) {
            case Op.FLW -> f[Decoded.rd(d)] = BOX | data.load32(address, context);
            case Op.FLD -> f[Decoded.rd(d)] = data.load64(address, context);
            case Op.FSW -> data.store32(address, context, (int) f[Decoded.rs2(d)]);
            default -> data.store64(address, context, f[Decoded.rs2(d)]);
        }
        if (op <= Op.FLD) {
            hart.setFloatDirty();
        }
    }

    /// The instruction's rounding mode; a reserved one makes it illegal.
    private int rounding(long d) {
        int mode = Decoded.rm(d);
        if (mode == DYNAMIC) {
            mode = hart.roundingMode();
        }
        if (!RoundingMode.isValid(mode)) {
            throw new IllegalInstruction();
        }
        return mode;
    }

    private int single(int register) {
        long bits = f[register];
        return bits >>> 32 == 0xFFFF_FFFFL ? (int) bits : CANONICAL_NAN;
    }

    private static long box(int bits) {
        return BOX | bits;
    }

    private void executeSingle(int op, long d, long x1) {
        int a = single(Decoded.rs1(d));
        int b = single(Decoded.rs2(d));
        int rd = Decoded.rd(d);
        switch (op) {
            case Op.FADD_S -> f[rd] = box(SoftFloat.f32Add(a, b, rounding(d), flags));
            case Op.FSUB_S -> f[rd] = box(SoftFloat.f32Sub(a, b, rounding(d), flags));
            case Op.FMUL_S -> f[rd] = box(SoftFloat.f32Mul(a, b, rounding(d), flags));
            case Op.FDIV_S -> f[rd] = box(SoftFloat.f32Div(a, b, rounding(d), flags));
            case Op.FSQRT_S -> f[rd] = box(SoftFloat.f32Sqrt(a, rounding(d), flags));
            case Op.FMADD_S ->
                    f[rd] =
                            box(
                                    SoftFloat.f32MulAdd(
                                            a, b, single(Decoded.rs3(d)), rounding(d), flags));
            case Op.FMSUB_S ->
                    f[rd] =
                            box(
                                    SoftFloat.f32MulSub(
                                            a, b, single(Decoded.rs3(d)), rounding(d), flags));
            case Op.FNMSUB_S ->
                    f[rd] =
                            box(
                                    SoftFloat.f32NegMulSub(
                                            a, b, single(Decoded.rs3(d)), rounding(d), flags));
            case Op.FNMADD_S ->
                    f[rd] =
                            box(
                                    SoftFloat.f32NegMulAdd(
                                            a, b, single(Decoded.rs3(d)), rounding(d), flags));
            case Op.FSGNJ_S -> f[rd] = box(SoftFloat.f32SignInject(a, b));
            case Op.FSGNJN_S -> f[rd] = box(SoftFloat.f32SignInjectNot(a, b));
            case Op.FSGNJX_S -> f[rd] = box(SoftFloat.f32SignInjectXor(a, b));
            case Op.FMIN_S -> f[rd] = box(SoftFloat.f32Min(a, b, flags));
            case Op.FMAX_S -> f[rd] = box(SoftFloat.f32Max(a, b, flags));
            case Op.FEQ_S -> x[rd] = SoftFloat.f32Eq(a, b, flags) ? 1 : 0;
            case Op.FLT_S -> x[rd] = SoftFloat.f32Lt(a, b, flags) ? 1 : 0;
            case Op.FLE_S -> x[rd] = SoftFloat.f32Le(a, b, flags) ? 1 : 0;
            case Op.FCLASS_S -> x[rd] = SoftFloat.f32Classify(a);
            default -> convertSingle(op, d, a, x1);
        }
    }

    private void convertSingle(int op, long d, int a, long x1) {
        int rd = Decoded.rd(d);
        switch (op) {
            case Op.FCVT_W_S -> x[rd] = SoftFloat.f32ToI32(a, rounding(d), flags);
            case Op.FCVT_WU_S -> x[rd] = SoftFloat.f32ToU32(a, rounding(d), flags);
            case Op.FCVT_L_S -> x[rd] = SoftFloat.f32ToI64(a, rounding(d), flags);
            case Op.FCVT_LU_S -> x[rd] = SoftFloat.f32ToU64(a, rounding(d), flags);
            case Op.FCVT_S_W -> f[rd] = box(SoftFloat.i32ToF32((int) x1, rounding(d), flags));
            case Op.FCVT_S_WU -> f[rd] = box(SoftFloat.u32ToF32((int) x1, rounding(d), flags));
            case Op.FCVT_S_L -> f[rd] = box(SoftFloat.i64ToF32(x1, rounding(d), flags));
            case Op.FCVT_S_LU -> f[rd] = box(SoftFloat.u64ToF32(x1, rounding(d), flags));
            case Op.FMV_X_W -> x[rd] = (int) f[Decoded.rs1(d)];
            case Op.FMV_W_X -> f[rd] = box((int) x1);
            case Op.FCVT_S_D ->
                    f[rd] = box(SoftFloat.f64ToF32(f[Decoded.rs1(d)], rounding(d), flags));
            default -> throw new IllegalStateException("no float operation: " + op);
        }
    }

    private void executeDouble(int op, long d, long x1) {
        long a = f[Decoded.rs1(d)];
        long b = f[Decoded.rs2(d)];
        int rd = Decoded.rd(d);
        switch (op) {
            case Op.FADD_D -> f[rd] = SoftFloat.f64Add(a, b, rounding(d), flags);
            case Op.FSUB_D -> f[rd] = SoftFloat.f64Sub(a, b, rounding(d), flags);
            case Op.FMUL_D -> f[rd] = SoftFloat.f64Mul(a, b, rounding(d), flags);
            case Op.FDIV_D -> f[rd] = SoftFloat.f64Div(a, b, rounding(d), flags);
            case Op.FSQRT_D -> f[rd] = SoftFloat.f64Sqrt(a, rounding(d), flags);
            case Op.FMADD_D ->
                    f[rd] = SoftFloat.f64MulAdd(a, b, f[Decoded.rs3(d)], rounding(d), flags);
            case Op.FMSUB_D ->
                    f[rd] = SoftFloat.f64MulSub(a, b, f[Decoded.rs3(d)], rounding(d), flags);
            case Op.FNMSUB_D ->
                    f[rd] = SoftFloat.f64NegMulSub(a, b, f[Decoded.rs3(d)], rounding(d), flags);
            case Op.FNMADD_D ->
                    f[rd] = SoftFloat.f64NegMulAdd(a, b, f[Decoded.rs3(d)], rounding(d), flags);
            case Op.FSGNJ_D -> f[rd] = SoftFloat.f64SignInject(a, b);
            case Op.FSGNJN_D -> f[rd] = SoftFloat.f64SignInjectNot(a, b);
            case Op.FSGNJX_D -> f[rd] = SoftFloat.f64SignInjectXor(a, b);
            case Op.FMIN_D -> f[rd] = SoftFloat.f64Min(a, b, flags);
            case Op.FMAX_D -> f[rd] = SoftFloat.f64Max(a, b, flags);
            case Op.FEQ_D -> x[rd] = SoftFloat.f64Eq(a, b, flags) ? 1 : 0;
            case Op.FLT_D -> x[rd] = SoftFloat.f64Lt(a, b, flags) ? 1 : 0;
            case Op.FLE_D -> x[rd] = SoftFloat.f64Le(a, b, flags) ? 1 : 0;
            case Op.FCLASS_D -> x[rd] = SoftFloat.f64Classify(a);
            default -> convertDouble(op, d, a, x1);
        }
    }

    private void convertDouble(int op, long d, long a, long x1) {
        int rd = Decoded.rd(d);
        switch (op) {
            case Op.FCVT_W_D -> x[rd] = SoftFloat.f64ToI32(a, rounding(d), flags);
            case Op.FCVT_WU_D -> x[rd] = SoftFloat.f64ToU32(a, rounding(d), flags);
            case Op.FCVT_L_D -> x[rd] = SoftFloat.f64ToI64(a, rounding(d), flags);
            case Op.FCVT_LU_D -> x[rd] = SoftFloat.f64ToU64(a, rounding(d), flags);
            case Op.FCVT_D_W -> {
                rounding(d);
                f[rd] = SoftFloat.i32ToF64((int) x1);
            }
            case Op.FCVT_D_WU -> {
                rounding(d);
                f[rd] = SoftFloat.u32ToF64((int) x1);
            }
            case Op.FCVT_D_L -> f[rd] = SoftFloat.i64ToF64(x1, rounding(d), flags);
            case Op.FCVT_D_LU -> f[rd] = SoftFloat.u64ToF64(x1, rounding(d), flags);
            case Op.FMV_X_D -> x[rd] = a;
            case Op.FMV_D_X -> f[rd] = x1;
            case Op.FCVT_D_S -> {
                rounding(d);
                f[rd] = SoftFloat.f32ToF64(single(Decoded.rs1(d)), flags);
            }
            default -> throw new IllegalStateException("no float operation: " + op);
        }
    }
}
