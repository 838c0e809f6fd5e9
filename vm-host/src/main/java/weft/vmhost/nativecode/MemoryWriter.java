package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.mmu.Tlb;

/// Loads, stores and atomic operations: the one place that knows the form of an access.
///
/// An access is a look into the TLB, a comparison, and one instruction of the host's; a miss leaves
/// the code, and the interpreter executes the instruction. x86 keeps loads in order, and stores,
/// and does not move a load before an earlier one: more than RVWMO asks, so only fences and atomic
/// operations order anything by themselves.
///
/// ```
///   rax  virtual address, then the host's    rcx  distance of the entry    rdx  what the tag must be
/// ```
final class MemoryWriter {
    private static final int INDEX_SHIFT = GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT;
    private static final int INDEX_MASK = Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;
    private static final Operand AT_RAX = Operand.memory(RAX, 0);
    private static final Operand AT_RCX = Operand.memory(RCX, 0);

    private final Assembler code;
    private final GuestRegisters registers;
    private final @Nullable Label broken;

    /// @param broken where to go with a host address outside of guest memory; if null, none is
    ///   looked at
    MemoryWriter(Assembler code, GuestRegisters registers, @Nullable Label broken) {
        this.code = code;
        this.registers = registers;
        this.broken = broken;
    }

    static Operand window(int field) {
        return Operand.memory(R15_WINDOW, field);
    }

    static boolean isAtomic(int op) {
        return op >= Op.LR_W && op <= Op.AMOMAXU_D;
    }

    void load(long d, Label miss) {
        int op = Decoded.op(d);
        int sizeBytes =
                switch (op) {
                    case Op.LB, Op.LBU -> 1;
                    case Op.LH, Op.LHU -> 2;
                    case Op.LW, Op.LWU -> 4;
                    default -> 8;
                };
        find(d, sizeBytes, Access.READ, miss);
        int rd = Decoded.rd(d);
        int target = registers.target(rd);
        switch (op) {
            case Op.LB -> code.op(MOVSX8, target, AT_RAX);
            case Op.LBU -> code.op32(MOVZX8, target, AT_RAX);
            case Op.LH -> code.op(MOVSX16, target, AT_RAX);
            case Op.LHU -> code.op32(MOVZX16, target, AT_RAX);
            case Op.LW -> code.op(MOVSX32, target, AT_RAX);
            case Op.LWU -> code.mov32(target, AT_RAX);
            default -> code.mov(target, AT_RAX);
        }
        registers.put(rd, target);
    }

    void store(long d, Label miss) {
        switch (Decoded.op(d)) {
            case Op.SB -> {
                find(d, 1, Access.WRITE, miss);
                code.store8(AT_RAX, registers.in(Decoded.rs2(d), RDX));
            }
            case Op.SH -> {
                find(d, 2, Access.WRITE, miss);
                code.store16(AT_RAX, registers.in(Decoded.rs2(d), RDX));
            }
            case Op.SW -> {
                find(d, 4, Access.WRITE, miss);
                code.store32(AT_RAX, registers.in(Decoded.rs2(d), RDX));
            }
            default -> {
                find(d, 8, Access.WRITE, miss);
                code.store(AT_RAX, registers.in(Decoded.rs2(d), RDX));
            }
        }
    }

    /// Floats are moved by way of rdx: as bits, whatever they are.
    void loadFloat(long d, Label miss) {
        boolean single = Decoded.op(d) == Op.FLW;
        find(d, single ? 4 : 8, Access.READ, miss);
        code.mov(RCX, window(HartWindow.FLOAT_REGISTERS));
        if (single) {
            code.mov32(RDX, AT_RAX);
            code.store32(FloatWriter.low(Decoded.rd(d)), RDX);
            code.storeImmediate32(FloatWriter.high(Decoded.rd(d)), -1);
        } else {
            code.mov(RDX, AT_RAX);
            code.store(FloatWriter.low(Decoded.rd(d)), RDX);
        }
    }

    void storeFloat(long d, Label miss) {
        boolean single = Decoded.op(d) == Op.FSW;
        find(d, single ? 4 : 8, Access.WRITE, miss);
        code.mov(RCX, window(HartWindow.FLOAT_REGISTERS));
        if (single) {
            code.mov32(RDX, FloatWriter.low(Decoded.rs2(d)));
            code.store32(AT_RAX, RDX);
        } else {
            code.mov(RDX, FloatWriter.low(Decoded.rs2(d)));
            code.store(AT_RAX, RDX);
        }
    }

    /// LR, SC and AMOs, but for minimum and maximum, which are rare: these answer false.
    boolean atomic(long d, Label miss) {
        int op = Decoded.op(d);
        boolean wide = op >= Op.LR_D;
        int wordOp = wide ? op - Op.LR_D + Op.LR_W : op;
        switch (wordOp) {
            case Op.LR_W -> loadReserved(d, wide, miss);
            case Op.SC_W -> storeConditional(d, wide, miss);
            case Op.AMOSWAP_W, Op.AMOADD_W -> {
                find(d, wide ? 8 : 4, Access.WRITE, miss);
                registers.load(RDX, Decoded.rs2(d));
                if (wordOp == Op.AMOADD_W) {
                    code.lock();
                    code.exchangeAdd(AT_RAX, RDX, wide);
                } else {
                    code.exchange(AT_RAX, RDX, wide);
                }
                putOld(d, RDX, wide);
            }
            case Op.AMOXOR_W -> modify(XOR, d, wide, miss);
            case Op.AMOAND_W -> modify(AND, d, wide, miss);
            case Op.AMOOR_W -> modify(OR, d, wide, miss);
            default -> {
                return false;
            }
        }
        return true;
    }

