package weft.vmhost.machine;

/// What executes the instructions of a machine. Which one it is makes no difference to the guest.
public enum EngineKind {
    /// One instruction after the other.
    INTERPRETER,
    /// What runs often is translated to Java bytecode, which HotSpot compiles.
    TRANSLATOR,
    /// What runs more than once is translated to machine code.
    BASELINE
}
