package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import weft.sim.Seed;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Random faults against the replication core. A failing run prints its seed and its last events.
class StorageSimulationTest {
    @Test
    void thePromisesHoldUnderRandomFaults() {
        for (long seed : Seed.runs(200)) {
            Seed.replayable(seed, () -> new RandomFaults(seed).run());
        }
    }

    @Test
    @Tag("long")
    void thePromisesHoldUnderManyMoreRandomFaults() {
        for (long seed : Seed.runs(5_000)) {
            Seed.replayable(seed, () -> new RandomFaults(seed).run());
        }
    }

    /// Eight seconds of faults, then peace: everything must come back and agree.
    static final class RandomFaults {
        private static final long MILLIS = StorageCluster.MILLIS;
        private final StorageCluster cluster;
        private final long seed;
        private boolean peace;
        private long token = 1;

        RandomFaults(long seed) {
            this.seed = seed;
            cluster = new StorageCluster(seed, 4, 3, seed % 3 == 0 ? 1 : 2);
        }

        void run() {
            cluster.lossRate = seed % 2 == 0 ? 0 : 0.01;
            cluster.lateRate = seed % 2 == 0 ? 0.001 : 0.01;
            cluster.client(token).start(4);
            cluster.run(500);
            nextFault();
            cluster.run(8_000);
            peace = true;
            cluster.heal();
            cluster.nodes.forEach(SimNode::start);
            assertTrue(
                    cluster.runUntil(40_000, cluster::isWhole),
                    () -> "never whole again: " + cluster.configurations.current() + state());
            cluster.clients.forEach(SimClient::stop);
            assertTrue(
                    cluster.runUntil(
                            20_000, () -> cluster.clients.stream().allMatch(SimClient::isIdle)),
                    () -> "requests without an answer" + state());
            readAll();
            cluster.run(1_000);
            cluster.checkReplicasAreEqual();
            assertTrue(cluster.history.doneCount() > 9, () -> "too little was done" + state());
        }

        private String state() {
            var text = new StringBuilder();
            cluster.nodes.forEach(
                    n -> text.append("\n").append(n.id).append(" ").append(n.replica));
            return text + "\n" + cluster.world.trace();
        }

        private void readAll() {
            token++;
            SimClient reader = cluster.client(token);
            int before = cluster.history.doneCount();
            for (int chunk = 0; chunk < SimClient.CHUNKS; chunk++) {
                for (int block = 0; block < SimClient.BLOCKS; block++) {
                    reader.sendRead(cluster.history.beginRead(chunk, block, token), 0);
                }
            }
            reader.stop();
            int all = SimClient.CHUNKS * SimClient.BLOCKS;
            assertTrue(
                    cluster.runUntil(10_000, () -> cluster.history.doneCount() >= before + all),
                    () -> "final reads without an answer" + state());
        }

        private void nextFault() {
            if (!peace) {
                fault((int) cluster.world.between(0, 9));
                cluster.world.after(
                        cluster.world.between(100 * MILLIS, 1_500 * MILLIS), this::nextFault);
            }
        }

        private void fault(int kind) {
            int node = (int) cluster.world.between(0, cluster.nodes.size() - 1);
            int other = (int) cluster.world.between(0, cluster.nodes.size() - 1);
            SimNode at = cluster.nodes.get(node);
            long lasts = cluster.world.between(100 * MILLIS, 5_000 * MILLIS);
            switch (kind) {
                case 0, 1, 2 -> {
                    at.crash();
                    cluster.world.after(lasts, at::start);
                }
                case 3 -> {
                    cluster.world.tell(at.id + " stands still for " + lasts / MILLIS + " ms");
                    at.freeze(lasts);
                }
                case 4 -> {
                    cluster.world.tell(at.id + " cut from node" + other);
                    cluster.cut(node, other);
                    cluster.world.after(lasts, () -> cluster.mend(node, other));
                }
                case 5 -> {
                    cluster.world.tell(at.id + " isolated");
                    cluster.isolate(node);
                    cluster.world.after(
                            lasts,
                            () -> {
                                for (int i = 0; i < cluster.nodes.size(); i++) {
                                    cluster.mend(node, i);
                                    cluster.mend(i, node);
                                }
                            });
                }
                case 6 -> {
                    cluster.world.tell(at.id + " cut from coordination");
                    cluster.configurations.setCut(at.store, true);
                    cluster.world.after(
                            lasts, () -> cluster.configurations.setCut(at.store, false));
                }
                case 7 -> {
                    at.disk.slowness = 30;
                    cluster.world.after(lasts, () -> at.disk.slowness = 1);
                }
                case 8 -> {
                    List<Integer> numbers = new ArrayList<>(List.of(0, 1, 2, 3));
                    Collections.shuffle(numbers, cluster.world.random());
                    cluster.configurations.want(
                            numbers.subList(0, 3).stream().map(SimNode::storeOf).toList());
                }
                default -> {
                    token++;
                    cluster.world.tell("a new holder with token " + token);
                    cluster.client(token).start(4);
                }
            }
        }
    }
}
