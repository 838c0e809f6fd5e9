package jdk.test.whitebox;

import java.lang.reflect.Executable;

/// HotSpot's own test interface, as far as the translator uses it: HotSpot knows this class by its
/// name and gives it its native methods, if it lies on the boot class path and the JVM was started
/// with `-XX:+UnlockDiagnosticVMOptions -XX:+WhiteBoxAPI`.
public final class WhiteBox {
    private static final WhiteBox INSTANCE = new WhiteBox();

    static {
        registerNatives();
    }

    private WhiteBox() {}

    public static WhiteBox getWhiteBox() {
        return INSTANCE;
    }

    private static native void registerNatives();

    public native boolean enqueueMethodForCompilation0(
            Executable method, int compilationLevel, int entryBytecode);

    public native int getMethodCompilationLevel0(Executable method, boolean ofLoop);

    public native boolean isMethodQueuedForCompilation0(Executable method);
}
