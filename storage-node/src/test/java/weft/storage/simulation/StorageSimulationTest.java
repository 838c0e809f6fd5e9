package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

import weft.sim.Seed;

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

    /// Writes that lay on the heap would hide who reads them too late. In single schedules many do:
    /// a primary keeps what a learner lacks that stands still, each entry a whole piece of memory.
    private static final double LENT_SHARE_MIN = 0.99;

    static {
        // That power was cut, or a file is damaged, is no news here.
        List.of("weft.storage.store.Store", "weft.storage.chunk.ChunkCache")
                .forEach(each -> ((Logger) LoggerFactory.getLogger(each)).setLevel(Level.OFF));
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
                if (runs.size() == count) {
                    checkMemory(lentShares);
                }
            } catch (ExecutionException e) {
                throw new AssertionError(e.getCause());
            } finally {
                runs.forEach(run -> run.cancel(false));
            }
        }
    }

    private static void checkMemory(List<Double> lentShares) {
        double mean = lentShares.stream().mapToDouble(share -> share).average().orElseThrow();
        assertTrue(
                mean >= LENT_SHARE_MIN, () -> "of the writes only %.3f were lent".formatted(mean));
    }
}
