package weft.vmhost.translator;

import weft.vmhost.isa.Decoded;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.attribute.StackMapFrameInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.ObjectVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.SimpleVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.VerificationTypeInfo;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// The local variables of a region's method. All have a value and a type from the prologue on, so
/// that one description of them is right wherever control flow meets.
///
/// ```
///   0 this      1 call           2 entry    3 page      5 memory   6 budget  7 at   8 x   9 f
///   10 floats   11 resultFloat  12 result  14 tlb      16 context
///   18 contextIndex             20 address 22 slot     24 next
///   26… integer registers, then floating-point registers, as far as they are used
/// ```
final class RegionLocals {
    private static final ClassDesc DOUBLE = ClassDesc.of("java.lang.Double");
    private static final MethodTypeDesc OF_BITS = MethodTypeDesc.ofDescriptor("(J)D");
    private static final MethodTypeDesc TO_BITS = MethodTypeDesc.ofDescriptor("(D)J");

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
    static final int F = 9;

    /// See [RegionCall#floats].
    static final int FLOATS = 10;

    /// A result that is looked at before it is stored.
    static final int RESULT_FLOAT = 11;

    static final int RESULT = 12;
    static final int TLB = 14;
    static final int CONTEXT = 16;

    /// The context as it goes into the number of a TLB entry.
    static final int CONTEXT_INDEX = 18;

    /// The virtual, later the host's, address of an access.
    static final int ADDRESS = 20;

    /// The address of a TLB entry.
    static final int SLOT = 22;

    /// Where execution goes on: relative to the page, at the very end absolute.
    static final int NEXT = 24;

    private static final int FIRST_REGISTER = 26;

    private final int[] integers = new int[32];
    private final int[] floats = new int[32];
    private final BitSet integersWritten = new BitSet(32);
    private final BitSet floatsWritten = new BitSet(32);
    private final int firstFloat;
    private final int end;

    RegionLocals(RegionShape shape) {
        var uses = new RegisterUses(shape);
        int next = FIRST_REGISTER;
        for (int register = 1; register < 32; register++) {
            if (uses.integers().get(register)) {
                integers[register] = next;
                next += 2;
            }
        }
        firstFloat = next;
        for (int register = 0; register < 32; register++) {
            if (uses.floats().get(register)) {
                floats[register] = next;
                next += 2;
            }
        }
        end = next;
        integersWritten.or(uses.integersWritten());
        floatsWritten.or(uses.floatsWritten());
    }

    /// Pushes an integer register.
    void load(CodeBuilder code, int register) {
        if (register == 0) {
            code.lconst_0();
        } else {
            code.lload(integers[register]);
        }
    }

    /// Pops into an integer register.
    void store(CodeBuilder code, int register) {
        if (register == Decoded.DISCARD) {
            code.pop2();
        } else {
            code.lstore(integers[register]);
        }
    }

    /// Pushes a floating-point register: its bits, as a double.
    void loadFloat(CodeBuilder code, int register) {
        code.dload(floats[register]);
    }

    /// Pops into a floating-point register.
    void storeFloat(CodeBuilder code, int register) {
        code.dstore(floats[register]);
    }

    /// Fills all registers' locals from the hart's.
    void fetchAll(CodeBuilder code) {
        for (int register = 0; register < 32; register++) {
            if (integers[register] != 0) {
                code.aload(X).loadConstant(register).laload().lstore(integers[register]);
            }
            if (floats[register] != 0) {
                code.aload(F)
                        .loadConstant(register)
                        .laload()
                        .invokestatic(DOUBLE, "longBitsToDouble", OF_BITS)
                        .dstore(floats[register]);
            }
        }
    }

    /// Gives the hart what the region may have changed.
    void writeBack(CodeBuilder code) {
        integersWritten.stream()
                .forEach(register ->
                        code.aload(X).loadConstant(register).lload(integers[register]).lastore());
        floatsWritten.stream()
                .forEach(register ->
                        code.aload(F)
                                .loadConstant(register)
                                .dload(floats[register])
                                .invokestatic(DOUBLE, "doubleToRawLongBits", TO_BITS)
                                .lastore());
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
        types.add(ObjectVerificationTypeInfo.of(RegionLoader.LONGS));
        types.add(SimpleVerificationTypeInfo.INTEGER);
        types.add(SimpleVerificationTypeInfo.FLOAT);
        types.add(SimpleVerificationTypeInfo.DOUBLE);
        for (int local = TLB; local < end; local += 2) {
            boolean isLong = local < firstFloat;
            types.add(isLong ? SimpleVerificationTypeInfo.LONG : SimpleVerificationTypeInfo.DOUBLE);
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
