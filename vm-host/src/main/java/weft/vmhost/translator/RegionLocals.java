package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.attribute.StackMapFrameInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.ObjectVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.SimpleVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.VerificationTypeInfo;
import java.lang.constant.ClassDesc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The local variables of a region's method. All have a value and a type from the prologue on, so
/// that one description of them is right wherever control flow meets.
///
/// ```
///   0 this   1 call   2 entry   3 page   5 memory   6 budget   7 at   8 x   9 tlb   11 context
///   13 contextIndex   15 address   17 slot   19 next   21… guest registers
/// ```
final class RegionLocals {
    static final int CALL = 1;
    static final int ENTRY = 2;

    /// The virtual address of the region's page.
    static final int PAGE = 3;

    /// The object whose methods access memory, see [MemoryAccess].
    static final int MEMORY = 5;

    static final int BUDGET = 6;

    /// Where the instruction under way stands, as [RegionWriter] packs it.
    static final int AT = 7;

    static final int X = 8;
    static final int TLB = 9;
    static final int CONTEXT = 11;

    /// The context as it goes into the number of a TLB entry.
    static final int CONTEXT_INDEX = 13;

    /// The virtual, later the host's, address of an access.
    static final int ADDRESS = 15;

    /// The address of a TLB entry.
    static final int SLOT = 17;

    /// Where execution goes on: relative to the page, at the very end absolute.
    static final int NEXT = 19;

    private static final int FIRST_REGISTER = 21;

    private final int[] integerSlots = new int[32];
    private final boolean[] integerWritten = new boolean[32];
    private int end = FIRST_REGISTER;

    RegionLocals(RegionShape shape) {
        Arrays.fill(integerSlots, -1);
        shape.instructions().stream()
                .forEach(slot -> {
                    long d = shape.instruction(slot);
                    if (InstructionWriter.isTranslated(Decoded.op(d))) {
                        use(Decoded.rs1(d));
                        use(Decoded.rs2(d));
                        if (Decoded.rd(d) != Decoded.DISCARD) {
                            use(Decoded.rd(d));
                            integerWritten[Decoded.rd(d)] = true;
                        }
                    }
                });
    }

    private void use(int register) {
        if (register != 0 && integerSlots[register] < 0) {
            integerSlots[register] = end;
            end += 2;
        }
    }

    /// Pushes a register.
    void load(CodeBuilder code, int register) {
        if (register == 0) {
            code.lconst_0();
        } else {
            code.lload(integerSlots[register]);
        }
    }

    /// Pops into a destination.
    void store(CodeBuilder code, int register) {
        if (register == Decoded.DISCARD) {
            code.pop2();
        } else {
            code.lstore(integerSlots[register]);
        }
    }

    /// Fills all registers' locals from the hart's.
    void fetchAll(CodeBuilder code) {
        for (int register = 1; register < 32; register++) {
            if (integerSlots[register] >= 0) {
                code.aload(X).loadConstant(register).laload().lstore(integerSlots[register]);
            }
        }
    }

    /// Gives the hart what the region may have changed.
    void writeBack(CodeBuilder code) {
        for (int register = 1; register < 32; register++) {
            if (integerWritten[register]) {
                code.aload(X).loadConstant(register).lload(integerSlots[register]).lastore();
            }
        }
    }

    /// The types of all locals, for the verifier.
    List<VerificationTypeInfo> types(ClassDesc self) {
        List<VerificationTypeInfo> types = new ArrayList<>();
        types.add(ObjectVerificationTypeInfo.of(self));
        types.add(ObjectVerificationTypeInfo.of(RegionLoader.CALL));
        types.add(SimpleVerificationTypeInfo.INTEGER);
        types.add(SimpleVerificationTypeInfo.LONG);
        types.add(ObjectVerificationTypeInfo.of(MemoryAccess.TYPE));
        types.add(SimpleVerificationTypeInfo.INTEGER);
        types.add(SimpleVerificationTypeInfo.INTEGER);
        types.add(ObjectVerificationTypeInfo.of(RegionLoader.LONGS));
        for (int local = TLB; local < end; local += 2) {
            types.add(SimpleVerificationTypeInfo.LONG);
        }
        return types;
    }

    /// The types of the parameters alone.
    static List<StackMapFrameInfo.VerificationTypeInfo> parameterTypes(ClassDesc self) {
        return List.of(
                ObjectVerificationTypeInfo.of(self),
                ObjectVerificationTypeInfo.of(RegionLoader.CALL),
                SimpleVerificationTypeInfo.INTEGER,
                SimpleVerificationTypeInfo.LONG);
    }
}
