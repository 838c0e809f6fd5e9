package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.nativecode.AccessGroups.Group;

import java.util.List;

/// Loads, stores and atomic operations: the one place that knows the form of an access.
///
/// An access is a look into the TLB, a comparison, and one instruction of the host's; a miss leaves
/// the code, and the interpreter executes the instruction. Accesses that lie together in a page
/// share the look ([AccessGroups]). x86 keeps loads in order, and stores, and does not move a load
/// before an earlier one: more than RVWMO asks, so only fences and atomic operations order anything
/// by themselves.
///
/// ```
///   rax  virtual address, where it is not in the base register
///   rcx  distance of the entry, then the addend
///   rdx  what the tag must be
/// ```
final class MemoryWriter {
    private static final int INDEX_SHIFT = GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT;
    private static final int INDEX_MASK = Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;
    private static final Operand AT_RAX = Operand.memory(RAX, 0);
    private static final Operand AT_RCX = Operand.memory(RCX, 0);

    private final Assembler code;
    private final GuestRegisters registers;
    private final @Nullable Label broken;
    private final boolean ofUser;
    private final List<Runnable> outOfLine;

    /// @param broken where to go with a host address outside of guest memory; if null, none is
    ///   looked at
    MemoryWriter(
            Assembler code,
            GuestRegisters registers,
            boolean ofUser,
            List<Runnable> outOfLine,
            @Nullable Label broken) {
        this.ofUser = ofUser;
        this.outOfLine = outOfLine;
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

    /// What a load or store accesses, after a look of its own.
    Operand look(long d, Label miss) {
        int base = Decoded.rs1(d);
        int offset = (int) Decoded.immediate(d);
        int op = Decoded.op(d);
        Access access = AccessGroups.isStore(op) ? Access.WRITE : Access.READ;
        look(base, offset, offset, AccessGroups.sizeBytes(op), access, miss);
        addend(base, access, access == Access.READ);
        return within(base, offset, offset);
    }

    /// What the first of a group accesses, after a look for all of it.
    Operand lookForAll(Group group, long d, Label miss) {
        Access access = group.stores() ? Access.WRITE : Access.READ;
        look(group.base(), group.low(), group.high(), group.sizeBytes(), access, miss);
        addend(group.base(), access, group.loads());
        if (group.isKept()) {
            code.store(place(group), RCX);
        }
        return within(group.base(), (int) Decoded.immediate(d), group.low());
    }

    /// What another one of a group accesses.
    ///
    /// @param reload whether rcx holds something else by now
    Operand next(Group group, long d, boolean reload) {
        if (reload) {
            code.mov(RCX, place(group));
        }
        if (!GuestRegisters.isPinned(group.base())) {
            registers.load(RAX, group.base());
        }
        return within(group.base(), (int) Decoded.immediate(d), 0);
    }

    /// The addend into rcx. A load that waits for its address waits for the TLB, too; so kernels,
    /// which map most of their memory by one distance, guess that it is the last one by way of the
    /// same register, and the processor goes on with that while the comparison is made.
    private void addend(int base, Access access, boolean isAwaited) {
        var entry = Operand.indexed(R15_WINDOW, RCX, access.addend);
        if (ofUser || !isAwaited || base == 0) {
            code.mov(RCX, entry);
            return;
        }
        var usual = window(HartWindow.USUAL_ADDENDS + 8 * base);
        var other = new Label();
        var known = new Label();
        code.mov(RDX, entry);
        code.mov(RCX, usual);
        code.op(CMP, RCX, RDX);
        code.jump(NOT_EQUAL, other);
        code.bind(known);
        outOfLine.add(() -> {
            code.bind(other);
            code.mov(RCX, RDX);
            code.store(usual, RCX);
            code.jump(known);
        });
    }

    private static Operand place(Group group) {
        return window(HartWindow.ADDENDS + 8 * group.place());
    }

    /// The place in the host's memory, with the addend in rcx.
    ///
    /// @param inRax the distance from the base register of what is in rax, where that is not pinned
    private Operand within(int base, int offset, int inRax) {
        Operand place =
                GuestRegisters.isPinned(base)
                        ? Operand.indexed(GuestRegisters.operand(base).base(), RCX, offset)
                        : Operand.indexed(RAX, RCX, offset - inRax);
        if (broken == null) {
            return place;
        }
        code.op(LEA, RAX, place);
        checkBounds(broken);
        return AT_RAX;
    }

    void load(long d, Operand from) {
        int rd = Decoded.rd(d);
        int target = registers.target(rd);
        switch (Decoded.op(d)) {
            case Op.LB -> code.op(MOVSX8, target, from);
            case Op.LBU -> code.op32(MOVZX8, target, from);
            case Op.LH -> code.op(MOVSX16, target, from);
            case Op.LHU -> code.op32(MOVZX16, target, from);
            case Op.LW -> code.op(MOVSX32, target, from);
            case Op.LWU -> code.mov32(target, from);
            default -> code.mov(target, from);
        }
        registers.put(rd, target);
    }

    void store(long d, Operand to) {
        int rs2 = Decoded.rs2(d);
        switch (Decoded.op(d)) {
            case Op.SB -> code.store8(to, registers.in(rs2, RDX));
            case Op.SH -> code.store16(to, registers.in(rs2, RDX));
            case Op.SW -> code.store32(to, registers.in(rs2, RDX));
            default -> code.store(to, registers.in(rs2, RDX));
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

    /// `cbo.zero`.
    void zeroBlock(long d, Label leave) {
        code.op32Immediate(CMP, window(HartWindow.BLOCK_ZERO), 1);
        code.jump(NOT_EQUAL, leave);
        find(d, 1, Access.WRITE, leave);
        code.opImmediate(AND, RAX, -Interpreter.CACHE_BLOCK_BYTES);
        code.vector(PP_66, MAP_0F, false, 0xEF, 0, 0, Operand.register(0));
        for (int at = 0; at < Interpreter.CACHE_BLOCK_BYTES; at += 16) {
            code.vector(PP_F3, MAP_0F, false, 0x7F, 0, 0, Operand.memory(RAX, at));
        }
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
        int base = Decoded.rs1(d);
        look(base, 0, 0, sizeBytes, access, miss);
        registers.load(RAX, base);
        code.op(ADD, RAX, Operand.indexed(R15_WINDOW, RCX, access.addend));
        if (broken != null) {
            checkBounds(broken);
        }
    }

    /// The distance of the TLB's entry into rcx, if it allows access to all from one distance from
    /// the base register to the other, and the latter is aligned. Both are less than a page apart:
    /// then the entry of the one can be that of the other only if their page is one.
    private void look(int base, int low, int high, int sizeBytes, Access access, Label miss) {
        int first = address(base, low);
        code.rotateRight(RCX, Operand.register(first), INDEX_SHIFT, false);
        code.op32(XOR, RCX, window(HartWindow.CONTEXT_INDEX));
        code.op32Immediate(AND, RCX, INDEX_MASK);
        if (high == low) {
            code.mov(RDX, first);
        } else {
            code.op(LEA, RDX, Operand.memory(first, high - low));
        }
        code.opImmediate(AND, RDX, -GuestMemory.PAGE_BYTES | sizeBytes - 1);
        code.op(OR, RDX, window(HartWindow.CONTEXT));
        code.op(CMP, RDX, Operand.indexed(R15_WINDOW, RCX, access.tag));
        code.jump(NOT_EQUAL, miss);
    }

    private void checkBounds(Label outside) {
        code.op(CMP, RAX, window(HartWindow.RAM_BEGIN));
        code.jump(BELOW, outside);
        code.op(CMP, RAX, window(HartWindow.RAM_END));
        code.jump(ABOVE_OR_EQUAL, outside);
    }

    /// The register that holds the address: the base's own, or rax.
    private int address(int base, int distance) {
        if (base == 0) {
            code.movImmediate(RAX, distance);
            return RAX;
        }
        if (GuestRegisters.isPinned(base)) {
            int host = GuestRegisters.operand(base).base();
            if (distance == 0) {
                return host;
            }
            code.op(LEA, RAX, Operand.memory(host, distance));
            return RAX;
        }
        registers.load(RAX, base);
        if (distance != 0) {
            code.opImmediate(ADD, RAX, distance);
        }
        return RAX;
    }
}
