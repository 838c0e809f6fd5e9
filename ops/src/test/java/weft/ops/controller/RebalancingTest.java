package weft.ops.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.coordination.PoolImage;
import weft.fabric.Configuration;
import weft.fabric.FailureDomain;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolSettings;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.ops.placement.Plan.Change;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

/// Plans are carried out a few groups at a time, in virtual time: the primaries are played here.
class RebalancingTest {
    private static final int REPLICAS = 3;
    private static final int GROUPS = 64;
    private static final long SECOND = 1_000_000_000L;

    private final ControlSettings settings = new ControlSettings(Duration.ofMinutes(10), 4, 1);
    private final Rebalancing rebalancing = new Rebalancing(settings);
    private final Map<StoreId, PoolStore> stores = new HashMap<>();
    private final Map<PlacementGroupId, Configuration> groups = new HashMap<>();
    private final Set<StoreId> live = new HashSet<>();
    private long nowNanos;

    RebalancingTest() {
        for (int i = 0; i < 5; i++) {
            join(i);
        }
        for (int i = 0; i < GROUPS; i++) {
            var pg = new PlacementGroupId(i);
            List<StoreId> wanted = List.of(id(i % 5), id((i + 1 + i / 5 % 2) % 5), id((i + 3) % 5));
            List<Member> members = wanted.stream().map(store -> new Member(store, 1)).toList();
            groups.put(pg, new Configuration(pg, 1, members.getFirst(), members, wanted, 2));
        }
        settle();
    }

    private static StoreId id(int number) {
        return new StoreId(new UUID(7, number * 0x9e3779b97f4a7c15L));
    }

    private void join(int number) {
        stores.put(
                id(number),
                new PoolStore(
                        id(number),
                        new NodeId("node" + number),
                        "/srv/weft",
                        1,
                        FailureDomain.ofHost("node" + number),
                        PoolStore.State.IN));
        live.add(id(number));
    }

    private void set(int number, PoolStore.State state) {
        stores.put(id(number), Objects.requireNonNull(stores.get(id(number))).withState(state));
    }

    /// A store that is gone is taken out by the primaries within seconds.
    private void die(int number) {
        live.remove(id(number));
        groups.replaceAll((_, group) -> {
            List<Member> rest = new ArrayList<>(group.members());
            rest.removeIf(member -> member.store().equals(id(number)));
            return group.hasStore(id(number)) ? group.next(rest.getFirst(), rest) : group;
        });
    }

    /// One round of control, half a second after the last; what it wants is written.
    private List<Change> round() {
        nowNanos += SECOND / 2;
        var image = new PoolImage(Map.copyOf(stores), Map.copyOf(groups));
        List<Change> due = rebalancing.decide(image, Set.copyOf(live), REPLICAS, nowNanos);
        for (Change change : due) {
            groups.computeIfPresent(change.pg(), (_, group) -> group.withWanted(change.after()));
            rebalancing.begun(change);
        }
        return due;
    }

    /// The primaries have done what is wanted of them.
    private void carryOut() {
        groups.replaceAll((_, group) -> {
            List<Member> members = new ArrayList<>();
            for (StoreId store : group.wanted()) {
                if (live.contains(store)) {
                    members.add(new Member(store, 1));
                }
            }
            return members.equals(group.members())
                    ? group
                    : group.next(members.getFirst(), members);
        });
    }

    private void settle() {
        for (int i = 0; i < 400; i++) {
            round();
            carryOut();
        }
    }

    private long wantedOf(int number) {
        return groups.values().stream().filter(g -> g.wanted().contains(id(number))).count();
    }

    private List<Configuration> moving() {
        return groups.values().stream()
                .filter(g -> !g.wanted().stream().allMatch(g::hasStore))
                .toList();
    }

    @Test
    void aStoreThatJoinsGetsItsShareOneGroupAtATime() {
        join(5);
        for (int i = 0; i < 10; i++) {
            round();
            assertEquals(1, moving().size(), "one to a store");
        }
        settle();
        assertEquals(GROUPS * REPLICAS / 6.0, wantedOf(5), 0.05 * GROUPS * REPLICAS / 6);
        assertEquals(List.of(), round());
    }

