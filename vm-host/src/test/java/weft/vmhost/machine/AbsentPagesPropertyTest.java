package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.runtime.BootClock;
import weft.sim.Seed;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.memory.LatePages;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.vmhost.snapshot.StateHash;

import java.io.IOException;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// A guest whose RAM follows it page by page does what it would have done anyway: its state after n
/// instructions is the same, whichever engine executes it and in whatever order pages come.
@Timeout(300)
class AbsentPagesPropertyTest {
    private static final long INSTRUCTIONS = 300_000;
    private static final Machine.Listener NOBODY = new Machine.Listener() {};

    private static Machine machine(MachineSpec spec, TestedEngine engine) {
        return new Machine(spec, BootClock.SYSTEM, EngineSet.of(engine.forMachine()), NOBODY);
    }

    private static void runTo(Machine machine, long instructions) throws Exception {
        CompletableFuture<Void> reached = machine.stopAt(instructions);
        machine.start();
        machine.resume();
        reached.get(2, TimeUnit.MINUTES);
        assertInstanceOf(PowerState.Paused.class, machine.pause());
    }

    /// A machine in the state of this one, whose RAM stays behind.
    private static Machine without(Machine from, TestedEngine engine) throws IOException {
        Machine to = machine(from.spec(), engine);
        MachineSnapshot.restore(to, MachineSnapshot.capture(from));
        return to;
    }

    @Test
    void aGuestThatLeavesItsRamBehindEndsTheSame() {
        for (long seed : Seed.runs(2)) {
            Seed.replayable(seed, () -> moveOnEveryEngine(seed));
        }
    }

    private static void moveOnEveryEngine(long seed) {
        try {
            var random = new SplittableRandom(seed);
            MachineSpec spec = RestlessGuest.spec("absent", seed);
            for (TestedEngine engine : TestedEngine.values()) {
                long at = random.nextLong(INSTRUCTIONS);
                try (Machine here = machine(spec, TestedEngine.INTERPRETER);
                        Machine there = moved(here, at, engine, random.split())) {
                    runTo(here, INSTRUCTIONS);
                    String expected = StateHash.of(here);
                    assertEquals(expected, StateHash.of(there), engine + ", moved at " + at);
                }
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /// Moves the guest after so many instructions, and lets it run to the end there; it is paused
    /// now and then.
    private static Machine moved(
            Machine here, long at, TestedEngine engine, SplittableRandom random) throws Exception {
        runTo(here, at);
        Machine there = without(here, engine);
        LatePages source = LatePages.of(here.memory().allPages(), here.memory(), there.memory());
        var delivered = CompletableFuture.runAsync(() -> deliverAll(source, random));
        CompletableFuture<Void> reached = there.stopAt(INSTRUCTIONS);
        there.resume();
        for (int pauses = 0; pauses < 20 && !reached.isDone(); pauses++) {
            assertInstanceOf(PowerState.Paused.class, there.pause());
            there.resume();
        }
        reached.get(2, TimeUnit.MINUTES);
        there.pause();
        delivered.get(2, TimeUnit.MINUTES);
        return there;
    }

    private static void deliverAll(LatePages source, SplittableRandom random) {
        try {
            source.deliverAll(random);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aMachineWhosePagesDoNotComeCanBePausedAndSwitchedOff() throws Exception {
        MachineSpec spec = RestlessGuest.spec("stuck", 3);
        try (Machine here = machine(spec, TestedEngine.NATIVE)) {
            runTo(here, 100_000);
            Machine there = without(here, TestedEngine.NATIVE);
            LatePages source =
                    LatePages.of(here.memory().allPages(), here.memory(), there.memory());
            there.resume();
            source.awaitWanted();
            assertInstanceOf(PowerState.Paused.class, there.pause());
            long pc = there.harts().getFirst().pc();
            there.resume();
            assertInstanceOf(PowerState.Paused.class, there.pause());
            assertEquals(pc, there.harts().getFirst().pc());
            assertTrue(there.memory().absentPages() > 0);
            there.close();
        }
    }

    @Test
    void aResetLeavesNothingToWaitFor() throws Exception {
        MachineSpec spec = RestlessGuest.spec("reset", 4);
        try (Machine here = machine(spec, TestedEngine.INTERPRETER)) {
            runTo(here, 50_000);
            try (Machine there = without(here, TestedEngine.INTERPRETER)) {
                LatePages source =
                        LatePages.of(here.memory().allPages(), here.memory(), there.memory());
                there.resume();
                source.awaitWanted();
                there.reset();
                assertEquals(0, there.memory().absentPages());
                assertFalse(source.deliver(MemoryLayout.RAM));
                runTo(there, 200_000);
            }
        }
    }
}
