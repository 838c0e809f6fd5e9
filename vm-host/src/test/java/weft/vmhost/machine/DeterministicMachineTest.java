package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import weft.fabric.MacAddress;
import weft.runtime.BootClock;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.vmhost.snapshot.StateHash;
import weft.vmhost.virtio.VirtioForm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// What a deterministic machine has become after n instructions follows from n alone.
class DeterministicMachineTest {
    private static final long INSTRUCTIONS = 700_000;
    private static final long SHORT_RUN = 300_000;
    private static final Machine.Listener NOBODY = new Machine.Listener() {};

    private static Machine machine(MachineSpec spec, TestedEngine engine) {
        return new Machine(spec, BootClock.SYSTEM, EngineSet.of(engine.forMachine()), NOBODY);
    }

    private static void runTo(Machine machine, long instructions) throws Exception {
        CompletableFuture<Void> reached = machine.stopAt(instructions);
        machine.start();
        machine.resume();
        reached.get(5, TimeUnit.MINUTES);
        assertInstanceOf(PowerState.Paused.class, machine.pause());
        assertEquals(instructions, machine.harts().getFirst().retiredInstructions());
    }

    private static String hashAt(long instructions, MachineSpec spec, TestedEngine engine)
            throws Exception {
        try (Machine machine = machine(spec, engine)) {
            runTo(machine, instructions);
            return StateHash.of(machine);
        }
    }

    private static String hashAt(
            long instructions, MachineSpec spec, TestedEngine engine, int quantum)
            throws Exception {
        EngineSet engines = EngineSet.of(engine.forMachine()).withExactQuantum(quantum);
        try (Machine machine = new Machine(spec, BootClock.SYSTEM, engines, NOBODY)) {
            runTo(machine, instructions);
            return StateHash.of(machine);
        }
    }

