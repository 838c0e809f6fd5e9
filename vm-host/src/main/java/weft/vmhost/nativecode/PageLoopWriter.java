package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.translator.TranslatorSettings.Access;

/// Writes the interpreter's loop as machine code, with the meaning of
/// [weft.vmhost.interpreter.PageLoop]: a case for each operation. [ThreadedCode] has the registers
/// and what is between the cases.
final class PageLoopWriter extends ThreadedCode {
    private static final int PAGE_OF_SLOTS_SHIFT = GuestMemory.PAGE_SHIFT + DISTANCE_SHIFT;
    private static final int INDEX_SHIFT = GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT;
    private static final int INDEX_MASK = Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;

    // Digits of Assembler.unary.
    private static final int MUL = 4;
    private static final int IMUL_WIDE = 5;
    private static final int DIV = 6;
    private static final int IDIV = 7;

    private final boolean isChecked;

    PageLoopWriter(Assembler code, Access access) {
        super(code);
        isChecked = access == Access.CHECKED;
    }

    @Override
    void writeCases() {
        writeJumps();
        writeAccesses();
        writeImmediates();
        writeRegisters();
        writeProducts();
    }

    private void writeJumps() {
        on(Op.JAL, this::jumpAndLink);
        on(Op.JALR, this::jumpByRegister);
        branch(Op.BEQ, NOT_EQUAL);
        branch(Op.BNE, EQUAL);
        branch(Op.BLT, GREATER_OR_EQUAL);
        branch(Op.BGE, LESS);
        branch(Op.BLTU, ABOVE_OR_EQUAL);
        branch(Op.BGEU, BELOW);
    }

    private void writeAccesses() {
        Operand there = Operand.memory(RAX, 0);
        load(Op.LB, 1, () -> code.op(MOVSX8, RAX, there));
        load(Op.LBU, 1, () -> code.op32(MOVZX8, RAX, there));
        load(Op.LH, 2, () -> code.op(MOVSX16, RAX, there));
        load(Op.LHU, 2, () -> code.op32(MOVZX16, RAX, there));
        load(Op.LW, 4, () -> code.op(MOVSX32, RAX, there));
        load(Op.LWU, 4, () -> code.mov32(RAX, there));
        load(Op.LD, 8, () -> code.mov(RAX, there));
        store(Op.SB, 1, () -> code.store8(there, RCX));
        store(Op.SH, 2, () -> code.store16(there, RCX));
        store(Op.SW, 4, () -> code.store32(there, RCX));
        store(Op.SD, 8, () -> code.store(there, RCX));
    }

    private void writeImmediates() {
        result(Op.LI, () -> code.op(MOVSX32, RAX, IMMEDIATE));
        result(
                Op.AUIPC,
                () -> {
                    pcInto(RAX);
                    code.op(MOVSX32, RCX, IMMEDIATE);
                    code.op(ADD, RAX, RCX);
                });
        byImmediate(Op.ADDI, ADD);
        byImmediate(Op.XORI, XOR);
        byImmediate(Op.ORI, OR);
        byImmediate(Op.ANDI, AND);
        compare(Op.SLTI, LESS, true);
        compare(Op.SLTIU, BELOW, true);
        shift(Op.SLLI, SHL, true, true);
        shift(Op.SRLI, SHR, true, true);
        shift(Op.SRAI, SAR, true, true);
        shift(Op.SLLIW, SHL, false, true);
        shift(Op.SRLIW, SHR, false, true);
        shift(Op.SRAIW, SAR, false, true);
        result(
                Op.ADDIW,
                () -> {
                    code.mov32(RAX, IMMEDIATE);
                    code.op32(ADD, RAX, A);
                    code.op(MOVSX32, RAX, RAX);
                });
    }