    /// `fence`: of all that came before and all that comes after, whatever it asks for.
    void fence(Label requested) {
        // The fence first: whoever asks for write tags must see the stores before it, or be seen
        // here.
        code.lock();
        code.op32Immediate(ADD, Operand.memory(RSP, 0), 0);
        code.op32Immediate(CMP, window(HartWindow.REQUESTS), 0);
        code.jump(NOT_EQUAL, requested);
    }

    private void loadReserved(long d, boolean wide, Label miss) {
        find(d, wide ? 8 : 4, Access.READ, miss);
        code.store(window(HartWindow.RESERVED_ADDRESS), RAX);
        code.op(wide ? MOV : MOVSX32, RCX, AT_RAX);
        code.store(window(HartWindow.RESERVED_VALUE), RCX);
        putOld(d, RCX, true);
    }

    private void storeConditional(long d, boolean wide, Label miss) {
        var lost = new Label();
        var done = new Label();
        find(d, wide ? 8 : 4, Access.WRITE, miss);
        code.mov(RCX, RAX);
        code.op(CMP, RCX, window(HartWindow.RESERVED_ADDRESS));
        code.storeImmediate(window(HartWindow.RESERVED_ADDRESS), 0);
        code.jump(NOT_EQUAL, lost);
        code.mov(RAX, window(HartWindow.RESERVED_VALUE));
        registers.load(RDX, Decoded.rs2(d));
        code.lock();
        code.compareExchange(AT_RCX, RDX, wide);
        code.setcc(NOT_EQUAL, RAX);
        code.op32(MOVZX8, RAX, RAX);
        code.jump(done);
        code.bind(lost);
        code.movImmediate(RAX, 1);
        code.bind(done);
        putOld(d, RAX, true);
    }

    private void modify(int alu, long d, boolean wide, Label miss) {
        var again = new Label();
        find(d, wide ? 8 : 4, Access.WRITE, miss);
        code.mov(RCX, RAX);
        if (wide) {
            code.mov(RAX, AT_RCX);
        } else {
            code.mov32(RAX, AT_RCX);
        }
        code.bind(again);
        registers.load(RDX, Decoded.rs2(d));
        code.op(alu, RDX, RAX);
        code.lock();
        code.compareExchange(AT_RCX, RDX, wide);
        code.jump(NOT_EQUAL, again);
        putOld(d, RAX, wide);
    }

    private void putOld(long d, int host, boolean wide) {
        int rd = Decoded.rd(d);
        if (rd == Decoded.DISCARD) {
            return;
        }
        if (!wide) {
            code.op(MOVSX32, host, host);
        }
        registers.put(rd, host);
    }

    private enum Access {
        READ(Tlb.READ_TAG, Tlb.READ_ADDEND),
        WRITE(Tlb.WRITE_TAG, Tlb.WRITE_ADDEND);

        private final int tag;
        private final int addend;

        Access(int tag, int addend) {
            this.tag = tag;
            this.addend = addend;
        }
    }

    /// The host's address into rax.
    private void find(long d, int sizeBytes, Access access, Label miss) {
        address(Decoded.rs1(d), isAtomic(Decoded.op(d)) ? 0 : (int) Decoded.immediate(d));
        code.rotateRight(RCX, Operand.register(RAX), INDEX_SHIFT, false);
        code.op32(XOR, RCX, window(HartWindow.CONTEXT_INDEX));
        code.op32Immediate(AND, RCX, INDEX_MASK);
        code.mov(RDX, RAX);
        code.opImmediate(AND, RDX, -GuestMemory.PAGE_BYTES | sizeBytes - 1);
        code.op(OR, RDX, window(HartWindow.CONTEXT));
        code.op(CMP, RDX, Operand.indexed(R15_WINDOW, RCX, access.tag));
        code.jump(NOT_EQUAL, miss);
        code.op(ADD, RAX, Operand.indexed(R15_WINDOW, RCX, access.addend));
        if (broken != null) {
            code.op(CMP, RAX, window(HartWindow.RAM_BEGIN));
            code.jump(BELOW, broken);
            code.op(CMP, RAX, window(HartWindow.RAM_END));
            code.jump(ABOVE_OR_EQUAL, broken);
        }
    }

    private void address(int rs1, int distance) {
        if (rs1 == 0) {
            code.movImmediate(RAX, distance);
        } else if (distance != 0 && GuestRegisters.isPinned(rs1)) {
            code.op(LEA, RAX, Operand.memory(GuestRegisters.operand(rs1).base(), distance));
        } else {
            registers.load(RAX, rs1);
            if (distance != 0) {
                code.opImmediate(ADD, RAX, distance);
            }
        }
    }
}
