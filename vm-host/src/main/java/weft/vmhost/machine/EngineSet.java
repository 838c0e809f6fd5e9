package weft.vmhost.machine;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.translator.TranslatorCounts;

import java.util.function.Function;

/// What executes the harts of one machine.
///
/// @param name as people know it
/// @param forHart makes the engine of a hart
/// @param counts what its translator does; nothing if it has none
/// @param codeBytesMax what [TranslatorCounts#codeBytes] can become; 0 where there is no code
/// @param exactQuantum how many instructions an engine of a deterministic machine is given at a
///   time; makes no difference to the guest
public record EngineSet(
        String name,
        Function<Hart, Engine> forHart,
        TranslatorCounts counts,
        long codeBytesMax,
        int exactQuantum) {
    public EngineSet(
            String name,
            Function<Hart, Engine> forHart,
            TranslatorCounts counts,
            long codeBytesMax) {
        this(name, forHart, counts, codeBytesMax, Hart.QUANTUM_INSTRUCTIONS);
    }

    /// Engines of the caller's that nobody counts.
    public static EngineSet of(Function<Hart, Engine> forHart) {
        return new EngineSet("unnamed", forHart, new TranslatorCounts(), 0);
    }

    /// The same engines, given so many instructions at a time.
    EngineSet withExactQuantum(int instructions) {
        return new EngineSet(name, forHart, counts, codeBytesMax, instructions);
    }
}