    private void writeRegisters() {
        byRegister(Op.ADD, ADD);
        byRegister(Op.XOR, XOR);
        byRegister(Op.OR, OR);
        byRegister(Op.AND, AND);
        wordByRegister(Op.ADDW, ADD);
        result(
                Op.SUB,
                () -> {
                    rs2Into(RCX);
                    code.mov(RAX, A);
                    code.op(SUB, RAX, RCX);
                });
        result(
                Op.SUBW,
                () -> {
                    rs2Into(RCX);
                    code.op32(SUB, A, RCX);
                    code.op(MOVSX32, RAX, A);
                });
        compare(Op.SLT, LESS, false);
        compare(Op.SLTU, BELOW, false);
        shift(Op.SLL, SHL, true, false);
        shift(Op.SRL, SHR, true, false);
        shift(Op.SRA, SAR, true, false);
        shift(Op.SLLW, SHL, false, false);
        shift(Op.SRLW, SHR, false, false);
        shift(Op.SRAW, SAR, false, false);
    }

    private void writeProducts() {
        byRegister(Op.MUL, IMUL);
        wordByRegister(Op.MULW, IMUL);
        multiplyHigh(Op.MULH, IMUL_WIDE);
        multiplyHigh(Op.MULHU, MUL);
        divide(Op.DIV, IDIV, true, RAX);
        divide(Op.DIVU, DIV, true, RAX);
        divide(Op.REM, IDIV, true, RDX);
        divide(Op.REMU, DIV, true, RDX);
        divide(Op.DIVW, IDIV, false, RAX);
        divide(Op.DIVUW, DIV, false, RAX);
        divide(Op.REMW, IDIV, false, RDX);
        divide(Op.REMUW, DIV, false, RDX);
    }

    // --- jumps

    private void branch(int operation, int conditionNotTo) {
        on(
                operation,
                () -> {
                    rs2Into(RCX);
                    code.op(CMP, A, RCX);
                    var not = new Label();
                    code.jump(conditionNotTo, not);
                    targetIntoRax();
                    goToRax();
                    code.bind(not);
                    next();
                });
    }

    private void jumpAndLink() {
        targetIntoRax();
        writeLink();
        goToRax();
    }

    private void jumpByRegister() {
        code.op(MOVSX32, RAX, IMMEDIATE);
        code.op(ADD, RAX, A);
        code.op(SUB, RAX, PAGE);
        code.opImmediate(CMP, RAX, GuestMemory.PAGE_BYTES);
        code.jump(ABOVE_OR_EQUAL, leave);
        checkBudget();
        writeLink();
        code.opImmediate(AND, RAX, -2);
        code.op(LEA, SLOT, Operand.scaled(SLOTS, RAX, DISTANCE_SHIFT, 0));
        count();
        dispatch();
    }

    /// The slot that a jump or branch goes to; leaves if that is in another page.
    private void targetIntoRax() {
        code.op(MOVSX32, RAX, IMMEDIATE);
        code.op(LEA, RAX, Operand.scaled(SLOT, RAX, DISTANCE_SHIFT, 0));
        code.mov(RCX, RAX);
        code.op(SUB, RCX, SLOTS);
        code.shift(SHR, RCX, PAGE_OF_SLOTS_SHIFT);
        code.jump(NOT_EQUAL, leave);
    }

    private void goToRax() {
        var forward = new Label();
        code.op(CMP, RAX, SLOT);
        code.jump(ABOVE, forward);
        checkBudget();
        code.bind(forward);
        code.mov(SLOT, RAX);
        count();
        dispatch();
    }

    private void checkBudget() {
        code.op(CMP, COUNT, END);
        code.jump(GREATER_OR_EQUAL, leave);
        code.opImmediate(CMP, Operand.memory(BUDGET_END, 0), 0);
        code.jump(EQUAL, leave);
    }

    private void writeLink() {
        pcInto(RDX);
        code.opImmediate(ADD, RDX, lengthBytes());
        writeRd(RDX);
    }

    // --- accesses

    private void load(int operation, int sizeBytes, Runnable body) {
        result(
                operation,
                () -> {
                    find(sizeBytes, Tlb.READ_TAG, Tlb.READ_ADDEND);
                    body.run();
                });
    }

    private void store(int operation, int sizeBytes, Runnable body) {
        on(
                operation,
                () -> {
                    find(sizeBytes, Tlb.WRITE_TAG, Tlb.WRITE_ADDEND);
                    rs2Into(RCX);
                    body.run();
                    next();
                });
    }

