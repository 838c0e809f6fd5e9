package weft.ops.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.FailureDomain;
import weft.runtime.BootClock;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.stream.IntStream;

/// A thousand stores and as many groups as a pool may have. What it prints stands in docs/scale.md.
class PlannerScaleTest {
    private static final int STORES = 1000;
    private static final int GROUPS = 1 << 16;

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final PlannedPool pool = new PlannedPool(GROUPS, 3);

    private static FailureDomain place(int number) {
        return new FailureDomain("zone" + number % 4, "rack" + number % 40, "host" + number);
    }

    private Plan timed(String what) {
        Plan warm = pool.plan();
        long startNanos = BootClock.SYSTEM.nowNanos();
        long startCpuNanos = threads.getCurrentThreadCpuTime();
        Plan plan = pool.plan();
        long cpuMillis = (threads.getCurrentThreadCpuTime() - startCpuNanos) / 1_000_000;
        long millis = (BootClock.SYSTEM.nowNanos() - startNanos) / 1_000_000;
        System.out.printf(
                "%s: planned in %d ms, %d of them computing, %d groups change, %d copies move%n",
                what, millis, cpuMillis, plan.changes().size(), warm.copies());
        return pool.settle();
    }

    /// A change that costs this at the least.
    private void require(String what, double least) {
        Plan plan = timed(what);
        System.out.printf("    %.3f of the least (%.0f)%n", plan.copies() / least, least);
        assertTrue(plan.copies() <= 1.1 * least, what);
        pool.requireBalance();
        pool.requireDistinct(FailureDomain::zone);
    }

    @Test
    void aThousandStoresStayInBalanceAndLittleMoves() {
        for (int i = 0; i < STORES; i++) {
            pool.add(i, 1, place(i));
        }
        timed("first placement");
        pool.requireBalance();
        pool.requireDistinct(FailureDomain::zone);

        pool.add(STORES, 1, place(STORES));
        require("a store joins", pool.distance(STORES));

        int had = pool.load(17);
        pool.change(17, Standing.LEAVING);
        require("a store leaves", had);

        pool.reweigh(5, 3);
        require("a store weighs three times as much", pool.distance(5));

        pool.stand(8, new FailureDomain("zone0", "rack12", "host8"));
        assertEquals(0, timed("a store is carried to another rack of its zone").copies());

        pool.stand(8, new FailureDomain("zone1", "rack1", "host8"));
        require("a store is carried to another zone", pool.crowded(FailureDomain::zone));

        int rack = 0;
        for (int i = 3; i < STORES; i += 40) {
            rack += pool.load(i);
            pool.change(i, Standing.LEAVING);
        }
        require("a rack of 25 leaves", rack);

        int last = STORES + 100;
        for (int i = STORES + 1; i <= last; i++) {
            pool.add(i, 2, place(i));
        }
        double joined = IntStream.rangeClosed(STORES + 1, last).mapToDouble(pool::distance).sum();
        require("100 stores of twice the size join", joined);
    }
}
