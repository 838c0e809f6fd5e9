package weft.vmhost.interpreter;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;

/// Every test of this package once more, on the translator.
class TranslatedHartTest {
    @BeforeEach
    void translate() {
        TestEngines.translate(true);
    }

    @AfterEach
    void interpret() {
        TestEngines.translate(false);
    }

    @Nested
    class TranslatedAccessedDirty extends AccessedDirtyTest {}

    @Nested
    class TranslatedCacheBlock extends CacheBlockTest {}

    @Nested
    class TranslatedCrossingInstruction extends CrossingInstructionTest {}

    @Nested
    class TranslatedCsrAccess extends CsrAccessTest {}

    @Nested
    class TranslatedDirtyTracking extends DirtyTrackingTest {}

    @Nested
    class TranslatedHartState extends HartStateTest {}

    @Nested
    class TranslatedInterrupt extends InterruptTest {}

    @Nested
    class TranslatedLitmus extends LitmusTest {}

    @Nested
    class TranslatedLoadReserved extends LoadReservedTest {}

    @Nested
    class TranslatedMisalignedAccess extends MisalignedAccessTest {}

    @Nested
    class TranslatedPageFault extends PageFaultTest {}

    @Nested
    class TranslatedPageTableExtensions extends PageTableExtensionsTest {}

    @Nested
    class TranslatedPhysicalProtection extends PhysicalProtectionTest {}

    @Nested
    class TranslatedSelfModifyingCode extends SelfModifyingCodeTest {}

    @Nested
    class TranslatedSuperpage extends SuperpageTest {}

    @Nested
    class TranslatedSupervisorAccess extends SupervisorAccessTest {}

    @Nested
    class TranslatedSupervisorCalls extends SupervisorCallsTest {}

    @Nested
    class TranslatedTranslationFence extends TranslationFenceTest {}

    @Nested
    class TranslatedWaitForInterrupt extends WaitForInterruptTest {}
}
