package weft.storage.simulation;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import weft.sim.Seed;

/// Random faults against the replication core and its clients. A failing run prints its seed and
/// its last events.
class StorageSimulationTest {
    @Test
    void thePromisesHoldUnderRandomFaults() {
        for (long seed : Seed.runs(200)) {
            Seed.replayable(seed, () -> new FaultSchedule(seed).run());
        }
    }

    @Test
    @Tag("long")
    void thePromisesHoldUnderManyMoreRandomFaults() {
        for (long seed : Seed.runs(5_000)) {
            Seed.replayable(seed, () -> new FaultSchedule(seed).run());
        }
    }
}
