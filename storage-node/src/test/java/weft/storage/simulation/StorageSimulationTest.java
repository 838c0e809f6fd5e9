package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

import weft.sim.Seed;
import weft.storage.store.Store;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Random faults against the replication core, its clients and, in every fourth schedule, the
/// production store. A failing run prints its seed and its last events.
class StorageSimulationTest {
    /// Schedules have nothing in common; a machine that builds this has two cores at least.
    private static final int AT_ONCE = 2;

    /// Writes that lay on the heap would hide who reads them too late. Some do: what a crashed node
    /// holds is lost until the garbage collector finds it.
    private static final double LENT_SHARE_MIN = 0.8;

    static {
        // Every simulated power cut fails a store: expected, and no news.
        ((Logger) LoggerFactory.getLogger(Store.class)).setLevel(Level.OFF);
    }

    @Test
    void thePromisesHoldUnderRandomFaults() throws Exception {
        play(1_000);
    }

    @Test
    @Tag("long")
    void thePromisesHoldUnderManyMoreRandomFaults() throws Exception {
        play(10_000);
    }

    private static void play(int count) throws Exception {
        try (var threads = Executors.newFixedThreadPool(AT_ONCE)) {
            List<Double> lentShares = Collections.synchronizedList(new ArrayList<>());
            List<Future<?>> runs = new ArrayList<>();
            for (long seed : Seed.runs(count)) {
                runs.add(
                        threads.submit(() ->
                                Seed.replayable(
                                        seed,
                                        () ->
                                                lentShares.add(
                                                        new FaultSchedule(seed)
                                                                .run()
                                                                .lentShare()))));
            }
            try {
                for (Future<?> run : runs) {
                    var _ = run.get();
                }
                double mean =
                        lentShares.stream().mapToDouble(share -> share).average().orElseThrow();
                System.out.println("MEAN LENT " + mean);
                assertTrue(
                        mean >= LENT_SHARE_MIN, () -> "of the writes only " + mean + " were lent");
            } catch (ExecutionException e) {
                throw new AssertionError(e.getCause());
            } finally {
                runs.forEach(run -> run.cancel(false));
            }
        }
    }
}
