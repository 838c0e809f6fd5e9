package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.coordination.UnreliableStore.answerLost;
import static weft.coordination.UnreliableStore.lost;
import static weft.coordination.UnreliableStore.writing;
import static weft.ops.system.TwoHosts.HOST1;
import static weft.ops.system.TwoHosts.HOST2;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.Migration.Phase;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.ops.admin.VmAdmin;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Objects;
import java.util.Optional;

/// Moves of a running guest between two real hosts, each broken at another place: the guest goes on
/// or is booted again, on one host, and the records say so.
@Timeout(120)
class InterruptedMoveTest {
    @TempDir static Path folder;
    private static TwoHosts fabric;

    @BeforeAll
    static void start() throws Exception {
        fabric = new TwoHosts(folder);
    }

    @AfterAll
    static void stop() {
        fabric.close();
    }

    @Test
    void anUnhurtMoveTakesTheGuestAlong() throws Exception {
        fabric.boot("whole");
        assertEquals(Phase.DONE, fabric.migrate("whole", HOST2).phase());
        fabric.awaitRunning("whole", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("whole", HOST2));
    }

    /// The commit is made, then the new owner fails: it is its VM, so it boots it.
    @Test
    void anArrivalThatFailsAfterTheCommitIsClaimedAndBootedByItsNewOwner() throws Exception {
        fabric.boot("stumbles");
        UnluckyHost destination = fabric.host(HOST2);
        destination
                .store()
                .next(
                        writing(FabricPaths.placement("stumbles"), "migrated from"),
                        (real, changes) -> {
                            var outcome = real.commit(changes);
                            Thread arriving = Thread.currentThread();
                            destination.poolSees(now -> {
                                if (Thread.currentThread() != arriving) {
                                    return now;
                                }
                                destination.poolSees(later -> later);
                                return FabricImage.EMPTY;
                            });
                            return outcome;
                        });
        Migration migration = fabric.migrate("stumbles", HOST2);
        assertEquals(Phase.DONE, migration.phase(), migration::detail);
        fabric.awaitRunning("stumbles", HOST2, 3);
        assertBooted(fabric.awaitCounting("stumbles", HOST2));
        assertMovesBack("stumbles", 4);
    }

    /// As above, but the arrival does not even hear of its commit.
    @Test
    void anArrivalThatBreaksInItsCommitIsClaimedAndBootedByItsNewOwner() throws Exception {
        fabric.boot("blind");
        fabric.host(HOST2)
                .store()
                .next(
                        writing(FabricPaths.placement("blind"), "migrated from"),
                        (real, changes) -> {
                            var _ = real.commit(changes);
                            throw new IllegalStateException("the session is closed");
                        });
        assertEquals(Phase.DONE, fabric.migrate("blind", HOST2).phase());
        fabric.awaitRunning("blind", HOST2, 3);
        assertBooted(fabric.awaitCounting("blind", HOST2));
    }

    @Test
    void aCommitWhoseAnswerIsLostIsReadBackAndTheGuestGoesOnAtItsNewOwner() throws Exception {
        fabric.boot("unsure");
        fabric.host(HOST2)
                .store()
                .next(writing(FabricPaths.placement("unsure"), "migrated from"), answerLost());
        assertEquals(Phase.DONE, fabric.migrate("unsure", HOST2).phase());
        fabric.awaitRunning("unsure", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("unsure", HOST2));
    }

    @Test
    void aCommitThatNeverArrivesLeavesTheGuestWithItsSource() throws Exception {
        fabric.boot("unheard");
        fabric.host(HOST2)
                .store()
                .next(writing(FabricPaths.placement("unheard"), "migrated from"), lost());
        assertEquals(Phase.FAILED, fabric.migrate("unheard", HOST2).phase());
        fabric.awaitRunning("unheard", HOST1, 2);
        assertStayed("unheard");
        assertMoves("unheard", 3);
    }

