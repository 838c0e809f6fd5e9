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
public record EngineSet(
        String name, Function<Hart, Engine> forHart, TranslatorCounts counts, long codeBytesMax) {
    /// Engines of the caller's that nobody counts.
    public static EngineSet of(Function<Hart, Engine> forHart) {
        return new EngineSet("unnamed", forHart, new TranslatorCounts(), 0);
    }
}
