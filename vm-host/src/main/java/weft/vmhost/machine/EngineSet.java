package weft.vmhost.machine;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.translator.TranslatorCounts;

import java.util.function.Function;

/// What executes the harts of one machine.
///
/// @param forHart makes the engine of a hart
/// @param counts what its translator does; nothing if it has none
public record EngineSet(Function<Hart, Engine> forHart, TranslatorCounts counts) {
    /// Engines that nobody counts.
    public static EngineSet of(Function<Hart, Engine> forHart) {
        return new EngineSet(forHart, new TranslatorCounts());
    }
}
