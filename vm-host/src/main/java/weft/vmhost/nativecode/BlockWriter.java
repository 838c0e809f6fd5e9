package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;
import static weft.vmhost.nativecode.MemoryWriter.window;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.HartWindow;
import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.translator.InstructionFlow;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Writes the machine code of a unit: its blocks in the order of the page, then, out of their way,
/// what is rarely executed.
///
/// A block begins by taking its length off the budget; if that is too small, it is given back and
/// the code left. So the count is exact wherever the code is left: what describes an exit
/// ([ExitRecord]) says how many instructions of the block were counted and not executed.
final class BlockWriter {
    private final Unit unit;
    private final CodePage page;
    private final CodeCache cache;
    private final Assembler code;
    private final GuestRegisters registers;
    private final IntegerWriter integers;
    private final MemoryWriter memory;
    private final FloatWriter floats;
    private final boolean checked;
    private final Label[] labels = new Label[DecodedPage.SLOTS];
    private final List<Runnable> plainForms = new ArrayList<>();
    private final List<Runnable> outOfLine = new ArrayList<>();

    /// Instructions of the present block that are not executed yet, this one included.
    private int remaining;

    /// Whether this block has looked whether floats may be executed.
    private boolean floatsAllowed;

    BlockWriter(
            Unit unit,
            CodePage page,
            CodeCache cache,
            long origin,
            boolean ofUser,
            boolean checked) {
        this.unit = unit;
        this.page = page;
        this.cache = cache;
        this.checked = checked;
        code = new Assembler(origin);
        registers = new GuestRegisters(code);
        integers = new IntegerWriter(code, registers);
        memory = new MemoryWriter(code, registers, ofUser, outOfLine, checked ? newBroken() : null);
        floats = new FloatWriter(code, registers, outOfLine);
    }

    private Label newBroken() {
        var label = new Label();
        outOfLine.add(() -> {
            code.bind(label);
            leave(ExitRecord.BROKEN, 0, 0, null);
        });
        return label;
    }

    Assembler write() {
        unit.leaders().stream().forEach(slot -> labels[slot] = new Label());
        unit.leaders().stream().forEach(this::block);
        // They may add to the others, whose way back leads into them.
        plainForms.forEach(Runnable::run);
        for (int i = 0; i < outOfLine.size(); i++) {
            outOfLine.get(i).run();
        }
        return code;
    }

    /// Where the code of a block begins, as a distance from the first byte of this unit.
    int position(int leader) {
        return labels[leader].position();
    }

    private void block(int leader) {
        int[] slots = unit.block(leader);
        long[] instructions = Arrays.stream(slots).mapToLong(unit::instruction).toArray();
        begin(leader, slots.length);
        var groups = AccessGroups.in(instructions);
        if (groups.isEmpty()) {
            range(slots, 0, slots.length);
        } else {
            range(slots, 0, groups.first());
            var plain = new PlainForm(slots, groups.first(), groups.last(), floatsAllowed);
            for (int i = groups.first(); i <= groups.last(); i++) {
                remaining = slots.length - i;
                grouped(slots[i], groups, i, plain);
            }
            plainForms.add(plain::write);
            code.bind(plain.rejoin);
            range(slots, groups.last() + 1, slots.length);
        }
        int lastSlot = slots[slots.length - 1];
        long last = instructions[slots.length - 1];
        if (Decoded.op(last) > Op.BGEU && !Unit.isLeft(last)) {
            goOn(lastSlot, last);
        }
    }

    /// The instructions of a block whose accesses share looks, once more, each with a look of its
    /// own: where code goes on when a look for all has failed, or behind an instruction that was
    /// interpreted, after which no earlier look counts.
    private final class PlainForm {
        private final int[] slots;
        private final int from;
        private final int last;
        private final boolean withFloats;

        /// In front of each instruction.
        private final Label[] labels;

        /// Behind the last, in the other form.
        private final Label rejoin = new Label();

        PlainForm(int[] slots, int from, int last, boolean withFloats) {
            this.slots = slots;
            this.from = from;
            this.last = last;
            this.withFloats = withFloats;
            labels = new Label[last + 1];
            Arrays.setAll(labels, _ -> new Label());
        }

        Label before(int index) {
            return index <= last ? labels[index] : rejoin;
        }

        void write() {
            floatsAllowed = withFloats;
            floats.forget();
            for (int i = from; i <= last; i++) {
                code.bind(labels[i]);
                range(slots, i, i + 1);
            }
            code.jump(rejoin);
        }
    }

    private void begin(int leader, int length) {
        floatsAllowed = false;
        floats.forget();
        code.bind(labels[leader]);
        code.op32Immediate(SUB, R14_BUDGET, length);
        var used = new Label();
        code.jump(SIGN, used);
        outOfLine.add(() -> {
            code.bind(used);
            leave(ExitRecord.BUDGET, leader, length, null);
        });
    }

