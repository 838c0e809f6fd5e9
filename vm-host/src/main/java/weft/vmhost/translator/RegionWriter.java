package weft.vmhost.translator;

import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.List;

/// Writes the method of a region, [RegionCode#run]:
///
/// ```
///   prologue    guest registers into locals; switch to the entry
///   block       budget -= its instructions; the instructions; its jump
///   …           backward jumps ask whether the budget is used up
///   indirect    jumps to an address: perhaps to an entry of the region
///   stubs       one for each way out: where execution goes on
///   leave       (an instruction needs the interpreter) gives back what the block has not done
///   exit        locals back into guest registers
/// ```
final class RegionWriter {
    private static final MethodTypeDesc COMPARE = MethodTypeDesc.ofDescriptor("(JJ)I");
    private static final ClassDesc LONG = ClassDesc.of("java.lang.Long");

    /// In [RegionLocals#AT]: how many instructions of the block are not done, above the offset of
    /// the instruction in its page.
    private static final int REMAINING_SHIFT = 12;

    private record WayOut(Label label, int slot) {}

    private final CodeBuilder code;
    private final RegionShape shape;
    private final ClassDesc self;
    private final RegionLocals locals;
    private final Meetings meetings;
    private final InstructionWriter instructions;
    private final Label[] labels = new Label[DecodedPage.SLOTS];
    private final List<WayOut> waysOut = new ArrayList<>();
    private final Label leave;
    private final Label exit;
    private final Label exitAbsolute;
    private final Label indirect;

    RegionWriter(CodeBuilder code, RegionShape shape, ClassDesc self, boolean checked) {
        this.code = code;
        this.shape = shape;
        this.self = self;
        locals = new RegionLocals(shape);
        meetings = new Meetings(locals.types(self));
        leave = code.newLabel();
        exit = code.newLabel();
        exitAbsolute = code.newLabel();
        indirect = code.newLabel();
        instructions =
                new InstructionWriter(
                        code, locals, new MemoryAccess(code, leave, checked), meetings, leave);
        shape.instructions().stream()
                .filter(shape::isLeader)
                .forEach(slot -> labels[slot] = code.newLabel());
    }

    void write() {
        prologue();
        for (int slot = shape.instructions().nextSetBit(0); slot >= 0; ) {
            slot = block(slot);
        }
        if (shape.hasIndirectJumps()) {
            indirectJumps();
        }
        exits();
        meetings.declare(code);
    }

    /// To an entry of this region, if the target is one: a return to a caller that is part of it, a
    /// function of the same page.
    private void indirectJumps() {
        meetings.at(code, indirect);
        code.iload(RegionLocals.BUDGET).ifle(exitAbsolute);
        code.lload(RegionLocals.NEXT)
                .lload(RegionLocals.PAGE)
                .lsub()
                .dup2()
                .loadConstant((long) -GuestMemory.PAGE_BYTES)
                .land()
                .lconst_0()
                .lcmp();
        Label elsewhere = code.newLabel();
        code.ifne(elsewhere).l2i();
        List<SwitchCase> cases = new ArrayList<>();
        for (int slot : shape.entries()) {
            cases.add(SwitchCase.of(2 * slot, label(slot)));
        }
        code.lookupswitch(exitAbsolute, cases);
        meetings.withLongAt(code, elsewhere);
        code.pop2().goto_(exitAbsolute);
    }

