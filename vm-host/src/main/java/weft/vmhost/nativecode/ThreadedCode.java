package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import weft.vmhost.interpreter.PageLoop;

import java.util.Arrays;

/// The frame of the interpreter's loop as machine code: how it is entered and left, and how it
/// comes from one instruction to the next. What the instructions do, [PageLoopWriter] adds.
///
/// Unlike Java, it can end each case with a jump of its own to the next ("threaded code"), which
/// the processor foresees by what comes after *this* operation; and it can have a case for the
/// compressed and one for the long form of each, so that nothing asks for the length.
///
/// ```
///   rdi  the hart's registers        r8   the table of cases, by C and operation
///   rsi  the slot that is executed   r9   context of loads and stores
///   rdx  rs1's value, then free      r10  count of executed instructions
///   rax  address, then the result    r11  the TLB, with what the context changes
///   rbp  field of rd, with C         r12  the count from which on no jump back is taken
///   rcx  free                        r13  where the budget's end stands
///   rbx  the first slot              r14  virtual address of the page
/// ```
///
/// An addition is fourteen of the host's instructions: four loads of fields, one or two of
/// registers, one of the next case's address, a store of the result, a branch, a jump. They take
/// 1.3 to 1.9 ns, most of it the way of a result through the array of registers to the next
/// operand, and jumps that were not foreseen. What was measured is in docs/design/004.
abstract sealed class ThreadedCode permits PageLoopWriter {
    static final int SLOT = RSI;
    static final int SLOTS = RBX;
    static final int X = RDI;
    static final int A = RDX;
    static final int TABLE = 8;
    static final int CONTEXT = 9;
    static final int COUNT = 10;
    static final int TLB = 11;
    static final int END = 12;
    static final int BUDGET_END = 13;
    static final int PAGE = 14;
    private static final int[] CALLEE_SAVED = {RBX, RBP, END, BUDGET_END, PAGE};

    // Where the fields of the decoded form stand in a slot.
    static final Operand OPERATION = Operand.memory(SLOT, 0);
    static final Operand RD = Operand.memory(SLOT, 1);
    static final Operand RS1 = Operand.memory(SLOT, 2);
    static final Operand RS2 = Operand.memory(SLOT, 3);
    static final Operand IMMEDIATE = Operand.memory(SLOT, 4);

    static final int OPERATIONS = 256;
    static final int SLOT_SHIFT = 3;

    /// From a distance in bytes of code to one in bytes of slots.
    static final int DISTANCE_SHIFT = 2;

    private static final int CASE_ALIGNMENT = 16;
    private static final int NOP = 0x90;

    final Assembler code;

    /// Where the loop ends, at the instruction in rsi, which is not executed.
    final Label leave = new Label();

    /// Where it ends if a host address was outside of guest memory.
    final Label broken = new Label();

    private final int[] cases = new int[2 * OPERATIONS];

    /// Whether the cases being written are those of compressed instructions.
    private boolean isCompressed;

    ThreadedCode(Assembler code) {
        this.code = code;
    }

    /// Writes all cases, by [#on] and [#result].
    abstract void writeCases();

    /// Answers where it is to be entered, as a function of C: the address of the registers, of the
    /// slots, the slot's number, the address of the frame; its value is a cursor, or negative if a
    /// host address was outside of guest memory.
    final int write() {
        writeWayOut();
        Arrays.fill(cases, leave.position());
        writeCases();
        isCompressed = true;
        writeCases();
        align(Long.BYTES);
        int table = code.size();
        for (int at : cases) {
            code.putLong(code.origin() + at);
        }
        int enter = code.size();
        writeWayIn(table);
        return enter;
    }

    private void writeWayOut() {
        code.bind(leave);
        code.mov(RAX, SLOT);
        code.op(SUB, RAX, SLOTS);
        code.shift(SHR, RAX, SLOT_SHIFT);
        code.shift(SHL, COUNT, PageLoop.COUNT_SHIFT);
        code.op(OR, RAX, COUNT);
        var back = new Label();
        code.bind(back);
        for (int i = CALLEE_SAVED.length - 1; i >= 0; i--) {
            code.pop(CALLEE_SAVED[i]);
        }
        code.ret();
        code.bind(broken);
        code.movImmediate(RAX, -1);
        code.jump(back);
    }

    private void writeWayIn(int table) {
        for (int register : CALLEE_SAVED) {
            code.push(register);
        }
        code.mov(SLOTS, RSI);
        code.op(LEA, SLOT, Operand.element(RSI, RDX));
        code.mov(PAGE, frame(PageLoop.PAGE));
        code.mov(CONTEXT, frame(PageLoop.CONTEXT));
        code.mov(TLB, frame(PageLoop.TLB));
        code.mov(END, frame(PageLoop.END));
        code.mov(BUDGET_END, frame(PageLoop.BUDGET_END));
        code.movImmediate(COUNT, 0);
        code.loadAddress(TABLE, code.origin() + table);
        dispatch();
    }

    private static Operand frame(int field) {
        return Operand.memory(RCX, Long.BYTES * field);
    }

    /// A case, entered with the value of rs1 in rdx; it ends with the jump to the next.
    final void on(int operation, Runnable body) {
        align(CASE_ALIGNMENT);
        cases[isCompressed ? OPERATIONS + operation : operation] = code.size();
        body.run();
    }

    /// A case that leaves a result in rax. The next instruction often works on it: then it is not
    /// waited for until it has come through memory. And where that is known, more is known of which
    /// instruction it is.
    final void result(int operation, Runnable body) {
        on(
                operation,
                () -> {
                    body.run();
                    writeRd(RAX);
                    step();
                    code.op32(MOVZX8, RCX, RS1);
                    code.op32(LEA, RDX, Operand.scaled(RCX, RCX, 0, isCompressed ? 1 : 0));
                    var same = new Label();
                    code.op32(CMP, RDX, RBP);
                    code.jump(EQUAL, same);
                    code.mov(A, Operand.element(X, RCX));
                    jumpToCase();
                    code.bind(same);
                    code.mov(A, RAX);
                    jumpToCase();
                });
    }

    final void next() {
        step();
        dispatch();
    }

    private void step() {
        count();
        code.opImmediate(ADD, SLOT, lengthBytes() << DISTANCE_SHIFT);
    }

    /// To the case of the instruction in rsi.
    final void dispatch() {
        code.op32(MOVZX8, RCX, RS1);
        code.mov(A, Operand.element(X, RCX));
        jumpToCase();
    }

    private void jumpToCase() {
        code.op32(MOVZX16, RAX, OPERATION);
        code.op32Immediate(AND, RAX, 2 * OPERATIONS - 1);
        code.jump(Operand.element(TABLE, RAX));
    }

    /// Leaves in rbp twice the register's number, and one more if the instruction is compressed.
    final void writeRd(int from) {
        code.op32(MOVZX8, RBP, RD);
        code.store(Operand.scaled(X, RBP, 2, isCompressed ? -4 : 0), from);
    }

    final void rs2Into(int register) {
        code.op32(MOVZX8, register, RS2);
        code.mov(register, Operand.element(X, register));
    }

    final void pcInto(int register) {
        code.mov(register, SLOT);
        code.op(SUB, register, SLOTS);
        code.shift(SHR, register, DISTANCE_SHIFT);
        code.op(ADD, register, PAGE);
    }

    private void align(int bytes) {
        while (code.size() % bytes != 0) {
            code.put(NOP);
        }
    }

    final void count() {
        code.opImmediate(ADD, COUNT, 1);
    }

    /// Of the instruction in rsi.
    final int lengthBytes() {
        return isCompressed ? 2 : 4;
    }
}
