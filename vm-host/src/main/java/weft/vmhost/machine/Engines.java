package weft.vmhost.machine;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.nativecode.NativeCode;
import weft.vmhost.nativecode.NativeSettings;
import weft.vmhost.translator.Translations;
import weft.vmhost.translator.TranslatorCounts;
import weft.vmhost.translator.TranslatorSettings;

import java.util.function.Function;

/// Makes the engines of one machine's harts, which share what they have translated.
final class Engines {
    private final Function<Hart, Engine> engines;
    private final TranslatorCounts counts;

    Engines(EngineKind kind) {
        switch (kind) {
            case INTERPRETER -> {
                engines = Interpreter::new;
                counts = new TranslatorCounts();
            }
            case TRANSLATOR -> {
                var translations = new Translations(TranslatorSettings.DEFAULT);
                engines = translations::engine;
                counts = translations.counts();
            }
            case NATIVE -> {
                var code = new NativeCode(NativeSettings.DEFAULT);
                engines = code::engine;
                counts = code.counts();
            }
            default -> throw new IllegalArgumentException("no engine: " + kind);
        }
    }

    Engine engine(Hart hart) {
        return engines.apply(hart);
    }

    TranslatorCounts counts() {
        return counts;
    }
}
