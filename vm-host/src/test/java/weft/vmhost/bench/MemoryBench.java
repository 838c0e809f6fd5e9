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
import weft.vmhost.memory.GuestMemory;

import java.util.List;
import java.util.concurrent.TimeUnit;

/// A hart's loads and stores: found in the TLB, and not. Neither dirty tracking nor pages that have
/// yet to come make a difference to an access that is found there.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class MemoryBench {
    /// As far apart as two addresses that share an entry of the TLB.
    private static final long REACH = 1024L << 12;

    private static final long UNUSED = BenchHart.RAM + (48 << 20);
    private static final int ACCESSES = 8;
    private static final int TURNS = 10_000;
    private static final long FIRST = BenchHart.RAM + 0x10_0000;

    /// Whether dirty pages are tracked.
    @Param({"false", "true"})
    public boolean tracking;

    /// Whether there are pages that have yet to come: none of those used here.
    @Param({"false", "true"})
    public boolean absent;

    private final BenchHart bench =
            new BenchHart(TestedEngine.INTERPRETER, "nop", Hart::requestStop).paged();
    private final BenchHart loads = compiled("ld a0, 0(a1)");
    private final BenchHart stores = compiled("sd a0, 0(a1)");
    private long turn;

    /// Accesses through a register that changes, so that each has a look of its own.
    private static BenchHart compiled(String access) {
        String loop = (access + "\naddi a1, a1, 8\n").repeat(ACCESSES);
        return new BenchHart(
                        TestedEngine.NATIVE,
                        """
                        li   a1, %#x
                        li   t0, %d
                        loop: %s
                        addi a1, a1, %d
                        addi t0, t0, -1
                        bnez t0, loop
                        li   t1, 0x100000
                        sw   zero, 0(t1)
                        j    .+0
                        """
                                .formatted(FIRST, TURNS, loop, -8 * ACCESSES),
                        Hart::requestStop)
                .paged();
    }

    /// Tracks from before the first store on.
    @Setup
    public void begin() {
        for (BenchHart it : List.of(bench, loads, stores)) {
            if (tracking) {
                it.memory.startDirtyTracking();
            }
            if (absent) {
                try (var other = new GuestMemory(BenchHart.RAM, it.memory.sizeBytes())) {
                    other.store8(UNUSED, 1);
                    it.memory.expect(other.touchedPages(), _ -> {});
                }
            }
        }
        bench.hart.requestStop();
        bench.hart.run(bench.engine);
    }

    /// A load and the addition to its address, in machine code.
    @Benchmark
    @OperationsPerInvocation(ACCESSES * TURNS)
    public void compiledLoadHit() {
        loads.run();
    }

    /// The same for a store.
    @Benchmark
    @OperationsPerInvocation(ACCESSES * TURNS)
    public void compiledStoreHit() {
        stores.run();
    }

    /// A load of a page that the TLB knows, by the slow path.
    @Benchmark
    public long tlbHit() {
        return bench.hart.memory().load(FIRST + (++turn & 0xff8), 8);
    }

    /// A store to a page that the TLB knows.
    @Benchmark
    public void storeHit() {
        bench.hart.memory().store(FIRST + (++turn & 0xff8), 8, turn);
    }

    /// A load that has to walk three levels, as its entry was just taken by another.
    @Benchmark
    public long tlbMiss() {
        return bench.hart.memory().load(FIRST + (++turn & 7) * REACH, 8);
    }

    /// The same for a store, which announces the page as written.
    @Benchmark
    public void storeMiss() {
        bench.hart.memory().store(FIRST + (++turn & 7) * REACH, 8, turn);
    }
}
