package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

/// Where execution may go after an instruction of a decoded page.
public final class InstructionFlow {
    private InstructionFlow() {}

    public static boolean isInstruction(long d) {
        int op = Decoded.op(d);
        return op > Op.CROSSING && op < Op.REGION;
    }

    public static boolean isBranch(long d) {
        int op = Decoded.op(d);
        return op >= Op.BEQ && op <= Op.BGEU;
    }

    /// A jump that leaves a return address behind: control will be back.
    public static boolean isCall(long d) {
        int op = Decoded.op(d);
        return (op == Op.JAL || op == Op.JALR) && Decoded.rd(d) != Decoded.DISCARD;
    }

    /// Whether the instruction behind it is not executed next, nor after a call.
    public static boolean endsFlow(long d) {
        return switch (Decoded.op(d)) {
            case Op.JAL, Op.JALR -> Decoded.rd(d) == Decoded.DISCARD;
            case Op.MRET, Op.SRET, Op.EBREAK, Op.ILLEGAL -> true;
            default -> false;
        };
    }

    /// Whether it has a target that [#target] knows and that is not a callee.
    public static boolean hasLocalTarget(long d) {
        return isBranch(d) || Decoded.op(d) == Op.JAL && Decoded.rd(d) == Decoded.DISCARD;
    }

    /// The slot a branch or JAL goes to: outside of the page, if less than 0 or too large.
    public static int target(int slot, long d) {
        return slot + (int) (Decoded.immediate(d) >> 1);
    }

    public static int next(int slot, long d) {
        return slot + Decoded.halfwords(d);
    }
}
