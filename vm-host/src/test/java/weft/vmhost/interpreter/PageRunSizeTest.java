package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.vmhost.memory.HostMemory;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.classfile.instruction.InvokeInstruction;
import java.util.HashMap;
import java.util.Map;

/// HotSpot stops inlining into a method when what it has inlined comes to 8000 bytes of bytecode
/// (`DesiredMethodLimit`), without a word; the interpreter's loop then calls, and is half as fast.
class PageRunSizeTest {
    private static final int LIMIT_BYTES = 8000;

    /// Between what is counted here and where the compiler was seen to stop.
    private static final int MARGIN_BYTES = 250;

    private final Map<String, CodeModel> methods = new HashMap<>();

    @Test
    void loopIsInlinedAsAWhole() throws IOException {
        read(PageRun.class);
        read(HostMemory.class);

        String loop = key(PageRun.class, "run", "([J[JJ[J)J");
        assertTrue(methods.containsKey(loop), () -> "no method " + loop);
        int sizeBytes = inlinedSizeBytes(loop);

        assertTrue(
                sizeBytes < LIMIT_BYTES - MARGIN_BYTES,
                () -> "PageRun.run is " + sizeBytes + " bytes of bytecode with all that it calls");
    }

    private int inlinedSizeBytes(String method) {
        CodeModel code = methods.get(method);
        if (code == null) {
            return 0;
        }
        int sizeBytes = ((CodeAttribute) code).codeLength();
        for (var element : code) {
            if (element instanceof InvokeInstruction call) {
                sizeBytes +=
                        inlinedSizeBytes(
                                call.owner().asInternalName()
                                        + '.'
                                        + call.name().stringValue()
                                        + call.type().stringValue());
            }
        }
        return sizeBytes;
    }

    private void read(Class<?> type) throws IOException {
        try (InputStream in = type.getResourceAsStream(type.getSimpleName() + ".class")) {
            ClassModel model = ClassFile.of().parse(in.readAllBytes());
            for (MethodModel method : model.methods()) {
                String key =
                        key(
                                type,
                                method.methodName().stringValue(),
                                method.methodType().stringValue());
                method.code().ifPresent(code -> methods.put(key, code));
            }
        }
    }

    private static String key(Class<?> type, String name, String descriptor) {
        return type.getName().replace('.', '/') + '.' + name + descriptor;
    }
}