    private void prologue() {
        Label live = code.newLabel();
        code.iload(RegionLocals.ENTRY).ifge(live).lconst_0().lreturn();
        meetings.beforeLocalsAt(code, live, RegionLocals.parameterTypes(self));
        MemoryAccess.loadObject(code);
        field("budget", ConstantDescs.CD_int).istore(RegionLocals.BUDGET);
        field("x", RegionLoader.LONGS).astore(RegionLocals.X);
        field("f", RegionLoader.LONGS).astore(RegionLocals.F);
        field("floats", ConstantDescs.CD_int).istore(RegionLocals.FLOATS);
        code.fconst_0().fstore(RegionLocals.RESULT_FLOAT);
        code.dconst_0().dstore(RegionLocals.RESULT);
        field("tlb", ConstantDescs.CD_long).lstore(RegionLocals.TLB);
        field("context", ConstantDescs.CD_long)
                .dup2()
                .lstore(RegionLocals.CONTEXT)
                .bipush(MemoryAccess.CONTEXT_TO_INDEX_SHIFT)
                .lshl()
                .lstore(RegionLocals.CONTEXT_INDEX);
        code.iconst_0().istore(RegionLocals.AT);
        code.lconst_0().lstore(RegionLocals.ADDRESS);
        code.lconst_0().lstore(RegionLocals.SLOT);
        code.lconst_0().lstore(RegionLocals.NEXT);
        locals.fetchAll(code);
        List<Integer> entries = shape.entries();
        List<SwitchCase> cases = new ArrayList<>();
        for (int entry = 1; entry < entries.size(); entry++) {
            cases.add(SwitchCase.of(entry, label(entries.get(entry))));
        }
        if (cases.isEmpty()) {
            code.goto_(label(entries.getFirst()));
        } else {
            code.iload(RegionLocals.ENTRY)
                    .tableswitch(1, entries.size() - 1, label(entries.getFirst()), cases);
        }
    }

    private CodeBuilder field(String name, ClassDesc type) {
        return code.aload(RegionLocals.CALL).getfield(RegionLoader.CALL, name, type);
    }

    private Label label(int slot) {
        Label label = labels[slot];
        if (label == null) {
            throw new IllegalStateException("no block begins at slot " + slot);
        }
        return label;
    }

    /// Writes the block that begins here; answers where the next one does, -1 at the end.
    private int block(int first) {
        meetings.at(code, label(first));
        int length = lengthOf(first);
        if (length > 0) {
            code.iinc(RegionLocals.BUDGET, -length);
        }
        int remaining = length;
        for (int slot = first; ; ) {
            long d = shape.instruction(slot);
            int following = shape.instructions().nextSetBit(slot + 1);
            if (!InstructionWriter.isTranslated(d)) {
                goOut(slot);
                return following;
            }
            if (Decoded.op(d) <= Op.BGEU) {
                jump(slot, d, following);
                return following;
            }
            if (InstructionWriter.mayLeave(Decoded.op(d))) {
                code.loadConstant(remaining << REMAINING_SHIFT | 2 * slot).istore(RegionLocals.AT);
            }
            instructions.write(slot, d);
            remaining--;
            int next = InstructionFlow.next(slot, d);
            if (following != next) {
                continueAt(slot, next);
                return following;
            }
            if (shape.isLeader(next)) {
                return following;
            }
            slot = next;
        }
    }

    /// How many instructions of the block are executed here, the jump at its end included.
    private int lengthOf(int first) {
        int length = 0;
        for (int slot = first; ; ) {
            long d = shape.instruction(slot);
            if (!InstructionWriter.isTranslated(d)) {
                return length;
            }
            length++;
            int next = InstructionFlow.next(slot, d);
            if (Decoded.op(d) <= Op.BGEU
                    || shape.instructions().nextSetBit(slot + 1) != next
                    || shape.isLeader(next)) {
                return length;
            }
            slot = next;
        }
    }

    private void jump(int slot, long d, int following) {
        int op = Decoded.op(d);
        int next = InstructionFlow.next(slot, d);
        if (op == Op.JALR) {
            // The target first: the link may go to the same register.
            locals.load(code, Decoded.rs1(d));
            code.loadConstant(Decoded.immediate(d)).ladd().loadConstant(-2L).land();
            code.lstore(RegionLocals.NEXT);
            link(next, d);
            code.goto_(indirect);
        } else if (op == Op.JAL) {
            link(next, d);
            continueAt(slot, InstructionFlow.target(slot, d));
        } else {
            if (following == next) {
                branch(slot, d, label(next));
            } else {
                Label notTaken = code.newLabel();
                branch(slot, d, notTaken);
                meetings.at(code, notTaken);
                continueAt(slot, next);
            }
        }
    }

