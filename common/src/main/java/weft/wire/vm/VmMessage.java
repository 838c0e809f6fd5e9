package weft.wire.vm;

import weft.wire.WireMessage;

/// Questions about a VM, and their answers.
public sealed interface VmMessage extends WireMessage {
    /// Asks what executes a VM's instructions; answered by [Engine], or [NotHere].
    record AskEngine(String vm) implements VmMessage {}

    /// What executes the VM's instructions, and what it has done since the VM is on this host. The
    /// counts of instructions may be some thousands behind.
    ///
    /// @param name the engine's, as `--engine` takes it
    /// @param instructions retired since the VM was made, on other hosts too
    /// @param translated instructions executed as translated code
    /// @param interpreted instructions interpreted by an engine that translates
    /// @param codeBytes of translated code now, with what it takes to find it; an estimate if the
    ///   JVM holds it
    /// @param codeBytesMax its limit; 0 if this engine makes no code
    record Engine(
            String name,
            long instructions,
            long translated,
            long interpreted,
            long codeBytes,
            long codeBytesMax)
            implements VmMessage {}

    /// The VM does not run here (now).
    record NotHere(String reason) implements VmMessage {}
}
