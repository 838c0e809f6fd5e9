package weft.vmhost.interpreter;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.translator.Translations;
import weft.vmhost.translator.TranslatorSettings;
import weft.vmhost.translator.TranslatorSettings.Access;
import weft.vmhost.translator.TranslatorSettings.When;

import java.util.function.Function;

/// Which engine the tests of this package execute on. The interpreter, unless [TranslatedHartTest]
/// says otherwise: it runs them all again.
final class TestEngines {
    /// Everything is translated where it was first seen, and holds its addresses against bounds.
    private static final TranslatorSettings EAGER =
            new TranslatorSettings(
                    1, 1, 1_000_000, 200, 20_000, 4_000, When.AT_ONCE, Access.CHECKED);

    private static boolean translating;

    private TestEngines() {}

    static void translate(boolean wanted) {
        translating = wanted;
    }

    /// Makes the engines of one machine's harts.
    static Function<Hart, Engine> forMachine() {
        return translating ? new Translations(EAGER)::engine : Interpreter::new;
    }
}