    /// The guest goes on in a machine of its own.
    private static void move(Machine from, Machine to) throws IOException {
        MachineSnapshot.restore(to, MachineSnapshot.capture(from));
        var page = ByteBuffer.allocate(4096);
        from.memory()
                .touchedPages()
                .forEach(address -> {
                    from.memory().read(address, page.clear());
                    to.memory().write(address, page.flip());
                });
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20_261_128, -77})
    void everyEngineComesToTheSameState(long seed) throws Exception {
        long instructions = INSTRUCTIONS + seed % 1000;
        MachineSpec spec = RestlessGuest.spec("restless", seed);
        String expected = hashAt(instructions, spec, TestedEngine.INTERPRETER);
        assertNotEquals(expected, hashAt(instructions - 1, spec, TestedEngine.INTERPRETER));
        for (TestedEngine engine : TestedEngine.values()) {
            assertEquals(expected, hashAt(instructions, spec, engine), engine.name());
        }
    }

    /// Smaller than a loop, than a page, about what an engine may run over, and without end.
    @ParameterizedTest
    @ValueSource(ints = {1, 100, 4097, Integer.MAX_VALUE})
    void whateverAnEngineIsGivenAtATimeItComesToTheSameState(int quantum) throws Exception {
        MachineSpec spec = RestlessGuest.spec("given", 11);
        String expected = hashAt(SHORT_RUN, spec, TestedEngine.INTERPRETER);
        for (TestedEngine engine :
                List.of(
                        TestedEngine.INTERPRETER,
                        TestedEngine.EAGER_TRANSLATOR,
                        TestedEngine.EAGER_NATIVE,
                        TestedEngine.UNITS_HERE_AND_THERE,
                        TestedEngine.NATIVE)) {
            assertEquals(expected, hashAt(SHORT_RUN, spec, engine, quantum), engine.name());
        }
    }

    /// Stopped at places of all kinds, moved from engine to engine: in the middle of a
    /// load-reserved sequence, of an interrupt's service, of a sleep.
    @ParameterizedTest
    @ValueSource(longs = {5, 6})
    void aGuestMovedAtAnyInstructionEndsTheSame(long seed) throws Exception {
        MachineSpec spec = RestlessGuest.spec("moving", seed);
        String expected = hashAt(INSTRUCTIONS, spec, TestedEngine.INTERPRETER);
        var random = new SplittableRandom(seed);
        TestedEngine[] engines = {
            TestedEngine.INTERPRETER,
            TestedEngine.EAGER_TRANSLATOR,
            TestedEngine.EAGER_NATIVE,
            TestedEngine.TRANSLATOR,
            TestedEngine.CODE_GIVEN_UP_AGAIN,
            TestedEngine.NATIVE
        };
        Machine here = machine(spec, TestedEngine.INTERPRETER);
        long at = 0;
        for (int move = 0; at < INSTRUCTIONS; move++) {
            at = Math.min(INSTRUCTIONS, at + random.nextInt(1, 30_000));
            runTo(here, at);
            Machine there = machine(spec, engines[move % engines.length]);
            move(here, there);
            here.close();
            here = there;
        }
        assertEquals(expected, StateHash.of(here));
        here.close();
    }

    /// The host stops it wherever it happens to be.
    @ParameterizedTest
    @EnumSource(
            value = TestedEngine.class,
            names = {"REGIONS_HERE_AND_THERE", "EAGER_NATIVE", "UNITS_HERE_AND_THERE", "NATIVE"})
    void pausesChangeNothing(TestedEngine engine) throws Exception {
        MachineSpec spec = RestlessGuest.spec("paused", 9);
        String expected = hashAt(INSTRUCTIONS, spec, TestedEngine.INTERPRETER);
        try (Machine machine = machine(spec, engine)) {
            CompletableFuture<Void> reached = machine.stopAt(INSTRUCTIONS);
            machine.start();
            for (int pauses = 0; pauses < 20 && !reached.isDone(); pauses++) {
                machine.pause();
                machine.console().type(new byte[] {'x'}, 0, 1);
                machine.resume();
            }
            reached.get(5, TimeUnit.MINUTES);
            machine.pause();
            assertEquals(expected, StateHash.of(machine));
        }
    }

    /// A kernel's view: S-mode, Sstc, an end by itself.
    @ParameterizedTest
    @EnumSource(
            value = TestedEngine.class,
            names = {
                "EAGER_TRANSLATOR",
                "SMALL_REGIONS_IN_SHORT_RUNS",
                "TRANSLATOR",
                "EAGER_NATIVE",
                "SMALL_UNITS_IN_SHORT_RUNS",
                "NATIVE"
            })
    void aGuestThatEndsDoesSoAtTheSameInstruction(TestedEngine engine) throws Exception {
        var plain = TimerGuest.spec("timer");
        var spec =
                new MachineSpec(
                        "timer",
                        plain.memoryBytes(),
                        1,
                        plain.boot(),
                        List.of(),
                        List.of(),
                        MachineSpec.Options.DETERMINISTIC);
        var off = new CompletableFuture<PowerState>();
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        off.complete(state);
                    }
                };
        try (var machine =
                new Machine(spec, BootClock.SYSTEM, EngineSet.of(engine.forMachine()), listener)) {
            machine.start();
            assertEquals(new PowerState.Off(), off.get(5, TimeUnit.MINUTES));
            assertEquals(TimerGuest.DOTS, machine.console().outputEnd());
            // 400 interrupts a millisecond apart, at a million instructions each.
            assertEquals(400_000_014L, machine.harts().getFirst().retiredInstructions());
        }
    }

    @Test
    void whatTheHostWouldDecideIsRefused() {
        var options = MachineSpec.Options.DETERMINISTIC;
        var boot = RestlessGuest.spec("x", 1).boot();
        var nic = new MachineSpec.Nic(MacAddress.parse("52:54:00:00:00:01"), 1500);
        var balloon = new MachineSpec.Options(VirtioForm.MODERN, false, true, false, true);
        assertThrows(
                IllegalArgumentException.class,
                () -> new MachineSpec("x", 16L << 20, 2, boot, List.of(), List.of(), options));
        assertThrows(
                IllegalArgumentException.class,
                () -> new MachineSpec("x", 16L << 20, 1, boot, List.of(), List.of(nic), options));
        assertThrows(
                IllegalArgumentException.class,
                () -> new MachineSpec("x", 16L << 20, 1, boot, List.of(), List.of(), balloon));
    }

    /// The first instructions of the stock Debian kernel.
    @Test
    @Tag("long")
    void aKernelBootsTheSameOnEveryEngine() throws Exception {
        long instructions = Long.getLong("weft.deterministic.instructions", 50_000_000);
        var spec =
                new MachineSpec(
                        "debian",
                        256L << 20,
                        1,
                        DebianGuest.bootImage(""),
                        List.of(),
                        List.of(),
                        MachineSpec.Options.DETERMINISTIC);
        String expected = hashAt(instructions, spec, TestedEngine.INTERPRETER);
        for (TestedEngine engine : TestedEngine.values()) {
            assertEquals(expected, hashAt(instructions, spec, engine), engine.name());
        }
    }
}
