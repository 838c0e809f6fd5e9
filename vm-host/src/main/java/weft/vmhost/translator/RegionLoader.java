package weft.vmhost.translator;

import java.lang.classfile.ClassFile;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/// Makes a class of a region's shape and loads it as a hidden class: it goes when nobody refers to
/// it any more.
final class RegionLoader {
    static final ClassDesc CALL = ClassDesc.of(RegionCall.class.getName());
    static final ClassDesc LONGS = ConstantDescs.CD_long.arrayType();
    static final MethodTypeDesc CHECK =
            MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_long, ConstantDescs.CD_int);

    private static final ClassDesc CODE = ClassDesc.of(RegionCode.class.getName());
    private static final ClassDesc SELF =
            ClassDesc.of(RegionLoader.class.getPackageName() + ".TranslatedRegion");
    private static final MethodTypeDesc RUN =
            MethodTypeDesc.of(
                    ConstantDescs.CD_long, CALL, ConstantDescs.CD_int, ConstantDescs.CD_long);
    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

    private final ClassFile classFile =
            ClassFile.of(
                    ClassFile.StackMapsOption.DROP_STACK_MAPS,
                    ClassFile.DeadCodeOption.KEEP_DEAD_CODE,
                    ClassFile.DebugElementsOption.DROP_DEBUG,
                    ClassFile.LineNumbersOption.DROP_LINE_NUMBERS);
    private final boolean checked;

    /// @param checked whether the code holds each host address against the bounds of the guest's
    ///   memory before it is used
    RegionLoader(boolean checked) {
        this.checked = checked;
    }

    RegionCode load(RegionShape shape) {
        try {
            MethodHandles.Lookup loaded = LOOKUP.defineHiddenClass(bytes(shape), false);
            return (RegionCode)
                    loaded.findConstructor(loaded.lookupClass(), MethodType.methodType(void.class))
                            .invoke();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a translated region cannot be loaded", e);
        }
    }

    byte[] bytes(RegionShape shape) {
        return classFile.build(
                SELF,
                type -> {
                    type.withFlags(ClassFile.ACC_FINAL | ClassFile.ACC_SUPER).withSuperclass(CODE);
                    type.withMethodBody(
                            ConstantDescs.INIT_NAME,
                            ConstantDescs.MTD_void,
                            0,
                            code ->
                                    code.aload(0)
                                            .invokespecial(
                                                    CODE,
                                                    ConstantDescs.INIT_NAME,
                                                    ConstantDescs.MTD_void)
                                            .return_());
                    type.withMethodBody(
                            "run",
                            RUN,
                            ClassFile.ACC_FINAL,
                            code -> new RegionWriter(code, shape, SELF, checked).write());
                });
    }
}