    /// The destination commits, but the source hears nothing of it and asks the records: it lost.
    @Test
    void aSourceThatDoesNotHearOfTheCommitLetsGo() throws Exception {
        fabric.boot("deaf");
        fabric.host(HOST2)
                .store()
                .next(
                        writing(FabricPaths.placement("deaf"), "migrated from"),
                        (real, changes) -> {
                            var outcome = real.commit(changes);
                            fabric.host(HOST1).hosts().to(HOST2).orElseThrow().reset();
                            return outcome;
                        });
        assertEquals(Phase.DONE, fabric.migrate("deaf", HOST2).phase());
        fabric.awaitRunning("deaf", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("deaf", HOST2));
    }

    /// The source loses the connection while the destination is about to commit, and keeps the VM:
    /// the commit that comes then is refused.
    @Test
    void aDestinationThatCommitsTooLateDropsTheVm() throws Exception {
        fabric.boot("slow");
        fabric.host(HOST2)
                .store()
                .next(
                        writing(FabricPaths.placement("slow"), "migrated from"),
                        (real, changes) -> {
                            fabric.host(HOST1).hosts().to(HOST2).orElseThrow().reset();
                            try {
                                fabric.awaitRunning("slow", HOST1, 2);
                            } catch (InterruptedException e) {
                                throw new IOException(e);
                            }
                            return real.commit(changes);
                        });
        assertEquals(Phase.FAILED, fabric.migrate("slow", HOST2).phase());
        assertStayed("slow");
        assertMoves("slow", 3);
    }

    /// As above, and the source's own decision is made without its hearing of it.
    @Test
    void aSourceWhoseDecisionIsNotAnsweredDecidesAgain() throws Exception {
        fabric.boot("stubborn");
        fabric.host(HOST2)
                .store()
                .next(writing(FabricPaths.placement("stubborn"), "migrated from"), lost());
        fabric.host(HOST1)
                .store()
                .next(writing(FabricPaths.placement("stubborn"), "migration failed"), answerLost());
        assertEquals(Phase.FAILED, fabric.migrate("stubborn", HOST2).phase());
        fabric.awaitRunning("stubborn", HOST1, 3);
        assertStayed("stubborn");
    }

    /// Otherwise the source would wait for ever, and so would the next move.
    @Test
    void aDestinationThatCannotSayThatItIsReadySaysItAgain() throws Exception {
        fabric.boot("eager");
        var line = fabric.host(HOST2).store();
        line.next(writing(FabricPaths.migration("eager"), "PREPARED"), lost());
        assertEquals(Phase.DONE, fabric.migrate("eager", HOST2).phase());
        assertTrue(line.isReliableAgain());
        fabric.awaitRunning("eager", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("eager", HOST2));
    }

    /// The source cannot write what it does and leaves off: its next look at the record ends it.
    @Test
    void aDepartureCutShortAtItsBeginIsConcludedAndTheVmRunsOn() throws Exception {
        fabric.boot("halted");
        fabric.host(HOST1)
                .store()
                .next(writing(FabricPaths.placement("halted"), "MIGRATING"), lost());
        Migration migration = fabric.migrate("halted", HOST2);
        assertEquals(Phase.FAILED, migration.phase());
        assertEquals("it was interrupted", migration.detail());
        fabric.awaitRunning("halted", HOST1, 1);
        assertStayed("halted");
        assertMoves("halted", 2);
    }

    /// The records are out of reach at the switch and still when the move is called off.
    @Test
    void aDepartureCutShortAtItsSwitchIsConcludedAndTheVmRunsOn() throws Exception {
        fabric.boot("stuck");
        var line = fabric.host(HOST1).store();
        line.next(writing(FabricPaths.migration("stuck"), "SWITCHING"), answerLost());
        line.next(writing(FabricPaths.port("stuck-0"), "stuck"), lost());
        Migration migration = fabric.migrate("stuck", HOST2);
        assertEquals(Phase.FAILED, migration.phase());
        assertEquals("it was interrupted", migration.detail());
        assertTrue(line.isReliableAgain());
        fabric.awaitRunning("stuck", HOST1, 1);
        assertStayed("stuck");
        assertMoves("stuck", 2);
    }

