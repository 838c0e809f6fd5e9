package weft.ops.boundaries;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;

import org.junit.jupiter.api.Test;

import weft.ops.cli.Weft;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Who may know whom: the edges of docs/style.md, section 2, and the rooms of third parties.
final class ModuleBoundariesTest {
    private static final String STORAGE = "weft.storage..";
    private static final String VSWITCH = "weft.vswitch..";
    private static final String VM_HOST = "weft.vmhost..";
    private static final String OPS = "weft.ops..";

    /// vm-host from the inside out: a room knows only rooms of an earlier line.
    private static final List<List<String>> VM_HOST_ORDER =
            List.of(
                    List.of("memory"),
                    List.of("mmu", "fp", "device", "virtio"),
                    List.of("isa", "hart"),
                    List.of("interpreter"),
                    List.of("translator"),
                    List.of("machine"),
                    List.of("snapshot"),
                    List.of("migration"),
                    List.of("agent"));

    /// Third-party types stay in their room.
    private static final Map<String, List<String>> ROOMS =
            Map.of(
                    "io.netty..", List.of("weft.transport..", "weft.storage.nbd.."),
                    "org.rocksdb..", List.of("weft.storage.metadata.."),
                    "org.apache.[zookeeper|curator]..", List.of("weft.coordination.zookeeper.."),
                    "sun.misc..", List.of("weft.vmhost.memory.."),
                    "picocli..", List.of("weft.ops.cli.."),
                    "org.bouncycastle..", List.of("weft.ops.image.."),
                    "org.apache.commons.compress..", List.of("weft.ops.image.."),
                    "org.tukaani.xz..", List.of("weft.ops.image.."),
                    "java.lang.classfile..", List.of("weft.vmhost.translator.."),
                    "ch.qos.logback..", List.of("weft.ops.cli.."));

    /// Calls whose answer differs from run to run: a core that made one could not be replayed.
    private static final Set<String> NONDETERMINISTIC =
            Set.of(
                    "java.lang.System.nanoTime",
                    "java.lang.System.currentTimeMillis",
                    "java.time.Instant.now",
                    "java.time.LocalDateTime.now",
                    "java.time.ZonedDateTime.now",
                    "java.time.OffsetDateTime.now",
                    "java.lang.Thread.sleep",
                    "java.lang.Math.random",
                    "java.util.concurrent.ThreadLocalRandom.current");

    /// Where the world may be asked: the runtime, and edges that nobody replays.
    private static final List<String> OUTSIDE_THE_FENCE = List.of("weft.runtime", "weft.ops");

    /// Single types that may too: VmHost and StorageNode are mains, where chance enters and is
    /// passed on; RemoteVolume.close waits on its caller's thread, outside of any protocol.
    private static final Set<String> TYPES_OUTSIDE_THE_FENCE =
            Set.of("weft.vmhost.VmHost", "weft.storage.StorageNode", "weft.volume.RemoteVolume");

    private static final JavaClasses CLASSES =
            new ClassFileImporter()
                    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                    .withImportOption(location -> !location.contains("-tests.jar"))
                    .importPackages("weft");

    @Test
    void allModulesAreSeen() {
        for (String room : List.of("weft.runtime", "weft.storage", "weft.vswitch", "weft.vmhost")) {
            assertTrue(CLASSES.stream().anyMatch(type -> isBelow(type, room)), room);
        }
    }

    @Test
    void commonKnowsNoOtherModule() {
        check(
                noClasses()
                        .that(resideOutsideOfPackages(STORAGE, VSWITCH, VM_HOST, OPS))
                        .should()
                        .dependOnClassesThat(resideInAnyPackage(STORAGE, VSWITCH, VM_HOST, OPS)));
    }

    @Test
    void storageKnowsNeitherSwitchNorVms() {
        check(forbidden(STORAGE, VSWITCH, VM_HOST, OPS));
    }

