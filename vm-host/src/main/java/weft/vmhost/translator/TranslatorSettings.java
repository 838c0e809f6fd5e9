package weft.vmhost.translator;

/// How eagerly code is translated, and how much of it.
///
/// @param samplePeriod interpreted instructions between two looks at where execution is
/// @param samplesToTranslate how often a place must have been seen before it is translated
/// @param instructionsToOptimize how many instructions a region executes before HotSpot optimizes
///   it, where that can be asked for
/// @param instructionsMax in a region: HotSpot compiles no method of more than 8000 bytes, and its
///   first compiler gives up on methods of many live variables
/// @param budgetMax an upper bound of the instructions that a region executes without coming back,
///   up to one more way through it
/// @param regionsMax live regions of a machine; beyond it all are given up and translation begins
///   anew. See [#REGION_BYTES]
/// @param when where translation takes place
/// @param access whether translated code holds host addresses against bounds
public record TranslatorSettings(
        int samplePeriod,
        int samplesToTranslate,
        long instructionsToOptimize,
        int instructionsMax,
        int budgetMax,
        int regionsMax,
        When when,
        Access access) {
    /// What a guest gets.
    public static final TranslatorSettings DEFAULT =
            new TranslatorSettings(
                    4000, 8, 1_000_000, 200, 20_000, 4_000, When.IN_BACKGROUND, Access.TRUSTED);

    /// What the JVM holds for a region, on average of a Debian that boots: some 4 KiB of metaspace
    /// and some 10 KiB of HotSpot's code cache.
    static final int REGION_BYTES = 14 << 10;

    /// About what the JVM holds for a machine's regions at most.
    public long codeBytesMax() {
        return (long) regionsMax * REGION_BYTES;
    }

    /// When a region that is hot enough is translated.
    public enum When {
        /// On another thread; the hart goes on and uses the region once HotSpot has compiled it.
        IN_BACKGROUND,
        /// On the hart's thread, and used at once: for tests, as where it happens is determined.
        AT_ONCE
    }

    /// How translated code, and the interpreter's loop in machine code, uses host addresses.
    public enum Access {
        /// As the TLB gave them.
        TRUSTED,
        /// After a check that they lie in the guest's memory: for tests.
        CHECKED
    }

    public TranslatorSettings {
        if (samplePeriod < 1 || samplesToTranslate < 1 || samplesToTranslate > 100) {
            throw new IllegalArgumentException(
                    "a sample each %d instructions, %d samples"
                            .formatted(samplePeriod, samplesToTranslate));
        }
        if (budgetMax < 1 || regionsMax < 1) {
            throw new IllegalArgumentException(
                    "a budget of %d, %d regions".formatted(budgetMax, regionsMax));
        }
        if (instructionsMax < 1 || instructionsMax > 250) {
            throw new IllegalArgumentException(instructionsMax + " instructions in a region");
        }
    }
}
