package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.ops.pool.PoolSession;
import weft.sim.Seed;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Volumes, snapshots and clones of a whole pool against arrays of bytes ([RandomVolumes]).
final class RandomVolumesSystemTest extends VolumeSystemTest {
    private static final int OPERATIONS = 200;

    @Test
    @Timeout(180)
    void whateverIsDoneToVolumesTheyHoldWhatTheyMust() throws Exception {
        run(Seed.runs(6));
    }

    @Test
    @Tag("long")
    @Timeout(value = 2, unit = TimeUnit.HOURS)
    void whateverIsDoneForLongToVolumesTheyHoldWhatTheyMust() throws Exception {
        run(Seed.runs(Integer.getInteger("weft.volumes.sequences", 200)));
    }

    private void run(List<Long> seeds) throws Exception {
        try (var one = new HolderProcess(fabric(), "one");
                var two = new HolderProcess(fabric(), "two");
                var pool =
                        new PoolSession(
                                fabric().session().records().store(), fabric().session()::image)) {
            for (long seed : seeds) {
                var volumes = new RandomVolumes(fabric(), pool, List.of(one, two), seed);
                try {
                    volumes.run(OPERATIONS);
                    var result =
                            pool.client().replicaComparison().compareAtRest(Duration.ofSeconds(30));
                    assertEquals(List.of(), result.differences(), "replicas differ");
                    volumes.deleteAll();
                } catch (Exception | AssertionError e) {
                    throw new AssertionError(
                            "replay with -Dweft.seed=%d: %s%n  %s"
                                    .formatted(seed, e, volumes.lastWords()),
                            e);
                }
            }
        }
    }
}
