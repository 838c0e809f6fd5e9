package weft.vmhost.interpreter;

import weft.vmhost.isa.Op;

/// The M extension, but for what [PageRun] multiplies itself.
final class Multiplication {
    private Multiplication() {}

    static long execute(int op, long a, long b) {
        int aWord = (int) a;
        int bWord = (int) b;
        return switch (op) {
            case Op.MULHSU -> Math.multiplyHigh(a, b) + (a & b >> 63);
            case Op.DIV -> b == 0 ? -1 : a / b;
            case Op.DIVU -> b == 0 ? -1 : Long.divideUnsigned(a, b);
            case Op.REM -> b == 0 ? a : a % b;
            case Op.REMU -> b == 0 ? a : Long.remainderUnsigned(a, b);
            case Op.DIVW -> bWord == 0 ? -1 : aWord / bWord;
            case Op.DIVUW -> bWord == 0 ? -1 : Integer.divideUnsigned(aWord, bWord);
            case Op.REMW -> bWord == 0 ? aWord : aWord % bWord;
            case Op.REMUW -> bWord == 0 ? aWord : Integer.remainderUnsigned(aWord, bWord);
            default -> throw new IllegalStateException("no multiplication or division: " + op);
        };
    }
}