    /// Instructions of a block, none of which relies on another's look.
    private void range(int[] slots, int from, int to) {
        for (int i = from; i < to; i++) {
            remaining = slots.length - i;
            instruction(slots[i], unit.instruction(slots[i]));
        }
    }

    private void instruction(int slot, long d) {
        if (Unit.isLeft(d)) {
            leave(d, slot, remaining, null);
        } else if (Decoded.op(d) <= Op.BGEU) {
            jump(slot, d);
        } else if (!straight(slot, d)) {
            var leave = new Label();
            var behind = new Label();
            if (AccessGroups.isAccess(Decoded.op(d))) {
                allowFloats(d, leave);
                access(d, memory.look(d, leave));
            } else {
                leavingInstruction(d, leave);
            }
            code.bind(behind);
            leaveFor(slot, d, leave, behind);
        }
    }

    /// An instruction between the first and the last of those that share looks.
    private void grouped(int slot, AccessGroups groups, int index, PlainForm plain) {
        long d = unit.instruction(slot);
        if (straight(slot, d)) {
            return;
        }
        var leave = new Label();
        AccessGroups.Group group = groups.at(index);
        if (group != null) {
            allowFloats(d, leave);
            access(
                    d,
                    groups.isFirst(group, index)
                            ? memory.lookForAll(group, d, plain.before(index))
                            : memory.next(group, d, groups.reloads(index)));
        } else if (AccessGroups.isAccess(Decoded.op(d))) {
            allowFloats(d, leave);
            access(d, memory.look(d, leave));
        } else {
            leavingInstruction(d, leave);
        }
        leaveFor(slot, d, leave, plain.before(index + 1));
    }

    /// Writes an instruction that the code is never left for, or answers false.
    private boolean straight(int slot, long d) {
        if (Decoded.op(d) == Op.AUIPC) {
            if (Decoded.rd(d) != Decoded.DISCARD) {
                address(slot, Decoded.immediate(d));
                registers.put(Decoded.rd(d), RAX);
            }
            return true;
        }
        return integers.write(d);
    }

    private void access(long d, Operand place) {
        switch (Decoded.op(d)) {
            case Op.FLW, Op.FLD -> floats.load(d, place);
            case Op.FSW, Op.FSD -> floats.store(d, place);
            case Op.SB, Op.SH, Op.SW, Op.SD -> memory.store(d, place);
            default -> memory.load(d, place);
        }
    }

    private void leavingInstruction(long d, Label leave) {
        int op = Decoded.op(d);
        boolean written;
        if (Op.isFloatingPoint(op)) {
            allowFloats(d, leave);
            written = floats.write(d, leave);
        } else if (MemoryWriter.isAtomic(op)) {
            written = memory.atomic(d, leave);
        } else if (op == Op.FENCE) {
            memory.fence(leave);
            written = true;
        } else if (op == Op.CBO_ZERO) {
            memory.zeroBlock(d, leave);
            written = true;
        } else {
            written = false;
        }
        if (!written) {
            code.jump(leave);
        }
    }

    /// Where the code is left for an instruction, to go on behind it.
    private void leaveFor(int slot, long d, Label leave, Label behind) {
        int counted = remaining;
        boolean withFloats = floatsAllowed;
        outOfLine.add(() -> {
            if (leave.isAwaited()) {
                code.bind(leave);
                leave(d, slot, withFloats ? counted | ExitRecord.FLOATS : counted, behind);
            }
        });
    }

    /// To what is executed behind the last instruction of a block.
    private void goOn(int slot, long d) {
        int next = InstructionFlow.next(slot, d);
        if (unit.nextFrom(slot + 1) != next) {
            goTo(next);
        }
    }

    /// The first of a block looks whether floats are enabled, dirty and rounded as MXCSR can; and
    /// sees to it that MXCSR is the guest's.
    private void allowFloats(long d, Label leave) {
        if (floatsAllowed || !Op.isFloatingPoint(Decoded.op(d))) {
            return;
        }
        floatsAllowed = true;
        var notYet = new Label();
        var allowed = new Label();
        code.op32Immediate(CMP, window(HartWindow.FLOATS), 2);
        code.jump(NOT_EQUAL, notYet);
        code.bind(allowed);
        outOfLine.add(() -> {
            code.bind(notYet);
            code.op32Immediate(CMP, window(HartWindow.FLOATS), 1);
            code.jump(NOT_EQUAL, leave);
            code.loadAddress(RAX, allowed);
            code.jumpTo(cache.beginFloats());
        });
    }

