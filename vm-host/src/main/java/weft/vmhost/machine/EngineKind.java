package weft.vmhost.machine;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.nativecode.NativeCode;
import weft.vmhost.nativecode.NativeSettings;
import weft.vmhost.translator.Translations;
import weft.vmhost.translator.TranslatorCounts;
import weft.vmhost.translator.TranslatorSettings;
import weft.vmhost.translator.TranslatorSettings.Access;

import java.util.Locale;

/// What executes the instructions of a machine. Which one it is makes no difference to the guest.
public enum EngineKind {
    /// One instruction after the other; the loop is in machine code where it can be.
    INTERPRETER,
    /// What runs often is translated to Java bytecode, which HotSpot compiles: on any host.
    TRANSLATOR,
    /// What runs more than once is translated to machine code: where [NativeCode#isSupported].
    NATIVE;

    /// The fastest one on this host.
    public static EngineKind best() {
        return NativeCode.isSupported() ? NATIVE : TRANSLATOR;
    }

    /// As options name it.
    public String lowerCase() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// For one machine.
    EngineSet engines() {
        return switch (this) {
            case INTERPRETER ->
                    new EngineSet(lowerCase(), EngineKind::interpreter, new TranslatorCounts(), 0);
            case TRANSLATOR -> {
                var translations = new Translations(TranslatorSettings.DEFAULT);
                yield new EngineSet(
                        lowerCase(),
                        translations::engine,
                        translations.counts(),
                        TranslatorSettings.DEFAULT.codeBytesMax());
            }
            case NATIVE -> {
                var code = new NativeCode(NativeSettings.DEFAULT);
                yield new EngineSet(
                        lowerCase(),
                        code::engine,
                        code.counts(),
                        NativeSettings.DEFAULT.cacheBytes());
            }
        };
    }

    private static Engine interpreter(Hart hart) {
        return NativeCode.isSupported()
                ? NativeCode.interpreter(hart, Access.TRUSTED)
                : new Interpreter(hart);
    }
}