    /// It ships for `weft bench simulate`, and nothing that serves may lean on it.
    @Test
    void onlyTheBenchKnowsTheSimulator() {
        check(
                noClasses()
                        .that(
                                resideOutsideOfPackages(
                                        "weft.sim",
                                        "weft.storage.simulation",
                                        "weft.ops.cli.bench"))
                        .should()
                        .dependOnClassesThat(
                                resideInAnyPackage("weft.sim", "weft.storage.simulation")));
    }

    @Test
    void theSwitchKnowsNeitherStorageNorVms() {
        check(forbidden(VSWITCH, STORAGE, VM_HOST, OPS));
    }

    @Test
    void theVmHostSeesOfTheSwitchOnlyPortsAndTheFrontDoor() {
        check(forbidden(VM_HOST, STORAGE, OPS));
        check(
                noClasses()
                        .that()
                        .resideInAPackage(VM_HOST)
                        .should()
                        .dependOnClassesThat(
                                resideInAnyPackage(VSWITCH)
                                        .and(
                                                resideOutsideOfPackages(
                                                        "weft.vswitch", "weft.vswitch.port"))));
    }

    @Test
    void theVmHostIsBuiltFromTheInsideOut() {
        for (int rank = 0; rank < VM_HOST_ORDER.size(); rank++) {
            for (int later = rank + 1; later < VM_HOST_ORDER.size(); later++) {
                check(
                        forbidden(VM_HOST_ORDER.get(rank), VM_HOST_ORDER.get(later))
                                .because("of the order in docs/style.md, section 2"));
            }
        }
        check(forbidden(List.of("device", "virtio"), List.of("mmu", "fp")));
    }

    @Test
    void packagesFormNoCycles() {
        // The root of the command tree names every command, and every command prints through its
        // package: main knows all that it wires.
        check(
                slices().matching("weft.(**)")
                        .should()
                        .beFreeOfCycles()
                        .ignoreDependency(equivalentTo(Weft.class), alwaysTrue()));
    }

    @Test
    void thirdPartiesStayInTheirRooms() {
        ROOMS.forEach((party, rooms) ->
                check(
                        noClasses()
                                .that(resideOutsideOfPackages(rooms.toArray(String[]::new)))
                                .should()
                                .dependOnClassesThat()
                                .resideInAPackage(party)));
    }

    @Test
    void onlyTheRuntimeAsksTheWorldForTimeAndChance() {
        var found = new TreeSet<String>();
        for (JavaClass type : CLASSES) {
            if (OUTSIDE_THE_FENCE.stream().anyMatch(room -> isBelow(type, room))
                    || TYPES_OUTSIDE_THE_FENCE.contains(type.getFullName())) {
                continue;
            }
            for (JavaAccess<?> access : type.getAccessesFromSelf()) {
                String target =
                        access.getTargetOwner().getFullName() + "." + access.getTarget().getName();
                if (NONDETERMINISTIC.contains(target) || isUnseededRandom(access)) {
                    found.add(access.getDescription());
                }
            }
        }
        TidyTest.assertNone("time or chance that is not passed in", found);
    }

    private static boolean isBelow(JavaClass type, String room) {
        return (type.getPackageName() + ".").startsWith(room + ".");
    }

    /// `new Random()`; with a seed it is as good as passed in.
    private static boolean isUnseededRandom(JavaAccess<?> access) {
        return access.getTarget().getFullName().equals("java.util.Random.<init>()")
                || access.getTarget().getFullName().equals("java.util.SplittableRandom.<init>()");
    }

    private static ArchRule forbidden(String from, String... to) {
        return noClasses()
                .that()
                .resideInAPackage(from)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(to);
    }

    private static ArchRule forbidden(List<String> from, List<String> to) {
        return noClasses().that(rooms(from)).should().dependOnClassesThat(rooms(to));
    }

    private static DescribedPredicate<JavaClass> rooms(List<String> names) {
        return resideInAnyPackage(
                names.stream().map(name -> "weft.vmhost." + name + "..").toArray(String[]::new));
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(CLASSES);
    }
}