    /// The VM has moved, but the source cannot say so: the record does not stay open for ever.
    @Test
    void aMoveThatItsSourceCannotRecordIsConcludedByTheNewOwner() throws Exception {
        fabric.boot("silent");
        fabric.host(HOST1).store().next(writing(FabricPaths.migration("silent"), "DONE"), lost());
        assertEquals(Phase.DONE, fabric.migrate("silent", HOST2).phase());
        fabric.awaitRunning("silent", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("silent", HOST2));
        assertMovesBack("silent", 3);
    }

    /// It has another word for the pool than the rest of the fabric: its requests reach nobody.
    @Test
    void aDestinationThatCannotReachTheDiskRefusesBeforeTheSwitch() throws Exception {
        fabric.boot("rooted");
        UnluckyHost destination = fabric.host(HOST2);
        destination.poolSees(InterruptedMoveTest::withoutStorage);
        try {
            Migration migration = fabric.migrate("rooted", HOST2);
            assertEquals(Phase.FAILED, migration.phase());
            assertTrue(migration.detail().contains("disk 'rooted-root'"), migration::detail);
            assertEquals(0, migration.transferredBytes(), "before any page was sent");
        } finally {
            destination.poolSees(now -> now);
        }
        fabric.awaitRunning("rooted", HOST1, 1);
        assertStayed("rooted");
        assertMoves("rooted", 2);
    }

    private static FabricImage withoutStorage(FabricImage now) {
        var presences = new HashMap<>(now.presences());
        presences.replaceAll((_, presence) ->
                presence.role() != NodePresence.Role.STORAGE
                        ? presence
                        : new NodePresence(
                                presence.node(),
                                presence.role(),
                                presence.incarnation(),
                                "127.0.0.1:1",
                                presence.nbd(),
                                presence.vtep(),
                                presence.metrics(),
                                presence.disks(),
                                presence.memoryBytes(),
                                presence.pid()));
        return new FabricImage(
                now.cluster(),
                now.settings(),
                presences,
                now.volumes(),
                now.attachments(),
                now.exports(),
                now.images(),
                now.networks(),
                now.ports(),
                now.vms(),
                now.placements(),
                now.migrations());
    }

    /// Its end must be recorded, however often that fails: nobody else will say that it is off.
    @Test
    void aGuestThatSwitchesItselfOffWhileTheRecordsAreAwayIsStopped() throws Exception {
        fabric.boot("tired");
        var line = fabric.host(HOST1).store();
        line.next(writing(FabricPaths.vm("tired"), "STOPPED"), lost());
        fabric.endGuest("tired", HOST1);
        fabric.await(
                "the end of tired",
                image -> {
                    VmPlacement now = image.placements().get("tired");
                    return now != null
                            && now.owner() == null
                            && now.state() == VmPlacement.State.STOPPED;
                });
        assertTrue(line.isReliableAgain());
    }

    /// It does not wait for its copy: the move is called off.
    @Test
    void aVmThatIsToStopWhileItIsCopiedStops() throws Exception {
        fabric.boot("called");
        stopsAt("called", HOST1, "COPYING");
        assertStops("called");
    }

    /// As above, while its destination prepares itself.
    @Test
    void aVmThatIsToStopBeforeItIsCopiedStops() throws Exception {
        fabric.boot("early");
        stopsAt("early", HOST2, "PREPARED");
        assertStops("early");
    }

    /// Right after that host has written that word in the move's record, or before that where it is
    /// the destination, a person stops the VM, and its owner knows.
    private static void stopsAt(String vm, NodeId writer, String phase) {
        fabric.host(writer)
                .store()
                .next(
                        writing(FabricPaths.migration(vm), phase),
                        (real, changes) -> {
                            var outcome = writer.equals(HOST1) ? real.commit(changes) : null;
                            new VmAdmin(fabric.records()).stop(fabric.image(), vm);
                            fabric.host(HOST1)
                                    .awaitKnowing(image ->
                                            VmAdmin.find(image, vm).power()
                                                    == VmSpec.Power.STOPPED);
                            return outcome == null ? real.commit(changes) : outcome;
                        });
    }

