package weft.vmhost.differential;

import weft.vmhost.memory.HostMemory;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;

/// Our classes once more, with a [HostMemory] that asks [CheckedAccess] before each access. Checks
/// in the class itself, even such as HotSpot drops, would make the interpreter's loop too large to
/// be inlined.
final class CheckedClasses extends ClassLoader {
    private static final String OURS = "weft.";

    private static final ClassDesc CHECKS = CheckedAccess.class.describeConstable().orElseThrow();

    private static final MethodTypeDesc OF_ADDRESS =
            MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_long, ConstantDescs.CD_int);

    private static final MethodTypeDesc OF_ELEMENT =
            MethodTypeDesc.of(
                    ConstantDescs.CD_void,
                    ConstantDescs.CD_long.arrayType(),
                    ConstantDescs.CD_long,
                    ConstantDescs.CD_int);

    CheckedClasses() {
        super(CheckedClasses.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? define(name) : loaded;
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = in.readAllBytes();
            if (name.equals(HostMemory.class.getName())) {
                bytes = withChecks(bytes);
            }
            return defineClass(name, bytes, 0, bytes.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    private static byte[] withChecks(byte[] bytes) {
        ClassFile files = ClassFile.of();
        ClassModel hostMemory = files.parse(bytes);
        ClassTransform transform =
                (builder, element) -> {
                    if (element instanceof MethodModel method) {
                        builder.transformMethod(
                                method,
                                (methodBuilder, part) -> {
                                    if (part instanceof CodeModel code) {
                                        methodBuilder.transformCode(code, check(method));
                                    } else {
                                        methodBuilder.with(part);
                                    }
                                });
                    } else {
                        builder.with(element);
                    }
                };
        return files.transformClass(hostMemory, transform);
    }

    /// What comes first in an access's method.
    private static CodeTransform check(MethodModel method) {
        String type = method.methodType().stringValue();
        String name = method.methodName().stringValue();
        return new CodeTransform() {
            @Override
            public void atStart(CodeBuilder code) {
                if (type.startsWith("(JI") && name.endsWith("tVolatile")) {
                    // Its size is the second argument.
                    code.lload(0).iload(2).invokestatic(CHECKS, "ofAddress", OF_ADDRESS);
                } else if (type.startsWith("(J")) {
                    code.lload(0)
                            .loadConstant(sizeBytes(name))
                            .invokestatic(CHECKS, "ofAddress", OF_ADDRESS);
                } else if (type.startsWith("([JJ")) {
                    code.aload(0)
                            .lload(1)
                            .loadConstant(sizeBytes(name))
                            .invokestatic(CHECKS, "ofElement", OF_ELEMENT);
                }
            }

            @Override
            public void accept(CodeBuilder code, CodeElement element) {
                code.with(element);
            }
        };
    }

    /// Accesses say in their names how much they access.
    private static int sizeBytes(String name) {
        if (name.contains("Byte")) {
            return Byte.BYTES;
        }
        if (name.contains("Short")) {
            return Short.BYTES;
        }
        return name.contains("Int") ? Integer.BYTES : Long.BYTES;
    }
}
