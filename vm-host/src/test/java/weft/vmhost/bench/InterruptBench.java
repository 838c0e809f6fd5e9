package weft.vmhost.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.interpreter.TestedEngine;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// From the moment a line is raised by another thread to the handler's first store, while the hart
/// computes without pause, or sleeps in `wfi`. How many instructions that may be is a test's affair
/// (InterruptLatencyTest).
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class InterruptBench {
    private static final String PROGRAM =
            """
                  la   t0, handler
                  csrw mtvec, t0
                  li   s1, 0x100000
                  li   t0, 8               # MSIE
                  csrw mie, t0
                  csrrsi zero, mstatus, 8
            loop: addi a0, a0, 1
                  xor  a1, a1, a0
                  add  a2, a2, a1
                  %s
                  j    loop
            .align 2
            handler: sw zero, 0(s1)
                  mret
            """;

    /// What the hart executes on.
    @Param({"INTERPRETER", "EAGER_TRANSLATOR", "EAGER_NATIVE"})
    public TestedEngine engine = TestedEngine.INTERPRETER;

    /// What else it does in its loop.
    @Param({"nop", "wfi"})
    public String instruction = "nop";

    private final AtomicInteger taken = new AtomicInteger();
    private BenchHart bench = new BenchHart(engine, "nop", Hart::requestStop);
    private Thread thread = new Thread(() -> {});

    /// Lets the hart compute.
    @Setup
    public void begin() {
        bench = new BenchHart(engine, PROGRAM.formatted(instruction), this::handled);
        thread = Thread.ofPlatform().daemon(true).start(bench::run);
    }

    private void handled(Hart hart) {
        hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, false);
        taken.incrementAndGet();
    }

    /// Ends it.
    @TearDown
    public void end() throws InterruptedException {
        bench.hart.requestStop();
        thread.join();
    }

    /// Raises the line and waits for the handler.
    @Benchmark
    public int latency() {
        int before = taken.get();
        bench.hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, true);
        while (taken.get() == before) {
            Thread.onSpinWait();
        }
        return before;
    }
}
