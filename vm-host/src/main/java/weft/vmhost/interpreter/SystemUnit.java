package weft.vmhost.interpreter;

import weft.vmhost.hart.CsrFile;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Trap;
import weft.vmhost.hart.TrapCause;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

/// Instructions after which nothing that was known may be relied on: privilege, CSRs, the rules of
/// translation, the instruction stream itself.
final class SystemUnit {
    private final Hart hart;

    SystemUnit(Hart hart) {
        this.hart = hart;
    }

    static boolean isSystem(int op) {
        return op >= Op.ECALL && op <= Op.ILLEGAL || op == Op.FENCE_I || op == Op.SFENCE_INVAL;
    }

    /// @param a the value of rs1; the hart has pc and count
    void execute(long d, long a) {
        long next = hart.pc() + 2L * Decoded.halfwords(d);
        int rs1 = Decoded.rs1(d);
        int csr = (int) Decoded.immediate(d);
        switch (Decoded.op(d)) {
            case Op.ECALL -> {
                hart.environmentCall();
                return;
            }
            case Op.EBREAK -> throw new Trap(TrapCause.BREAKPOINT, hart.pc());
            case Op.ILLEGAL ->
                    throw new Trap(
                            TrapCause.ILLEGAL_INSTRUCTION, Decoded.immediate(d) & 0xFFFF_FFFFL);
            case Op.SRET -> {
                hart.supervisorReturn();
                next = hart.pc();
            }
            case Op.MRET -> {
                hart.machineReturn();
                next = hart.pc();
            }
            case Op.WFI -> hart.executeWfi();
            case Op.FENCE_I -> hart.fenceOwnInstructions();
            case Op.SFENCE_INVAL -> hart.orderInvalidations();
            case Op.SFENCE_VMA -> hart.fenceTranslations(rs1, Decoded.rs2(d));
            case Op.CSRRW -> write(d, csr, a);
            case Op.CSRRWI -> write(d, csr, rs1);
            case Op.CSRRS -> set(d, csr, a, rs1 != 0);
            case Op.CSRRSI -> set(d, csr, rs1, rs1 != 0);
            case Op.CSRRC -> clear(d, csr, a, rs1 != 0);
            case Op.CSRRCI -> clear(d, csr, rs1, rs1 != 0);
            default -> throw new IllegalStateException("no system operation: " + Decoded.op(d));
        }
        hart.setPc(next);
        hart.setRetiredInstructions(hart.retiredInstructions() + 1);
    }

    private void write(long d, int csr, long value) {
        if (Decoded.rd(d) == Decoded.DISCARD) {
            hart.csrs().write(csr, value);
        } else {
            hart.integerRegisters()[Decoded.rd(d)] = hart.csrs().swap(csr, value);
        }
        hart.contextChanged();
    }

    private void set(long d, int csr, long mask, boolean writes) {
        CsrFile csrs = hart.csrs();
        hart.integerRegisters()[Decoded.rd(d)] = writes ? csrs.setBits(csr, mask) : csrs.read(csr);
        hart.contextChanged();
    }

    private void clear(long d, int csr, long mask, boolean writes) {
        CsrFile csrs = hart.csrs();
        hart.integerRegisters()[Decoded.rd(d)] =
                writes ? csrs.clearBits(csr, mask) : csrs.read(csr);
        hart.contextChanged();
    }
}