    private void link(int next, long d) {
        if (Decoded.rd(d) != Decoded.DISCARD) {
            code.lload(RegionLocals.PAGE).loadConstant(2L * next).ladd();
            locals.store(code, Decoded.rd(d));
        }
    }

    /// @param notTaken where the code goes on if the branch is not taken; bound right behind it
    private void branch(int slot, long d, Label notTaken) {
        locals.load(code, Decoded.rs1(d));
        locals.load(code, Decoded.rs2(d));
        int op = Decoded.op(d);
        if (op == Op.BLTU || op == Op.BGEU) {
            code.invokestatic(LONG, "compareUnsigned", COMPARE);
        } else {
            code.lcmp();
        }
        int target = InstructionFlow.target(slot, d);
        Opcode condition = condition(op);
        if (!shape.contains(target)) {
            code.branch(condition, wayOut(target));
        } else if (target > slot) {
            code.branch(condition, label(target));
        } else {
            code.branch(opposite(condition), notTaken);
            backTo(target);
        }
    }

    private static Opcode condition(int op) {
        return switch (op) {
            case Op.BEQ -> Opcode.IFEQ;
            case Op.BNE -> Opcode.IFNE;
            case Op.BLT, Op.BLTU -> Opcode.IFLT;
            default -> Opcode.IFGE;
        };
    }

    private static Opcode opposite(Opcode condition) {
        return switch (condition) {
            case IFEQ -> Opcode.IFNE;
            case IFNE -> Opcode.IFEQ;
            case IFLT -> Opcode.IFGE;
            default -> Opcode.IFLT;
        };
    }

    /// Goes on at a slot of the page, or of another one.
    private void continueAt(int from, int target) {
        if (!shape.contains(target)) {
            goOut(target);
        } else if (target > from) {
            code.goto_(label(target));
        } else {
            backTo(target);
        }
    }

    private void backTo(int target) {
        code.iload(RegionLocals.BUDGET).ifgt(label(target));
        goOut(target);
    }

    private void goOut(int slot) {
        code.loadConstant(2L * slot).lstore(RegionLocals.NEXT).goto_(exit);
    }

    private Label wayOut(int slot) {
        Label label = code.newLabel();
        waysOut.add(new WayOut(label, slot));
        return label;
    }

    private void exits() {
        for (WayOut way : waysOut) {
            meetings.at(code, way.label());
            goOut(way.slot());
        }
        meetings.at(code, leave);
        code.aload(RegionLocals.CALL)
                .iconst_1()
                .putfield(RegionLoader.CALL, "interpretNext", ConstantDescs.CD_boolean);
        code.iload(RegionLocals.BUDGET)
                .iload(RegionLocals.AT)
                .bipush(REMAINING_SHIFT)
                .iushr()
                .iadd()
                .istore(RegionLocals.BUDGET);
        code.iload(RegionLocals.AT)
                .loadConstant((1 << REMAINING_SHIFT) - 1)
                .iand()
                .i2l()
                .lstore(RegionLocals.NEXT);
        meetings.at(code, exit);
        code.lload(RegionLocals.NEXT).lload(RegionLocals.PAGE).ladd().lstore(RegionLocals.NEXT);
        meetings.at(code, exitAbsolute);
        locals.writeBack(code);
        code.aload(RegionLocals.CALL)
                .iload(RegionLocals.BUDGET)
                .putfield(RegionLoader.CALL, "budget", ConstantDescs.CD_int);
        code.lload(RegionLocals.NEXT).lreturn();
    }
}
