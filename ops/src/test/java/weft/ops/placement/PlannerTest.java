package weft.ops.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.FailureDomain;
import weft.fabric.PlacementGroupId;
import weft.sim.Seed;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/// What a plan promises, in random pools.
class PlannerTest {
    private static final int RUNS = 60;

    private static FailureDomain host(int number) {
        return FailureDomain.ofHost("host" + number);
    }

    /// Stores of weights 1 to 3, on hosts of their own.
    private static PlannedPool randomPool(Random random, int replicas) {
        var pool = new PlannedPool(1 << (5 + random.nextInt(6)), replicas);
        int count = 3 * replicas + random.nextInt(20);
        boolean alike = random.nextBoolean();
        for (int i = 0; i < count; i++) {
            pool.add(i, alike ? 1 : 1 + 2 * random.nextDouble(), host(i));
        }
        pool.settle();
        return pool;
    }

    private static void everySeed(java.util.function.BiConsumer<Random, PlannedPool> law) {
        for (long seed : Seed.runs(RUNS)) {
            Seed.replayable(
                    seed,
                    () -> {
                        var random = new Random(seed);
                        law.accept(random, randomPool(random, 1 + random.nextInt(4)));
                    });
        }
    }

    /// No more than 1.1 times the least, or what whole numbers cost: a copy for each store.
    private static void requireLittle(Plan plan, double least, PlannedPool pool) {
        double bound = Math.max(1.1 * least, least + pool.stores.size());
        assertTrue(plan.copies() <= bound, plan.copies() + " copies, the least are " + least);
    }

    @Test
    void aNewPoolIsInBalanceAndStaysAsItIs() {
        everySeed((_, pool) -> {
            pool.requireBalance();
            pool.requireDistinct(FailureDomain::host);
            Plan again = pool.plan();
            assertEquals(List.of(), again.changes());
            assertEquals(List.of(), again.obstacles());
        });
    }

    @Test
    void aStoreThatJoinsGetsItsShareAndNothingElseMoves() {
        everySeed((random, pool) -> {
            int joiner = pool.stores.size();
            pool.add(joiner, 1 + random.nextDouble(), host(joiner));
            double least = pool.distance(joiner);
            Plan plan = pool.settle();
            pool.requireBalance();
            requireLittle(plan, least, pool);
            long elsewhere =
                    plan.changes().stream()
                            .flatMap(change -> change.added().stream())
                            .filter(store -> !store.equals(PlannedPool.id(joiner)))
                            .count();
            assertTrue(elsewhere <= 0.1 * least + 1, elsewhere + " of " + least);
        });
    }

    @Test
    void aStoreThatLeavesIsEmptyAfterwards() {
        everySeed((random, pool) -> {
            int leaver = random.nextInt(pool.stores.size());
            int had = pool.load(leaver);
            pool.change(leaver, Standing.LEAVING);
            Plan plan = pool.settle();
            assertEquals(0, pool.load(leaver));
            pool.requireBalance();
            requireLittle(plan, had, pool);
        });
    }

    @Test
    void aNewWeightIsWorthItsShare() {
        everySeed((random, pool) -> {
            int changed = random.nextInt(pool.stores.size());
            pool.reweigh(changed, 0.5 + 3 * random.nextDouble());
            double least = pool.distance(changed);
            Plan plan = pool.settle();
            pool.requireBalance();
            requireLittle(plan, least, pool);
        });
    }

    @Test
    void manyChangesAfterEachOtherKeepBalance() {
        everySeed((random, pool) -> {
            for (int step = 0; step < 12; step++) {
                int count = pool.stores.size();
                switch (random.nextInt(3)) {
                    case 0 -> pool.add(count, 1 + random.nextDouble(), host(count));
                    case 1 ->
                            pool.change(
                                    random.nextInt(count),
                                    step % 3 == 0 ? Standing.LEAVING : Standing.TARGET);
                    default -> pool.reweigh(random.nextInt(count), 1 + 2 * random.nextDouble());
                }
                pool.settle();
                pool.requireBalance();
                pool.requireDistinct(FailureDomain::host);
            }
        });
    }

