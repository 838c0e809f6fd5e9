package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import weft.fabric.MacAddress;
import weft.runtime.BootClock;
import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Sleep;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.snapshot.MachineSnapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Pause, state, power: with a guest whose timer never rests.
class MachineSnapshotTest {
    private final CountDownLatch ended = new CountDownLatch(1);

    private final Machine.Listener listener =
            new Machine.Listener() {
                @Override
                public void powerChanged(PowerState state) {
                    ended.countDown();
                }
            };

    private Machine machine(String name) {
        return new Machine(TimerGuest.spec(name), BootClock.SYSTEM, listener);
    }

    private static void awaitDots(Machine machine, int count) throws InterruptedException {
        var chunk = new byte[64];
        long position = 0;
        for (int tries = 0; position < count; tries++) {
            assertTrue(tries < 600, "only " + position + " dots");
            position =
                    machine.console().read(position, chunk, Duration.ofMillis(100)).nextPosition();
        }
    }

    private static void copyMemory(Machine from, Machine to) {
        var page = ByteBuffer.allocate(4096);
        from.memory()
                .touchedPages()
                .forEach(address -> {
                    from.memory().read(address, page.clear());
                    to.memory().write(address, page.flip());
                });
    }

    @Test
    void aGuestRunsToItsEnd() throws InterruptedException {
        try (Machine machine = machine("alone")) {
            machine.start();

            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertEquals(new PowerState.Off(), machine.state());
            assertEquals(TimerGuest.DOTS, machine.console().outputEnd());
        }
    }

