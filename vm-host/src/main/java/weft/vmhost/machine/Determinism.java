package weft.vmhost.machine;

import org.jspecify.annotations.Nullable;

import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.ExactRun;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.InstructionClock;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;

/// What makes a machine deterministic: a clock and a world of devices that follow its one hart, and
/// how that is run.
final class Determinism {
    private final InstructionClock clock;
    private final CountedWorld world;
    private @Nullable ExactRun run;

    /// @param harts the one hart, once it is made
    /// @param timeNanos the guest's time
    Determinism(Loop loop, List<HartThread> harts, LongSupplier timeNanos) {
        LongSupplier instructions = () -> harts.getFirst().hart().retiredInstructions();
        clock = new InstructionClock(instructions);
        world = new CountedWorld(loop, instructions, timeNanos);
    }

    Clock clock() {
        return clock;
    }

    CountedWorld world() {
        return world;
    }

    /// Nothing is typed any more, and the hart waits for these devices.
    void isolate(Board board, SerialConsole... consoles) {
        world.watch(board::isIdle);
        for (SerialConsole console : consoles) {
            console.stopListening();
        }
    }

    /// What executes the hart.
    Runnable execution(Hart hart, Engine engine, int quantumInstructions) {
        var made = new ExactRun(hart, clock, world, quantumInstructions);
        run = made;
        return () -> made.run(engine);
    }

    /// See [Machine#stopAt].
    CompletableFuture<Void> stopAt(long instructions) {
        if (run == null) {
            throw new IllegalStateException("no hart yet");
        }
        var reached = new CompletableFuture<Void>();
        run.stopAt(instructions, () -> reached.complete(null));
        return reached;
    }
}