    private void jump(int slot, long d) {
        int rd = Decoded.rd(d);
        int next = InstructionFlow.next(slot, d);
        switch (Decoded.op(d)) {
            case Op.JAL -> {
                if (rd != Decoded.DISCARD) {
                    address(next, 0);
                    registers.put(rd, RAX);
                }
                goTo(InstructionFlow.target(slot, d));
            }
            case Op.JALR -> {
                registers.load(RAX, Decoded.rs1(d));
                int distance = (int) Decoded.immediate(d);
                if (distance != 0) {
                    code.opImmediate(ADD, RAX, distance);
                }
                code.opImmediate(AND, RAX, -2);
                if (rd != Decoded.DISCARD) {
                    code.mov(RCX, window(HartWindow.PAGE));
                    code.opImmediate(ADD, RCX, 2 * next);
                    registers.put(rd, RCX);
                }
                dispatch();
            }
            default -> branch(slot, d, next);
        }
    }

    private void branch(int slot, long d, int next) {
        integers.compare(Decoded.rs1(d), Decoded.rs2(d));
        int condition =
                switch (Decoded.op(d)) {
                    case Op.BEQ -> EQUAL;
                    case Op.BNE -> NOT_EQUAL;
                    case Op.BLT -> LESS;
                    case Op.BGE -> GREATER_OR_EQUAL;
                    case Op.BLTU -> BELOW;
                    default -> ABOVE_OR_EQUAL;
                };
        int target = InstructionFlow.target(slot, d);
        if (unit.isLeader(target)) {
            code.jump(condition, labels[target]);
        } else if (isInPage(target) && page.hasCode(target)) {
            code.jumpTo(condition, page.address(target));
        } else {
            var taken = new Label();
            code.jump(condition, taken);
            outOfLine.add(() -> {
                code.bind(taken);
                goTo(target);
            });
        }
        goOn(slot, d);
    }

    private static boolean isInPage(int slot) {
        return slot >= 0 && slot < DecodedPage.SLOTS;
    }

    /// Goes to an instruction at a known distance.
    private void goTo(int slot) {
        if (unit.isLeader(slot)) {
            code.jump(labels[slot]);
        } else if (!isInPage(slot)) {
            address(slot, 0);
            dispatch();
        } else if (page.hasCode(slot)) {
            code.jumpTo(page.address(slot));
        } else {
            // There may be code when it is executed.
            address(slot, 0);
            code.load32At(RCX, page.entryAddress(slot));
            enter();
        }
    }

    /// rax is the virtual address of a slot of this page, or beyond, plus a distance.
    private void address(int slot, long distance) {
        long value = 2L * slot + distance;
        if (value == (int) value) {
            code.mov(RAX, window(HartWindow.PAGE));
            code.opImmediate(ADD, RAX, (int) value);
        } else {
            code.movImmediate(RAX, value);
            code.op(ADD, RAX, window(HartWindow.PAGE));
        }
    }

    /// Goes to the virtual address in rax, by way of the TLB's code entries.
    private void dispatch() {
        code.rotateRight(
                RCX, Operand.register(RAX), GuestMemory.PAGE_SHIFT - CodeCache.ENTRY_SHIFT, false);
        code.op32(XOR, RCX, window(HartWindow.FETCH_CONTEXT_INDEX));
        code.op32Immediate(AND, RCX, CodeCache.ENTRY_MASK);
        code.mov(RDX, RAX);
        code.opImmediate(AND, RDX, -GuestMemory.PAGE_BYTES);
        code.store(window(HartWindow.PAGE), RDX);
        code.op(OR, RDX, window(HartWindow.FETCH_CONTEXT));
        code.op(CMP, RDX, Operand.indexed(R15_WINDOW, RCX, CodeCache.ENTRY_TAG));
        code.jumpTo(NOT_EQUAL, cache.noCode());
        code.mov(RDX, Operand.indexed(R15_WINDOW, RCX, CodeCache.ENTRY_TABLE));
        code.mov32(RCX, Operand.register(RAX));
        code.op32Immediate(AND, RCX, GuestMemory.PAGE_BYTES - 2);
        code.op32(ADD, RCX, RCX);
        code.mov32(RCX, Operand.indexed(RDX, RCX, 0));
        enter();
    }

    /// Goes to the entry in ecx, a distance within the cache; rax is its virtual address.
    private void enter() {
        code.loadAddress(RDX, cache.base());
        code.op(ADD, RCX, RDX);
        code.jumpRegister(RCX);
    }

    /// Leaves the code, with a record of where and why.
    private void leave(long d, int slot, int counted, @Nullable Label behind) {
        var record = new Label();
        code.loadAddress(RAX, record);
        code.jumpTo(cache.leave());
        code.bind(record);
        int resume =
                behind == null
                        ? 0
                        : Math.toIntExact(code.origin() + behind.position() - cache.base());
        ExitRecord.write(code, d, slot, counted, resume);
    }
}
