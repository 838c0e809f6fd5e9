package weft.vmhost.interpreter;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.IllegalInstruction;
import weft.vmhost.hart.Trap;
import weft.vmhost.hart.TrapCause;
import weft.vmhost.isa.Decoded;

/// Executes the one instruction for which translated code was left: it missed the TLB, works on a
/// device, or is none that is translated. Without the interpreter's loop, as this is most of what
/// translated code costs where it is not at its best.
public final class LoneInstruction {
    private final Hart hart;
    private final long[] x;
    private final Interpreter interpreter;
    private final SystemUnit system;

    public LoneInstruction(Hart hart, Interpreter interpreter) {
        this.hart = hart;
        this.interpreter = interpreter;
        x = hart.integerRegisters();
        system = new SystemUnit(hart);
    }

    /// Executes it at the hart's pc.
    ///
    /// @param d its decoded form; no jump
    /// @return whether execution goes on behind it, under the same rules: it did not trap, and is
    ///   no system instruction
    public boolean execute(long d) {
        long pc = hart.pc();
        int op = Decoded.op(d);
        try {
            if (SystemUnit.isSystem(op)) {
                system.execute(d, x[Decoded.rs1(d)]);
                return false;
            }
            interpreter.executeRare(d);
        } catch (Trap trap) {
            hart.take(trap);
            return false;
        } catch (IllegalInstruction illegal) {
            hart.take(new Trap(TrapCause.ILLEGAL_INSTRUCTION, interpreter.bits(pc)));
            return false;
        }
        hart.setPc(pc + 2L * Decoded.halfwords(d));
        hart.setRetiredInstructions(hart.retiredInstructions() + 1);
        return true;
    }
}