    @Test
    void aStoreThatIsAwayForAMomentKeepsWhatItHasAndGetsNothing() {
        everySeed((random, pool) -> {
            int away = random.nextInt(pool.stores.size());
            int had = pool.load(away);
            pool.change(away, Standing.KEPT);
            assertEquals(List.of(), pool.plan().changes());
            int joiner = pool.stores.size();
            pool.add(joiner, 1, host(joiner));
            pool.settle();
            assertEquals(had, pool.load(away));
        });
    }

    @Test
    void theSameStoresMakeTheSamePlanInAnyOrder() {
        everySeed((random, pool) -> {
            pool.change(0, Standing.LEAVING);
            var stores = new ArrayList<>(pool.stores.values());
            var groups = new ArrayList<PlannedGroup>();
            for (int i = 0; i < 32; i++) {
                groups.add(new PlannedGroup(new PlacementGroupId(i), pool.wanted(i), 1));
            }
            Plan one = Planner.plan(stores, groups, 2);
            Collections.shuffle(stores, random);
            Collections.shuffle(groups, random);
            assertEquals(one, Planner.plan(stores, groups, 2));
        });
    }

    @Test
    void copiesStandInDifferentZonesAndRacksWhateverTheWeights() {
        for (long seed : Seed.runs(RUNS)) {
            Seed.replayable(
                    seed,
                    () -> {
                        var random = new Random(seed);
                        var pool = new PlannedPool(256, 3);
                        for (int i = 0; i < 24; i++) {
                            pool.add(i, 1 + random.nextInt(4), place(i % 3, i % 8, i));
                        }
                        pool.settle();
                        pool.requireDistinct(FailureDomain::zone);
                        // One zone goes: two copies share a zone then, and no rack.
                        for (int i = 0; i < 24; i += 3) {
                            pool.change(i, Standing.LEAVING);
                        }
                        Plan plan = pool.settle();
                        pool.requireDistinct(domain -> List.of(domain.zone(), domain.rack()));
                        assertTrue(plan.obstacles().getLast().contains("in one zone"));
                        assertEquals(1, plan.obstacles().size(), plan.obstacles().toString());
                    });
        }
    }

    /// Hosts of one to four disks of various sizes; disks fail and are replaced, hosts join.
    @Test
    void noTwoCopiesAreOnDisksOfOneHost() {
        for (long seed : Seed.runs(RUNS)) {
            Seed.replayable(
                    seed,
                    () -> {
                        var random = new Random(seed);
                        int replicas = 1 + random.nextInt(4);
                        var pool = new PlannedPool(64 << random.nextInt(3), replicas);
                        for (int joined = 0; joined < replicas + 2 + random.nextInt(4); joined++) {
                            addHost(pool, joined, random);
                        }
                        pool.settle();
                        pool.requireDistinct(FailureDomain::host);
                        for (int step = 0; step < 8; step++) {
                            int failed = random.nextInt(pool.stores.size());
                            pool.change(failed, Standing.LEAVING);
                            pool.settle();
                            assertEquals(0, pool.load(failed));
                            pool.requireDistinct(FailureDomain::host);
                            pool.change(failed, Standing.TARGET);
                            if (step % 4 == 3) {
                                addHost(pool, 100 + step, random);
                            }
                            assertEquals(List.of(), pool.settle().obstacles());
                            pool.requireDistinct(FailureDomain::host);
                        }
                    });
        }
    }

    private static void addHost(PlannedPool pool, int number, Random random) {
        int disks = 1 + random.nextInt(4);
        for (int disk = 0; disk < disks; disk++) {
            pool.add(pool.stores.size(), 0.5 + 3 * random.nextDouble(), host(number));
        }
    }

    /// The other disk of the host takes what the failed one had: elsewhere it would share a host.
    @Test
    void ofThreeHostsEachHasACopyOfEverythingWhateverDiskFails() {
        var pool = new PlannedPool(64, 3);
        for (int i = 0; i < 6; i++) {
            pool.add(i, 1, host(i / 2));
        }
        pool.settle();
        assertEquals(List.of(32, 32, 32, 32, 32, 32), pool.sortedLoads());
        pool.change(1, Standing.LEAVING);
        assertEquals(32, pool.settle().copies());
        assertEquals(64, pool.load(0));
        pool.requireDistinct(FailureDomain::host);
    }

