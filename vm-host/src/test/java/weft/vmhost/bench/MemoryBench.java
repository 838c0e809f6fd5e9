package weft.vmhost.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.memory.GuestMemory;

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
    private static final long FIRST = BenchHart.RAM + 0x10_0000;

    /// Whether dirty pages are tracked.
    @Param({"false", "true"})
    public boolean tracking;

    /// Whether there are pages that have yet to come: none of those used here.
    @Param({"false", "true"})
    public boolean absent;

    private final BenchHart bench =
            new BenchHart(TestedEngine.INTERPRETER, "nop", Hart::requestStop).paged();
    private long turn;

    /// Tracks from before the first store on.
    @Setup
    public void begin() {
        if (tracking) {
            bench.memory.startDirtyTracking();
        }
        if (absent) {
            try (var other = new GuestMemory(BenchHart.RAM, bench.memory.sizeBytes())) {
                other.store8(UNUSED, 1);
                bench.memory.expect(other.touchedPages(), _ -> {});
            }
        }
        bench.hart.requestStop();
        bench.hart.run(bench.engine);
    }

    /// A load of a page that the TLB knows.
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