    /// The host's address into rax; leaves at a miss.
    private void find(int sizeBytes, int tag, int addend) {
        code.op(MOVSX32, RAX, IMMEDIATE);
        code.op(ADD, RAX, A);
        code.mov(RCX, RAX);
        code.shift(SHR, RCX, INDEX_SHIFT);
        code.op32Immediate(AND, RCX, INDEX_MASK);
        code.op(XOR, RCX, TLB);
        code.mov(RDX, RAX);
        code.opImmediate(AND, RDX, -GuestMemory.PAGE_BYTES | sizeBytes - 1);
        code.op(OR, RDX, CONTEXT);
        code.op(CMP, RDX, Operand.memory(RCX, tag));
        code.jump(NOT_EQUAL, leave);
        code.op(ADD, RAX, Operand.memory(RCX, addend));
        if (isChecked) {
            code.op(CMP, RAX, window(HartWindow.RAM_BEGIN));
            code.jump(BELOW, broken);
            code.op(CMP, RAX, window(HartWindow.RAM_END));
            code.jump(ABOVE_OR_EQUAL, broken);
        }
    }

    private static Operand window(int field) {
        return Operand.memory(BUDGET_END, field - HartWindow.BUDGET_END);
    }

    // --- arithmetic

    private void byImmediate(int operation, int opcode) {
        result(
                operation,
                () -> {
                    code.op(MOVSX32, RAX, IMMEDIATE);
                    code.op(opcode, RAX, A);
                });
    }

    private void byRegister(int operation, int opcode) {
        result(
                operation,
                () -> {
                    rs2Into(RAX);
                    code.op(opcode, RAX, A);
                });
    }

    private void wordByRegister(int operation, int opcode) {
        result(
                operation,
                () -> {
                    rs2Into(RAX);
                    code.op32(opcode, RAX, A);
                    code.op(MOVSX32, RAX, RAX);
                });
    }

    private void compare(int operation, int condition, boolean withImmediate) {
        result(
                operation,
                () -> {
                    if (withImmediate) {
                        code.op(MOVSX32, RCX, IMMEDIATE);
                    } else {
                        rs2Into(RCX);
                    }
                    code.movImmediate(RAX, 0);
                    code.op(CMP, A, RCX);
                    code.setcc(condition, RAX);
                });
    }

    private void shift(int operation, int digit, boolean wide, boolean byImmediate) {
        result(
                operation,
                () -> {
                    if (byImmediate) {
                        code.op32(MOVZX8, RCX, IMMEDIATE);
                    } else {
                        rs2Into(RCX);
                    }
                    code.shiftBy(digit, RAX, Operand.register(A), RCX, wide);
                    if (!wide) {
                        code.op(MOVSX32, RAX, RAX);
                    }
                });
    }

    private void multiplyHigh(int operation, int digit) {
        result(
                operation,
                () -> {
                    rs2Into(RAX);
                    code.unary(digit, Operand.register(A));
                    code.mov(RAX, RDX);
                });
    }

    /// Leaves for division by zero, and by -1, where the host traps at an overflow.
    ///
    /// @param outcome rax for the quotient, rdx for the remainder
    private void divide(int operation, int digit, boolean wide, int outcome) {
        result(
                operation,
                () -> {
                    rs2Into(RCX);
                    code.op(LEA, RAX, Operand.memory(RCX, 1));
                    if (wide) {
                        code.opImmediate(CMP, RAX, 1);
                    } else {
                        code.op32Immediate(CMP, RAX, 1);
                    }
                    code.jump(BELOW_OR_EQUAL, leave);
                    code.mov(RAX, A);
                    if (wide && digit == IDIV) {
                        code.signIntoRdx();
                    } else if (digit == IDIV) {
                        code.signIntoRdx32();
                    } else {
                        code.movImmediate(RDX, 0);
                    }
                    if (wide) {
                        code.unary(digit, Operand.register(RCX));
                        code.mov(RAX, outcome);
                    } else {
                        code.unary32(digit, Operand.register(RCX));
                        code.op(MOVSX32, RAX, outcome);
                    }
                });
    }
}
