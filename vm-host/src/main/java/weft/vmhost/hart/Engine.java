package weft.vmhost.hart;

/// What executes instructions: the interpreter, or a translator over it.
@FunctionalInterface
public interface Engine {
    /// Executes from the hart's pc until [Hart#retiredInstructions] has reached [Hart#budgetEnd],
    /// or sooner; always returns at an instruction boundary, with all state in the hart.
    void execute(Hart hart);
}
