package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

import java.util.BitSet;

/// Which registers the translated instructions of a region read or write. Too many is no error.
final class RegisterUses {
    private final BitSet integers = new BitSet(32);
    private final BitSet integersWritten = new BitSet(32);
    private final BitSet floats = new BitSet(32);
    private final BitSet floatsWritten = new BitSet(32);

    RegisterUses(RegionShape shape) {
        shape.instructions().stream()
                .mapToLong(shape::instruction)
                .forEach(d -> {
                    if (InstructionWriter.isTranslated(d)) {
                        if (Op.isFloatingPoint(Decoded.op(d))) {
                            noteFloat(Decoded.op(d), d);
                        } else {
                            integers.set(Decoded.rs1(d));
                            integers.set(Decoded.rs2(d));
                            noteResult(d);
                        }
                    }
                });
        // An unused field says 0.
        integers.clear(0);
        integersWritten.clear(0);
    }

    BitSet integers() {
        return integers;
    }

    BitSet integersWritten() {
        return integersWritten;
    }

    BitSet floats() {
        return floats;
    }

    BitSet floatsWritten() {
        return floatsWritten;
    }

    private void noteResult(long d) {
        if (Decoded.rd(d) != Decoded.DISCARD) {
            integers.set(Decoded.rd(d));
            integersWritten.set(Decoded.rd(d));
        }
    }

    private void noteFloat(int op, long d) {
        if (op <= Op.FSD || isOfInteger(op)) {
            integers.set(Decoded.rs1(d));
        } else {
            floats.set(Decoded.rs1(d));
        }
        floats.set(Decoded.rs2(d));
        if (op >= Op.FMADD_S && op <= Op.FNMADD_S || op >= Op.FMADD_D && op <= Op.FNMADD_D) {
            floats.set(Decoded.rs3(d));
        }
        if (isToInteger(op)) {
            noteResult(d);
        } else if (op != Op.FSW && op != Op.FSD) {
            floats.set(Decoded.rd(d));
            floatsWritten.set(Decoded.rd(d));
        }
    }

    private static boolean isOfInteger(int op) {
        return op >= Op.FCVT_S_W && op <= Op.FCVT_S_LU
                || op >= Op.FCVT_D_W && op <= Op.FCVT_D_LU
                || op == Op.FMV_W_X
                || op == Op.FMV_D_X;
    }

    private static boolean isToInteger(int op) {
        return op >= Op.FEQ_S && op <= Op.FCVT_LU_S
                || op >= Op.FEQ_D && op <= Op.FCVT_LU_D
                || op == Op.FMV_X_W
                || op == Op.FMV_X_D;
    }
}
