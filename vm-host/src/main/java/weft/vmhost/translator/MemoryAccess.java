package weft.vmhost.translator;

import weft.vmhost.memory.GuestMemory;
import weft.vmhost.mmu.Tlb;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.Field;

/// How translated code reaches memory: the one place that knows the form of an access.
///
/// A guest's load or store is a look into the TLB, a comparison, and one access of the host's; a
/// miss leaves the region. There is no call in it that HotSpot would not replace by the machine
/// instruction: a call, even on a path that is never taken, makes it keep registers in memory.
///
/// The accesses are those of `jdk.internal.misc.Unsafe` where `--add-exports` gives it away, else
/// of `sun.misc.Unsafe`. Loads are opaque, in the second form volatile (the same instruction on
/// x86): a plain load might be moved out of a guest's polling loop or before an earlier load of the
/// same address, which RVWMO forbids. Stores need nothing of the kind: they stay in order, as any
/// two may be to the same address.
final class MemoryAccess {
    private static final Form FORM = Form.best();

    /// The class of the object in [RegionLocals#MEMORY].
    static final ClassDesc TYPE = ClassDesc.of(FORM.className);

    /// The object itself; translated code finds it by name.
    static final Object MEMORY = FORM.instance();

    private static final ClassDesc SELF = ClassDesc.of(MemoryAccess.class.getName());
    private static final MethodTypeDesc GET_OWN =
            MethodTypeDesc.of(ConstantDescs.CD_long, ConstantDescs.CD_long);
    private static final int INDEX_SHIFT = GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT;
    private static final long INDEX_MASK = (long) (Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT;

    /// From the place of a context in a tag to that in the number of an entry, see [Tlb#index].
    static final int CONTEXT_TO_INDEX_SHIFT = 1 + Tlb.ENTRY_SHIFT;

    private final CodeBuilder code;
    private final Label leave;
    private final boolean checked;

    /// @param leave where to go if the TLB does not know the address
    /// @param checked whether each host address is held against the bounds of guest memory
    MemoryAccess(CodeBuilder code, Label leave, boolean checked) {
        this.code = code;
        this.leave = leave;
        this.checked = checked;
    }

    /// The width of an access, and what the host calls it.
    enum Width {
        BYTE(1, "Byte", ConstantDescs.CD_byte),
        SHORT(2, "Short", ConstantDescs.CD_short),
        INT(4, "Int", ConstantDescs.CD_int),
        LONG(8, "Long", ConstantDescs.CD_long),
        DOUBLE(8, "Double", ConstantDescs.CD_double);

        private final int bytes;
        private final String noun;
        private final ClassDesc type;
        private final MethodTypeDesc get;
        private final MethodTypeDesc put;

        Width(int bytes, String noun, ClassDesc type) {
            this.bytes = bytes;
            this.noun = noun;
            this.type = type;
            get = MethodTypeDesc.of(type, ConstantDescs.CD_Object, ConstantDescs.CD_long);
            put = MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_long, type);
        }
    }

    /// Puts the object into its local.
    static void loadObject(CodeBuilder code) {
        code.getstatic(SELF, "MEMORY", ConstantDescs.CD_Object)
                .checkcast(TYPE)
                .astore(RegionLocals.MEMORY);
    }

    /// Makes the virtual address in [RegionLocals#ADDRESS] the host's address, for a load.
    void findReadable(Width width) {
        find(width, Tlb.READ_TAG, Tlb.READ_ADDEND);
    }

    /// Makes the virtual address in [RegionLocals#ADDRESS] the host's address, for a store.
    void findWritable(Width width) {
        find(width, Tlb.WRITE_TAG, Tlb.WRITE_ADDEND);
    }

    /// Pushes what stands at the host's address: an int, a long or a double.
    void load(Width width) {
        code.aload(RegionLocals.MEMORY)
                .aconst_null()
                .lload(RegionLocals.ADDRESS)
                .invokevirtual(TYPE, "get" + width.noun + FORM.loadSuffix, width.get);
    }

    /// Before the value of a store is pushed.
    void beginStore() {
        code.aload(RegionLocals.MEMORY).lload(RegionLocals.ADDRESS);
    }

    /// Pops the value: an int, a long or a double.
    void endStore(Width width) {
        code.invokevirtual(TYPE, "put" + width.noun, width.put);
    }

    private void find(Width width, int tagOffset, int addendOffset) {
        code.lload(RegionLocals.TLB)
                .lload(RegionLocals.ADDRESS)
                .bipush(INDEX_SHIFT)
                .lushr()
                .lload(RegionLocals.CONTEXT_INDEX)
                .lxor()
                .loadConstant(INDEX_MASK)
                .land()
                .ladd()
                .lstore(RegionLocals.SLOT);
        ownLong(tagOffset);
        code.lload(RegionLocals.ADDRESS)
                .loadConstant((long) -GuestMemory.PAGE_BYTES | width.bytes - 1)
                .land()
                .lload(RegionLocals.CONTEXT)
                .lor()
                .lcmp()
                .ifne(leave);
        code.lload(RegionLocals.ADDRESS);
        ownLong(addendOffset);
        code.ladd().lstore(RegionLocals.ADDRESS);
        if (checked) {
            code.aload(RegionLocals.CALL)
                    .lload(RegionLocals.ADDRESS)
                    .loadConstant(width.bytes)
                    .invokevirtual(RegionLoader.CALL, "check", RegionLoader.CHECK);
        }
    }

    /// Pushes a field of the TLB entry.
    private void ownLong(int offset) {
        code.aload(RegionLocals.MEMORY).lload(RegionLocals.SLOT);
        if (offset != 0) {
            code.loadConstant((long) offset).ladd();
        }
        code.invokevirtual(TYPE, "getLong", GET_OWN);
    }

    private enum Form {
        INTERNAL("jdk.internal.misc.Unsafe", "Opaque"),
        OFFICIAL("sun.misc.Unsafe", "Volatile");

        private final String className;
        private final String loadSuffix;

        Form(String className, String loadSuffix) {
            this.className = className;
            this.loadSuffix = loadSuffix;
        }

        static Form best() {
            Module own = MemoryAccess.class.getModule();
            return Object.class.getModule().isExported("jdk.internal.misc", own)
                    ? INTERNAL
                    : OFFICIAL;
        }

        Object instance() {
            try {
                Class<?> type = Class.forName(className);
                if (this == INTERNAL) {
                    return type.getMethod("getUnsafe").invoke(null);
                }
                Field field = type.getDeclaredField("theUnsafe");
                field.setAccessible(true);
                return field.get(null);
            } catch (ReflectiveOperationException e) {
                throw new UnsupportedOperationException("this JDK has no " + className, e);
            }
        }
    }
}
