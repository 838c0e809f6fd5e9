package weft.vmhost.interpreter;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;

import java.util.function.Function;

/// Which engine the tests of this package execute on. The interpreter, unless [EveryEngineHartTest]
/// says otherwise: it runs them all again.
final class TestEngines {
    private static TestedEngine engine = TestedEngine.INTERPRETER;

    private TestEngines() {}

    static void use(TestedEngine wanted) {
        engine = wanted;
    }

    static TestedEngine current() {
        return engine;
    }

    /// Makes the engines of one machine's harts.
    static Function<Hart, Engine> forMachine() {
        return engine.forMachine();
    }
}
