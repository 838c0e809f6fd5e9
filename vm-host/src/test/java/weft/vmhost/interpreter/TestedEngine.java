package weft.vmhost.interpreter;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.nativecode.NativeCode;
import weft.vmhost.nativecode.NativeSettings;
import weft.vmhost.translator.Translations;
import weft.vmhost.translator.TranslatorSettings;
import weft.vmhost.translator.TranslatorSettings.Access;
import weft.vmhost.translator.TranslatorSettings.When;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/// Every engine that tests know, in every shape that might make a difference to a guest. Whoever
/// adds one adds a line here: the tests of the hart, the table of instructions, the random programs
/// and the deterministic machine run on it then.
public enum TestedEngine {
    /// What the others are compared with: its loop is in Java.
    INTERPRETER(() -> Interpreter::new),

    /// With its loop in machine code; where the host can execute it.
    INTERPRETER_IN_MACHINE_CODE(() ->
            NativeCode.isSupported()
                    ? hart -> NativeCode.interpreter(hart, Access.CHECKED)
                    : Interpreter::new),

    /// Everything is translated where it was first seen.
    EAGER_TRANSLATOR(translating(1, 200, 20_000, 1_000_000)),
    REGIONS_OF_ONE_INSTRUCTION(translating(1, 1, 20_000, 1_000_000)),
    SMALL_REGIONS_IN_SHORT_RUNS(translating(1, 7, 3, 1_000_000)),
    REGIONS_HERE_AND_THERE(translating(3, 40, 50, 1_000_000)),
    REGIONS_GIVEN_UP_AGAIN(translating(10, 250, 1, 500)),

    /// Machine code of all that was seen once; where the host can execute it.
    EAGER_NATIVE(nativeCode(1, 400, 20_000, 32 << 20)),
    UNITS_OF_ONE_INSTRUCTION(nativeCode(1, 1, 20_000, 32 << 20)),
    SMALL_UNITS_IN_SHORT_RUNS(nativeCode(1, 7, 3, 32 << 20)),
    UNITS_HERE_AND_THERE(nativeCode(3, 40, 50, 32 << 20)),
    /// What was decoded, too, 100 µs after it was used.
    CODE_GIVEN_UP_AGAIN(nativeCode(10, 250, 1, 2 << 20, 1000)),

    /// As a guest gets it: translated in the background, at moments that nobody knows.
    TRANSLATOR(() -> new Translations(TranslatorSettings.DEFAULT)::engine),
    NATIVE(() ->
            NativeCode.isSupported()
                    ? new NativeCode(NativeSettings.DEFAULT)::engine
                    : Interpreter::new);

    private final Supplier<Function<Hart, Engine>> machines;

    /// @param machines makes what makes the engines of one machine's harts
    TestedEngine(Supplier<Function<Hart, Engine>> machines) {
        this.machines = machines;
    }

    /// Makes the engines of one machine's harts.
    public Function<Hart, Engine> forMachine() {
        return machines.get();
    }

    /// Whether all its code runs as the engine is named, and not interpreted until it is hot: the
    /// small programs that tests are made of see such engines only.
    public boolean isEager() {
        return this != TRANSLATOR && this != NATIVE;
    }

    /// All that are to end as the interpreter does, and are eager.
    public static List<TestedEngine> eagerOnes() {
        return Arrays.stream(values())
                .filter(engine -> engine.isEager() && engine != INTERPRETER)
                .toList();
    }

    /// Those of the eager ones that make classes for the JVM.
    public static Set<TestedEngine> eagerTranslators() {
        return EnumSet.range(EAGER_TRANSLATOR, REGIONS_GIVEN_UP_AGAIN);
    }

    /// The other eager ones, which make machine code.
    public static List<TestedEngine> eagerNativeOnes() {
        return eagerOnes().stream().filter(it -> !eagerTranslators().contains(it)).toList();
    }

    /// Addresses are held against the bounds of the guest's memory.
    private static Supplier<Function<Hart, Engine>> translating(
            int samplePeriod, int instructionsMax, int budgetMax, int regionsMax) {
        var settings =
                new TranslatorSettings(
                        samplePeriod,
                        1,
                        1_000_000,
                        instructionsMax,
                        budgetMax,
                        regionsMax,
                        When.AT_ONCE,
                        Access.CHECKED);
        return () -> new Translations(settings)::engine;
    }

    /// Where the host cannot execute it, the interpreter stands in.
    private static Supplier<Function<Hart, Engine>> nativeCode(
            int samplePeriod, int instructionsMax, int budgetMax, int cacheBytes) {
        long forgetTicks = NativeSettings.DEFAULT.forgetTicks();
        return nativeCode(samplePeriod, instructionsMax, budgetMax, cacheBytes, forgetTicks);
    }

    private static Supplier<Function<Hart, Engine>> nativeCode(
            int samplePeriod,
            int instructionsMax,
            int budgetMax,
            int cacheBytes,
            long forgetTicks) {
        if (!NativeCode.isSupported()) {
            return () -> Interpreter::new;
        }
        var settings =
                new NativeSettings(
                        samplePeriod,
                        1,
                        instructionsMax,
                        budgetMax,
                        cacheBytes,
                        forgetTicks,
                        cacheBytes / 64,
                        When.AT_ONCE,
                        Access.CHECKED);
        return () -> new NativeCode(settings)::engine;
    }
}
