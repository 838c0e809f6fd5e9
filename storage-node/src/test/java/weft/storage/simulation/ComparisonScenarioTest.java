package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.sim.Seed;
import weft.storage.replica.MapDifference;
import weft.wire.storage.DamagedBlock;

import java.util.ArrayList;
import java.util.List;

/// What a light scrub says of a group: all that differs, and nothing else.
class ComparisonScenarioTest {
    private static final int CHUNKS = 5;

    private final List<MapDifference> found = new ArrayList<>();

    private SimPool pool(long seed) {
        return new SimPool(seed, new SimPool.Size(1, 4, 3, 2, CHUNKS));
    }

    private SimComparison compare(SimPool pool) {
        var comparison = new SimComparison(pool, pool.groups.getFirst(), found::add);
        comparison.start();
        return comparison;
    }

    private static SimClient startWork(SimPool pool) {
        SimClient client = pool.client(1);
        client.start(4);
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneCount() > 50), pool.world::trace);
        return client;
    }

    /// The members commit at moments of their own, and pages are made at others.
    @Test
    void underWritesNothingDiffersAndEveryRoundEnds() {
        for (long seed : Seed.runs(40)) {
            Seed.replayable(
                    seed,
                    () -> {
                        SimPool pool = pool(seed);
                        startWork(pool);
                        SimComparison comparison = compare(pool);
                        pool.run(3_000);
                        assertEquals(List.of(), found);
                        int rounds = comparison.rounds;
                        assertTrue(rounds > 10, () -> rounds + " rounds in 3 s");
                        assertTrue(comparison.chunks >= rounds * (CHUNKS - 1));
                    });
        }
    }

    /// Such pages would be asked for without end, and what they lack taken for missing.
    @Test
    void aMemberThatTellsOfWhatItWasNotAskedForEndsTheQuestion() {
        SimPool pool = pool(5);
        StorageCluster cluster = pool.groups.getFirst();
        startWork(pool);
        assertTrue(pool.runUntil(3_000, pool::isWhole), pool.world::trace);
        cluster.nodes.get((cluster.primary() + 1) % 3).model().tellsTheFirstPageOnly = true;
        SimComparison comparison = compare(pool);
        pool.run(2_000);
        assertTrue(comparison.notNow > 10, () -> comparison.notNow + " times");
        assertEquals(0, comparison.rounds);
        assertEquals(List.of(), found);
    }

    /// Its writes are served by those that are left, and so are questions.
    @Test
    void aMemberThatIsAwayIsWaitedForNoLongerThanTheLease() {
        SimPool pool = pool(3);
        StorageCluster cluster = pool.groups.getFirst();
        startWork(pool);
        SimComparison comparison = compare(pool);
        SimNode away = cluster.nodes.get((cluster.primary() + 1) % 3);
        away.crash();
        int before = comparison.rounds;
        assertTrue(pool.runUntil(5_000, () -> comparison.rounds > before + 3), pool.world::trace);
        away.start();
        assertTrue(pool.runUntil(10_000, pool::isWhole), pool.world::trace);
        int whole = comparison.rounds;
        assertTrue(pool.runUntil(3_000, () -> comparison.rounds > whole + 3));
        assertEquals(List.of(), found);
    }

    @Test
    void aMapThatSaysSomethingElseIsFoundAndItsMemberNamed() {
        SimPool pool = pool(4);
        StorageCluster cluster = pool.groups.getFirst();
        SimClient writer = startWork(pool);
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        pool.run(1_000);
        SimNode odd = cluster.nodes.get((cluster.primary() + 1) % 3);
        var last = odd.disk.chunks().lastEntry();
        int index = last.getValue().blocks().keySet().iterator().next();
        odd.model().tamper(new DamagedBlock(last.getKey(), index));
        var _ = compare(pool);
        // A member's answer may be lost, and a round ends without it.
        assertTrue(pool.runUntil(5_000, () -> !found.isEmpty()), pool.world::trace);
        assertEquals(1, found.size(), found::toString);
        String sentence = found.getFirst().sentence();
        assertTrue(sentence.contains("chunk " + last.getKey()), sentence);
        assertTrue(sentence.endsWith(odd.store + " against most"), sentence);
    }

    @Test
    void aChunkThatAMemberLacksIsFoundAndSoIsOneThatItAloneHas() {
        SimPool pool = pool(5);
        StorageCluster cluster = pool.groups.getFirst();
        SimClient writer = startWork(pool);
        writer.stop();
        assertTrue(pool.runUntil(10_000, writer::isIdle));
        pool.run(1_000);
        SimNode primary = cluster.nodes.get(cluster.primary());
        var chunks = primary.disk.chunks();
        assertEquals(CHUNKS, chunks.size());
        // The first of all, which the pages of the two others end later than; and the last.
        var first = chunks.pollFirstEntry();
        SimNode secondary = cluster.nodes.get((cluster.primary() + 1) % 3);
        var last = secondary.disk.chunks().pollLastEntry();
        SimComparison comparison = compare(pool);
        assertTrue(pool.runUntil(5_000, () -> comparison.rounds == 1), pool.world::trace);
        assertEquals(2, found.size(), found::toString);
        String one = found.getFirst().sentence();
        assertTrue(one.contains("chunk " + first.getKey() + ": no such chunk on"), one);
        assertTrue(one.endsWith(primary.store + " (primary) against most"), one);
        String other = found.getLast().sentence();
        assertTrue(other.contains("chunk " + last.getKey()), other);
        assertTrue(other.endsWith(secondary.store + " against most"), other);
        assertEquals(CHUNKS, comparison.chunks);
    }
}