    private static void assertStops(String vm) throws Exception {
        Migration migration = fabric.migrate(vm, HOST2);
        assertEquals(Phase.FAILED, migration.phase());
        assertEquals("it is to stop", migration.detail());
        assertEquals(0, migration.transferredBytes());
        fabric.await(
                "the end of " + vm,
                image -> {
                    VmPlacement now = image.placements().get(vm);
                    return now != null && now.owner() == null && now.epoch() == 1;
                });
        assertEquals(Optional.empty(), fabric.host(HOST2).agent().machineOf(vm));
    }

    /// Before the source speaks, someone does so in its name: the move ends, and nothing of it is
    /// left at the destination that would be in the way of the next one.
    @Test
    void aMoveWhoseStreamIsGarbageEndsAndLeavesNothing() throws Exception {
        fabric.boot("spoiled");
        double before = garbageAtDestination();
        sayAtDestination("spoiled", "host1");
        Migration migration = fabric.migrate("spoiled", HOST2);
        assertEquals(Phase.FAILED, migration.phase());
        assertEquals("it goes on without a begin", migration.detail());
        assertEquals(before + 1, garbageAtDestination());
        fabric.awaitRunning("spoiled", HOST1, 1);
        assertStayed("spoiled");
        assertMoves("spoiled", 2);
    }

    @Test
    void aStrangersWordDoesNotEndAMove() throws Exception {
        fabric.boot("guarded");
        double before = garbageAtDestination();
        sayAtDestination("guarded", "mallory");
        assertEquals(Phase.DONE, fabric.migrate("guarded", HOST2).phase());
        assertEquals(before + 1, garbageAtDestination());
        fabric.awaitRunning("guarded", HOST2, 2);
        assertGoesOn(fabric.awaitCounting("guarded", HOST2));
    }

    private static double garbageAtDestination() {
        return fabric.host(HOST2).registry().counter("weft.transport.garbage").count();
    }

    /// Just before the VM's next departure begins, that node tells the destination of a page.
    private static void sayAtDestination(String vm, String node) {
        fabric.host(HOST1)
                .store()
                .next(
                        writing(FabricPaths.migration(vm), "COPYING"),
                        (real, changes) -> {
                            Migration migration =
                                    new FabricRecords(real)
                                            .find(FabricPaths.migration(vm), Migration.class)
                                            .orElseThrow()
                                            .noun();
                            fabric.say(
                                    new NodeId(node),
                                    HOST2,
                                    new MigrationMessage.ZeroPages(migration.id(), new long[1]));
                            return real.commit(changes);
                        });
    }

    private static void assertMoves(String vm, long epoch) throws Exception {
        assertEquals(Phase.DONE, fabric.migrate(vm, HOST2).phase(), "it can move later");
        fabric.awaitRunning(vm, HOST2, epoch);
        assertGoesOn(fabric.awaitCounting(vm, HOST2));
    }

    private static void assertMovesBack(String vm, long epoch) throws Exception {
        assertEquals(Phase.DONE, fabric.migrate(vm, HOST1).phase(), "it can move later");
        fabric.awaitRunning(vm, HOST1, epoch);
        assertGoesOn(fabric.awaitCounting(vm, HOST1));
    }

    /// It has not booted here: it came with what it had counted.
    private static void assertGoesOn(String output) {
        assertTrue(!output.contains("B"), output);
    }

    private static void assertBooted(String output) {
        assertTrue(output.startsWith("B"), output);
    }

    /// It counts on host1, has booted once in its life, and nothing of the move is left.
    private static void assertStayed(String vm) throws Exception {
        String output = fabric.awaitCounting(vm, HOST1);
        assertEquals(1, output.chars().filter(c -> c == 'B').count(), output);
        fabric.await(
                "the end of " + vm + "'s announcement",
                image -> {
                    PortBinding port = image.ports().get(vm + "-0");
                    return port != null && port.next() == null;
                });
        PortBinding port = Objects.requireNonNull(fabric.image().ports().get(vm + "-0"));
        assertEquals(HOST1, port.host());
        assertNull(port.next());
        fabric.await(
                "the owner's word on " + vm,
                image -> {
                    VmPlacement now = image.placements().get(vm);
                    return now != null && now.state() == VmPlacement.State.RUNNING;
                });
    }
}