    private static FailureDomain place(int zone, int rack, int host) {
        return new FailureDomain("zone" + zone, "rack" + rack, "host" + host);
    }

    @Test
    void aStoreThatIsCarriedToAnotherRackMovesOnlyWhatWouldShareTheRack() {
        for (long seed : Seed.runs(RUNS)) {
            Seed.replayable(
                    seed,
                    () -> {
                        var pool = new PlannedPool(512, 3);
                        for (int i = 0; i < 24; i++) {
                            pool.add(i, 1, new FailureDomain("z", "rack" + i / 4, "h" + i));
                        }
                        pool.settle();
                        int moved = new Random(seed).nextInt(24);
                        int rack = (moved / 4 + 1) % 6;
                        pool.stand(moved, new FailureDomain("z", "rack" + rack, "h" + moved));
                        int crowded = 0;
                        for (int pg = 0; pg < 512; pg++) {
                            crowded += hasBoth(pool, pg, moved, rack) ? 1 : 0;
                        }
                        Plan plan = pool.settle();
                        pool.requireDistinct(FailureDomain::rack);
                        assertTrue(
                                plan.copies() <= 1.1 * crowded + 24, plan.copies() + ":" + crowded);
                    });
        }
    }

    private static boolean hasBoth(PlannedPool pool, int pg, int moved, int rack) {
        var wanted = pool.wanted(pg);
        return wanted.contains(PlannedPool.id(moved))
                && wanted.stream()
                        .flatMap(id -> Optional.ofNullable(pool.stores.get(id)).stream())
                        .anyMatch(other ->
                                !other.id().equals(PlannedPool.id(moved))
                                        && other.domain().rack().equals("rack" + rack));
    }

    @Test
    void aSmallZoneHasNoMoreThanOneCopyOfEachGroup() {
        var pool = new PlannedPool(64, 3);
        pool.add(0, 1, place(0, 0, 0));
        for (int i = 1; i < 9; i++) {
            pool.add(i, 1, place(1 + i % 2, i, i));
        }
        assertEquals(List.of(), pool.settle().obstacles());
        pool.requireDistinct(FailureDomain::zone);
        assertEquals(64, pool.load(0), "the only one of its zone");
        assertEquals(List.of(16, 16, 16, 16, 16, 16, 16, 16, 64), pool.sortedLoads());
    }

    @Test
    void withoutAStoreThatCouldTakeThemCopiesStay() {
        var pool = new PlannedPool(32, 3);
        for (int i = 0; i < 3; i++) {
            pool.add(i, 1, host(i));
        }
        pool.settle();
        pool.change(1, Standing.LEAVING);
        Plan plan = pool.plan();
        assertEquals(0, plan.copies());
        assertEquals(
                "3 copies are wanted, and 2 stores are there to have them",
                plan.obstacles().getFirst());
    }

    @Test
    void theMostDegradedGroupsComeFirst() {
        var stores = new ArrayList<PlannedStore>();
        for (int i = 0; i < 5; i++) {
            Standing standing = i == 0 ? Standing.LEAVING : Standing.TARGET;
            stores.add(new PlannedStore(PlannedPool.id(i), 1, host(i), standing));
        }
        var groups = new ArrayList<PlannedGroup>();
        for (int i = 0; i < 12; i++) {
            var wanted = List.of(PlannedPool.id(0), PlannedPool.id(1), PlannedPool.id(2 + i % 3));
            groups.add(new PlannedGroup(new PlacementGroupId(i), wanted, 1 + (i * 7) % 3));
        }
        List<Integer> inSync =
                Planner.plan(stores, groups, 3).changes().stream()
                        .map(change -> 1 + (change.pg().value() * 7) % 3)
                        .toList();
        assertFalse(inSync.isEmpty());
        assertEquals(inSync.stream().sorted().toList(), inSync);
    }
}