    @Test
    void aBusyGuestGoesOnInAnotherMachineWithItsTimerAndItsTime()
            throws IOException, InterruptedException {
        try (Machine source = machine("source");
                Machine target = machine("target")) {
            source.start();
            awaitDots(source, 3);
            assertInstanceOf(PowerState.Paused.class, source.pause());
            long dots = source.console().outputEnd();
            byte[] state = MachineSnapshot.capture(source);
            HartState hart = source.harts().getFirst().capture();

            MachineSnapshot.restore(target, state);
            copyMemory(source, target);
            assertEquals(hart, target.harts().getFirst().capture());
            assertEquals(source.time().ticks(), target.time().ticks());
            target.resumeAfterBlackout(Duration.ofMillis(30));

            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertEquals(new PowerState.Off(), target.state(), "time went backwards");
            assertEquals(TimerGuest.DOTS, dots + target.console().outputEnd());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Sleep.class,
            names = {"WAITING", "SUSPENDED"})
    void aHartThatSleepsSleepsInTheSameWayInAnotherMachine(Sleep sleep)
            throws IOException, InterruptedException {
        try (Machine source = machine("source");
                Machine target = machine("target")) {
            source.start();
            awaitDots(source, 1);
            assertInstanceOf(PowerState.Paused.class, source.pause());
            source.harts().getFirst().waitForInterrupt(sleep);

            MachineSnapshot.restore(target, MachineSnapshot.capture(source));

            assertEquals(sleep, target.harts().getFirst().capture().sleep());
        }
    }

    /// A state of before there was one; its guest has not seen it.
    @Test
    void aGuestWithoutPowerButtonGoesOnInAMachineThatHasOne()
            throws IOException, InterruptedException {
        MachineSpec plain = TimerGuest.spec("later");
        var spec =
                new MachineSpec(
                        plain.name(),
                        plain.memoryBytes(),
                        plain.harts(),
                        plain.boot(),
                        plain.disks(),
                        plain.nics(),
                        MachineSpec.Options.POWER_BUTTON);
        try (Machine source = machine("source");
                Machine target = new Machine(spec, BootClock.SYSTEM, listener)) {
            source.start();
            awaitDots(source, 3);
            assertInstanceOf(PowerState.Paused.class, source.pause());
            long dots = source.console().outputEnd();
            byte[] state = MachineSnapshot.capture(source);

            MachineSnapshot.restore(target, state);
            copyMemory(source, target);
            target.resume();

            assertFalse(target.powerButton().orElseThrow().press(), "nobody drives it");
            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertEquals(TimerGuest.DOTS, dots + target.console().outputEnd());
        }
    }

    /// Three harts count, each in a word of its own, and look whether the word is what they wrote.
    @Test
    void allHartsGoOnWhereTheyWere() throws InterruptedException, IOException {
        long words = MemoryLayout.RAM + 0x1000;
        byte[] code =
                new Assembler(MemoryLayout.RAM)
                        .add(
                                """
                                    li   s1, %#x
                                    slli t0, a0, 3
                                    add  s2, s1, t0
                                    li   s3, 30000000
                                    addi s4, s1, 24
                                loop:
                                    addi s0, s0, 1
                                    sd   s0, 0(s2)
                                    ld   t0, 0(s2)
                                    bne  t0, s0, fail
                                    bltu s0, s3, loop
                                    li   t0, 1
                                    amoadd.d zero, t0, (s4)
                                others:
                                    ld   t0, 0(s4)
                                    li   t1, 3
                                    bne  t0, t1, others
                                    li   t0, 0x5555
                                    j    end
                                fail:
                                    li   t0, 0x73333
                                end:
                                    li   t1, 0x100000
                                    sw   t0, 0(t1)
                                    j    .+0
                                """
                                        .formatted(words))
                        .assemble();
        var program = new ElfFile(MemoryLayout.RAM).load(MemoryLayout.RAM, code, 0x2000);
        var boot = ElfProgram.parse(program.bytes());
        var spec = new MachineSpec("three", 16L << 20, 3, boot, List.of(), List.of());
        try (var source = new Machine(spec, BootClock.SYSTEM, listener);
                var target = new Machine(spec, BootClock.SYSTEM, listener)) {
            source.start();
            for (int hart = 0; hart < 3; hart++) {
                while (source.memory().load64(words + 8L * hart) < 1000) {
                    Thread.onSpinWait();
                }
            }
            assertInstanceOf(PowerState.Paused.class, source.pause());
            MachineSnapshot.restore(target, MachineSnapshot.capture(source));
            copyMemory(source, target);
            for (int hart = 0; hart < 3; hart++) {
                assertEquals(
                        source.harts().get(hart).capture(), target.harts().get(hart).capture());
            }
            target.resume();

            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertEquals(new PowerState.Off(), target.state());
        }
    }

    @Test
    void timeStandsStillWhilePausedAndNothingRuns() throws InterruptedException {
        try (Machine machine = machine("paused")) {
            machine.start();
            awaitDots(machine, 2);
            machine.pause();
            long ticks = machine.time().ticks();
            long instructions = machine.harts().getFirst().retiredInstructions();
            byte[] state = MachineSnapshot.capture(machine);

            org.junit.jupiter.api.Assertions.assertArrayEquals(
                    state, MachineSnapshot.capture(machine));
            assertEquals(ticks, machine.time().ticks());
            assertEquals(instructions, machine.harts().getFirst().retiredInstructions());

            machine.resume();
            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertEquals(new PowerState.Off(), machine.state());
        }
    }

    @Test
    void aResetBootsAnewFromAnyState() throws InterruptedException {
        try (Machine machine = machine("reset")) {
            machine.start();
            awaitDots(machine, 1);
            machine.pause();
            machine.reset();
            assertTrue(ended.await(60, TimeUnit.SECONDS));
            assertTrue(machine.console().outputEnd() > TimerGuest.DOTS);
        }
    }

    @Test
    void aStateOfAnotherMachineOrADamagedOneIsRefused() throws InterruptedException {
        try (Machine source = machine("source")) {
            source.start();
            awaitDots(source, 1);
            source.pause();
            byte[] state = MachineSnapshot.capture(source);
            MachineSpec spec = source.spec();
            var other =
                    new MachineSpec(
                            "other",
                            spec.memoryBytes(),
                            1,
                            spec.boot(),
                            List.of(),
                            List.of(
                                    new MachineSpec.Nic(
                                            MacAddress.parse("52:54:00:00:00:01"), 1500)));
            try (var target = new Machine(other, BootClock.SYSTEM, listener)) {
                assertThrows(IOException.class, () -> MachineSnapshot.restore(target, state));
                assertEquals(new PowerState.Off(), target.state());
            }
            state[state.length / 2] ^= 1;
            try (Machine target = machine("target")) {
                assertThrows(IOException.class, () -> MachineSnapshot.restore(target, state));
                assertEquals(new PowerState.Off(), target.state());
            }
        }
    }

    @Test
    void aCommandLineTooLongForTheDeviceTreeIsRefused() {
        MachineSpec guest = TimerGuest.spec("long");
        var image = (MachineSpec.BootImage) guest.boot();
        var boot = new MachineSpec.BootImage(image.kernel(), new byte[0], "x".repeat(2 << 20));
        var spec = new MachineSpec("long", 32L << 20, 1, boot, List.of(), List.of());
        try (var machine = new Machine(spec, BootClock.SYSTEM, listener)) {
            String why = assertThrows(BootRefused.class, machine::start).getMessage();
            assertTrue(String.valueOf(why).contains("command line"), why);
            assertEquals(new PowerState.Off(), machine.state());
        }
    }

    @Test
    void aMachineWithoutAKernelSaysSoAndStaysOff() {
        var boot = new MachineSpec.BootImage(new byte[0], new byte[0], "");
        var spec = new MachineSpec("empty", 32L << 20, 1, boot, List.of(), List.of());
        try (var machine = new Machine(spec, BootClock.SYSTEM, listener)) {
            assertThrows(BootRefused.class, machine::start);
            assertEquals(new PowerState.Off(), machine.state());
        }
    }
}
