package weft.vmhost.machine;

import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.translator.Translations;
import weft.vmhost.translator.TranslatorSettings;

/// What executes the instructions of a machine. Which one it is makes no difference to the guest.
public enum EngineKind {
    /// One instruction after the other.
    INTERPRETER,
    /// What runs often is translated.
    TRANSLATOR;

    /// For one machine.
    EngineSet engines() {
        return switch (this) {
            case INTERPRETER -> EngineSet.of(Interpreter::new);
            case TRANSLATOR -> {
                var translations = new Translations(TranslatorSettings.DEFAULT);
                yield new EngineSet(translations::engine, translations.counts());
            }
        };
    }
}
