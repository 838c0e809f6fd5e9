package weft.vmhost.interpreter;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.IllegalInstruction;
import weft.vmhost.hart.Trap;
import weft.vmhost.hart.TrapCause;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

/// Executes the one instruction for which translated code was left: it missed the TLB, works on a
/// device, or is none that is translated. Without the interpreter's loop, as this is most of what
/// translated code costs where it is not at its best.
public final class LoneInstruction {
    private final Hart hart;
    private final VirtualMemory memory;
    private final long[] x;
    private final Interpreter interpreter;
    private final SystemUnit system;

    public LoneInstruction(Hart hart, Interpreter interpreter) {
        this.hart = hart;
        this.interpreter = interpreter;
        memory = hart.memory();
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
        long a = x[Decoded.rs1(d)];
        try {
            if (op >= Op.LB && op <= Op.SD) {
                access(op, d, a + Decoded.immediate(d));
            } else if (SystemUnit.isSystem(op)) {
                system.execute(d, a);
                return false;
            } else {
                interpreter.rare(d, a, x[Decoded.rs2(d)]);
            }
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

    private void access(int op, long d, long address) {
        int rd = Decoded.rd(d);
        switch (op) {
            case Op.LB -> x[rd] = (byte) memory.load(address, 1);
            case Op.LBU -> x[rd] = memory.load(address, 1);
            case Op.LH -> x[rd] = (short) memory.load(address, 2);
            case Op.LHU -> x[rd] = memory.load(address, 2);
            case Op.LW -> x[rd] = (int) memory.load(address, 4);
            case Op.LWU -> x[rd] = memory.load(address, 4);
            case Op.LD -> x[rd] = memory.load(address, 8);
            case Op.SB -> memory.store(address, 1, x[Decoded.rs2(d)]);
            case Op.SH -> memory.store(address, 2, x[Decoded.rs2(d)]);
            case Op.SW -> memory.store(address, 4, x[Decoded.rs2(d)]);
            default -> memory.store(address, 8, x[Decoded.rs2(d)]);
        }
    }
}
