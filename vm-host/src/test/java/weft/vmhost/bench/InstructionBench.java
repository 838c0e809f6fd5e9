package weft.vmhost.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.isa.Decoder;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/// Instructions and what happens between them.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class InstructionBench {
    private static final int TURNS = 100_000;
    private static final int WORDS = 4096;

    private static final String BEGIN = "li t0, " + TURNS + "\n";
    private static final String END =
            "addi t0, t0, -1\nbnez t0, loop\nli t1, 0x100000\nsw zero, 0(t1)\nj .+0\n";

    /// Ten instructions a turn.
    private static final String PLAIN =
            BEGIN
                    + """
                    loop: addi a0, a0, 1
                          xor  a1, a1, a0
                          slli a2, a1, 3
                          add  a3, a3, a2
                          and  a4, a3, a1
                          sub  a5, a4, a0
                          or   a6, a5, a1
                          srli a7, a6, 2
                    """
                    + END;

    /// One trap and its return a turn.
    private static final String TRAPS =
            """
            la   t2, handler
            csrw mtvec, t2
            j    begin
            .align 2
            handler: csrr t3, mepc
            addi t3, t3, 4
            csrw mepc, t3
            mret
            begin:
            """
                    + BEGIN
                    + "loop: ecall\n"
                    + END;

    /// A call into another page and back: two pages are entered each turn.
    private static final String CALLS =
            BEGIN + "loop: jal ra, far\n" + END + ".align 12\nfar: addi a0, a0, 1\nret\n";

    /// Each has three seconds to become warm.
    @Param({"INTERPRETER", "INTERPRETER_IN_MACHINE_CODE", "TRANSLATOR", "NATIVE"})
    public TestedEngine engine = TestedEngine.INTERPRETER;

    private final int[] words = new SplittableRandom(1).ints(WORDS).map(w -> w | 3).toArray();
    private BenchHart plain = hart(PLAIN);
    private BenchHart trapping = hart(TRAPS);
    private BenchHart calling = hart(CALLS);

    private BenchHart hart(String program) {
        return new BenchHart(engine, program, Hart::requestStop);
    }

    /// JMH has set the engine.
    @Setup
    public void begin() {
        plain = hart(PLAIN);
        trapping = hart(TRAPS);
        calling = hart(CALLS);
    }

    /// An instruction.
    @Benchmark
    @OperationsPerInvocation(10 * TURNS)
    public void step() {
        plain.run();
    }

    /// A trap, its handler of three instructions, and the return from it.
    @Benchmark
    @OperationsPerInvocation(TURNS)
    public void trap() {
        trapping.run();
    }

    /// Leaving one page's code and entering another's.
    @Benchmark
    @OperationsPerInvocation(2 * TURNS)
    public void regionEntry() {
        calling.run();
    }

    /// An instruction word of 32 bits, random.
    @Benchmark
    @OperationsPerInvocation(WORDS)
    public long decode() {
        long all = 0;
        for (int word : words) {
            all ^= Decoder.decode(word);
        }
        return all;
    }
}
