package weft.vmhost.differential;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.MmioDevice;
import weft.vmhost.memory.PhysicalBus;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;

/// Our hart with one of its engines, on a thread of its own.
final class HartMachine implements TestMachine {
    private final Supplier<Function<Hart, Engine>> engines;

    private long instructions;
    private long millis;

    HartMachine(TestedEngine tested) {
        this(tested::forMachine);
    }

    /// @param engines makes what makes the engines of one machine's harts
    HartMachine(Supplier<Function<Hart, Engine>> engines) {
        this.engines = engines;
    }

    private static final long SECONDS_MAX = 180;

    /// t2, where [Firmware] has minstret at the end.
    private static final int INSTRUCTIONS_REGISTER = 7;

    @Override
    public byte[] run(byte[] ram) throws IOException, InterruptedException {
        try (GuestMemory memory = new GuestMemory(ProgramImage.RAM_BASE, ram.length)) {
            memory.write(ProgramImage.RAM_BASE, ByteBuffer.wrap(ram));
            PhysicalBus bus = new PhysicalBus(memory);
            Hart hart = new Hart(0, bus, () -> 0, null);
            PowerSwitch power = new PowerSwitch(hart);
            bus.attach(ProgramImage.POWER_ADDRESS, 0x1000, power);
            hart.reset(ProgramImage.RAM_BASE, Privilege.MACHINE, 0, 0);
            Engine engine = engines.get().apply(hart);
            Thread thread = new Thread(() -> hart.run(engine), "test hart");
            long startNanos = System.nanoTime();
            thread.start();
            thread.join(TimeUnit.SECONDS.toMillis(SECONDS_MAX));
            millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
            hart.requestStop();
            thread.join(TimeUnit.SECONDS.toMillis(SECONDS_MAX));
            if (thread.isAlive()) {
                throw new IOException("the hart does not stop");
            }
            instructions = hart.x(INSTRUCTIONS_REGISTER);
            byte[] after = new byte[ram.length];
            memory.read(ProgramImage.RAM_BASE, ByteBuffer.wrap(after));
            if (!power.off.get()) {
                throw new IOException(
                        "the hart did not end in %d s; pc 0x%x".formatted(SECONDS_MAX, hart.pc()));
            }
            return after;
        }
    }

    /// How many instructions the last run took, up to the power switch.
    long instructions() {
        return instructions;
    }

    /// How long it took, with all that the engine did to get there.
    long millis() {
        return millis;
    }

    private record PowerSwitch(Hart hart, AtomicBoolean off) implements MmioDevice {
        PowerSwitch(Hart hart) {
            this(hart, new AtomicBoolean());
        }

        @Override
        public long load(int offsetBytes, int sizeBytes) {
            return 0;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {
            if (value == ProgramImage.POWER_OFF) {
                off.set(true);
                hart.requestStop();
            }
        }
    }
}