    @Test
    void aDrainedStoreIsEmptiedByASmallNumberAtOnce() {
        long had = wantedOf(0);
        set(0, PoolStore.State.DRAINING);
        int most = 0;
        for (int i = 0; i < 10; i++) {
            round();
            most = Math.max(most, moving().size());
        }
        assertTrue(most > 1 && most <= settings.movesMax(), "moving " + most + " of " + had);
        assertEquals(
                moving().size(), moving().stream().map(Configuration::primary).distinct().count());
        settle();
        assertEquals(0, wantedOf(0));
    }

    @Test
    void aDeadStoreIsReplacedAfterTheGraceTheMostDegradedGroupsFirst() {
        Map<Integer, Long> before = Map.of(0, wantedOf(0), 1, wantedOf(1));
        die(0);
        round();
        nowNanos += 5 * 60 * SECOND;
        die(1);
        round();
        nowNanos += 4 * 60 * SECOND;
        round();
        assertEquals(before, Map.of(0, wantedOf(0), 1, wantedOf(1)), "not yet");
        nowNanos += 61 * SECOND;
        List<Change> first = round();
        assertTrue(first.getFirst().before().containsAll(List.of(id(0), id(1))), "one copy left");
        assertTrue(first.stream().allMatch(change -> change.before().contains(id(0))));
    }

    /// As for whichever control leads: it needs no other start.
    @Test
    void whatIsSetForThePoolIsGoneByInTheMidstOfAWait() {
        die(0);
        round();
        nowNanos += 100 * SECOND;
        assertEquals(List.of(), round());
        var set = new PoolSettings(null, null, null, 60L, 2, 2);
        rebalancing.use(settings.with(set));
        assertEquals(2, round().size(), "two at once, no more");
        rebalancing.use(settings.with(PoolSettings.NONE));
        assertEquals(settings, settings.with(PoolSettings.NONE));
    }

    @Test
    void aStoreThatReturnsInTimeKeepsItsPlace() {
        var before = Map.copyOf(groups);
        die(0);
        for (int i = 0; i < 20; i++) {
            nowNanos += 29 * SECOND;
            assertEquals(List.of(), round());
        }
        live.add(id(0));
        settle();
        groups.forEach((pg, group) ->
                assertEquals(Objects.requireNonNull(before.get(pg)).wanted(), group.wanted()));
    }

    @Test
    void aStoreThatReturnsLateGetsBackWhatIsNotDoneYet() {
        die(0);
        round();
        nowNanos += 11 * 60 * SECOND;
        assertTrue(!round().isEmpty());
        long left = wantedOf(0);
        assertTrue(!moving().isEmpty());
        live.add(id(0));
        List<Change> back = round();
        assertTrue(back.stream().allMatch(change -> change.after().contains(id(0))));
        assertTrue(wantedOf(0) > left, "given back");
        assertEquals(left + back.size(), wantedOf(0));
    }

    @Test
    void aDrainThatIsCalledOffGivesBackWhatIsUnderWay() {
        long had = wantedOf(2);
        set(2, PoolStore.State.DRAINING);
        round();
        assertTrue(wantedOf(2) < had);
        set(2, PoolStore.State.IN);
        round();
        assertEquals(had, wantedOf(2));
    }

    @Test
    void aMoveToAStoreThatDiesGoesElsewhere() {
        set(0, PoolStore.State.DRAINING);
        round();
        Configuration group = moving().getFirst();
        StoreId to =
                group.wanted().stream().filter(s -> !group.hasStore(s)).findFirst().orElseThrow();
        live.remove(to);
        round();
        nowNanos += 11 * 60 * SECOND;
        settle();
        assertEquals(0, wantedOf(0));
        assertTrue(groups.values().stream().noneMatch(g -> g.wanted().contains(to)));
    }

    @Test
    void aStoreWithoutARecordIsLetBe() {
        stores.remove(id(4));
        long had = wantedOf(4);
        settle();
        assertEquals(had, wantedOf(4));
    }
}
