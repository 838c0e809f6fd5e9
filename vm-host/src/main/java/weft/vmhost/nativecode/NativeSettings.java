package weft.vmhost.nativecode;

import weft.vmhost.hart.TimeSource;
import weft.vmhost.translator.TranslatorSettings.Access;
import weft.vmhost.translator.TranslatorSettings.When;

/// How eagerly code is translated, and how much of it.
///
/// @param samplePeriod interpreted instructions between two looks at where execution is
/// @param samplesToTranslate how often a place must have been seen before it is translated
/// @param instructionsMax in a unit
/// @param budgetMax how many instructions are executed at most before the code is left: others wait
///   that long for the hart, and the collector for its thread
/// @param cacheBytes for the code of a machine and the tables of its pages; when that is used up,
///   all is given up and translation begins anew
/// @param forgetTicks how long decoded pages outlive their use, in the guest's time; an idle guest
///   uses a tenth of those that it booted with, at 16 KiB each. So often it is also looked whether
///   the machine idles
/// @param idleBytes how much of the cache an idle machine may keep; with more, all is given up, and
///   the little that it still executes is translated again
/// @param when where translation takes place
/// @param access whether code that is written holds host addresses against bounds
public record NativeSettings(
        int samplePeriod,
        int samplesToTranslate,
        int instructionsMax,
        int budgetMax,
        long cacheBytes,
        long forgetTicks,
        long idleBytes,
        When when,
        Access access) {
    /// What a guest gets.
    public static final NativeSettings DEFAULT =
            new NativeSettings(
                    250,
                    3,
                    400,
                    20_000,
                    128L << 20,
                    30 * TimeSource.TICKS_PER_SECOND,
                    8L << 20,
                    When.IN_BACKGROUND,
                    Access.TRUSTED);

    public NativeSettings {
        if (samplePeriod < 1 || samplesToTranslate < 1 || samplesToTranslate > 100) {
            throw new IllegalArgumentException(
                    "a sample each %d instructions, %d samples"
                            .formatted(samplePeriod, samplesToTranslate));
        }
        if (instructionsMax < 1 || instructionsMax > 2000 || budgetMax < 1) {
            throw new IllegalArgumentException(
                    "%d instructions in a unit, %d at a time"
                            .formatted(instructionsMax, budgetMax));
        }
        if (cacheBytes < 1L << 20 || cacheBytes > 1L << 30) {
            throw new IllegalArgumentException("a code cache of " + cacheBytes + " bytes");
        }
    }
}
