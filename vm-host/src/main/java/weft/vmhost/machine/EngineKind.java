package weft.vmhost.machine;

import weft.vmhost.nativecode.NativeCode;

/// What executes the instructions of a machine. Which one it is makes no difference to the guest.
public enum EngineKind {
    /// One instruction after the other.
    INTERPRETER,
    /// What runs often is translated to Java bytecode, which HotSpot compiles: on any host.
    TRANSLATOR,
    /// What runs more than once is translated to machine code: where [NativeCode#isSupported].
    NATIVE;

    /// The fastest one on this host.
    public static EngineKind best() {
        return NativeCode.isSupported() ? NATIVE : TRANSLATOR;
    }
}
