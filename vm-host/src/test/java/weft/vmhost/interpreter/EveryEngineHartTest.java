package weft.vmhost.interpreter;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// Every test of this package once more, on the other engines. One shape of each translator: the
/// random programs see the others.
@ParameterizedClass
@EnumSource(
        value = TestedEngine.class,
        mode = EnumSource.Mode.EXCLUDE,
        names = {
            "INTERPRETER",
            "REGIONS_OF_ONE_INSTRUCTION",
            "SMALL_REGIONS_IN_SHORT_RUNS",
            "REGIONS_HERE_AND_THERE",
            "REGIONS_GIVEN_UP_AGAIN",
            "TRANSLATOR",
            "UNITS_OF_ONE_INSTRUCTION",
            "SMALL_UNITS_IN_SHORT_RUNS",
            "UNITS_HERE_AND_THERE",
            "CODE_GIVEN_UP_AGAIN",
            "NATIVE"
        })
class EveryEngineHartTest {
    @Parameter private TestedEngine engine = TestedEngine.INTERPRETER;

    @BeforeEach
    void useIt() {
        TestEngines.use(engine);
    }

    @AfterEach
    void interpret() {
        TestEngines.use(TestedEngine.INTERPRETER);
    }

    @Nested
    class ItsAbsentPage extends AbsentPageTest {}

    @Nested
    class ItsAccessedDirty extends AccessedDirtyTest {}

    @Nested
    class ItsCacheBlock extends CacheBlockTest {}

    @Nested
    class ItsCrossingInstruction extends CrossingInstructionTest {}

    @Nested
    class ItsCsrAccess extends CsrAccessTest {}

    @Nested
    class ItsDirtyTracking extends DirtyTrackingTest {}

    @Nested
    class ItsHartState extends HartStateTest {}

    @Nested
    class ItsInterrupt extends InterruptTest {}

    @Nested
    class ItsInterruptLatency extends InterruptLatencyTest {}

    @Nested
    class ItsLitmus extends LitmusTest {}

    @Nested
    class ItsLoadReserved extends LoadReservedTest {}

    @Nested
    class ItsMisalignedAccess extends MisalignedAccessTest {}

    @Nested
    class ItsNeighbouringAccess extends NeighbouringAccessTest {}

    @Nested
    class ItsPageFault extends PageFaultTest {}

    @Nested
    class ItsPageTableDepth extends PageTableDepthTest {}

    @Nested
    class ItsPageTableExtensions extends PageTableExtensionsTest {}

    @Nested
    class ItsPhysicalProtection extends PhysicalProtectionTest {}

    @Nested
    class ItsRemoteFence extends RemoteFenceTest {}

    @Nested
    class ItsSelfModifyingCode extends SelfModifyingCodeTest {}

    @Nested
    class ItsSuperpage extends SuperpageTest {}

    @Nested
    class ItsSupervisorAccess extends SupervisorAccessTest {}

    @Nested
    class ItsSupervisorCalls extends SupervisorCallsTest {}

    @Nested
    class ItsTranslationFence extends TranslationFenceTest {}

    @Nested
    class ItsWaitForInterrupt extends WaitForInterruptTest {}
}
