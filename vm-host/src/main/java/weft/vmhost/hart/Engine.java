package weft.vmhost.hart;

/// What executes instructions: the interpreter, or a translator over it.
public interface Engine {
    /// Executes from the hart's pc until [Hart#retiredInstructions] has reached [Hart#budgetEnd],
    /// or sooner; always returns at an instruction boundary, with all state in the hart. It may run
    /// over, by less than [ExactRun#OVERSHOOT_MAX] instructions. An instruction that lets the
    /// budget end for a reason of the guest's own (an interrupt has become possible) is the last.
    void execute(Hart hart);

    /// Executes one instruction, or takes its trap. The budget has no end, unless another thread
    /// wants attention: then it may do nothing.
    void step(Hart hart);
}
