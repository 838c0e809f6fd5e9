package weft.ops.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import weft.fabric.FailureDomain;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;

/// A pool on paper: stores and what its groups want. It does what plans say and measures them.
final class PlannedPool {
    final Map<StoreId, PlannedStore> stores = new HashMap<>();
    private final Map<PlacementGroupId, PlannedGroup> groups = new HashMap<>();
    private final int replicas;

    PlannedPool(int groupCount, int replicas) {
        this.replicas = replicas;
        for (int i = 0; i < groupCount; i++) {
            var pg = new PlacementGroupId(i);
            groups.put(pg, new PlannedGroup(pg, List.of(), 0));
        }
    }

    static StoreId id(int number) {
        return new StoreId(new UUID(0x5eed, number * 0x9e3779b97f4a7c15L));
    }

    void add(int number, double weight, FailureDomain domain) {
        stores.put(id(number), new PlannedStore(id(number), weight, domain, Standing.TARGET));
    }

    void change(int number, Standing standing) {
        PlannedStore was = store(number);
        stores.put(was.id(), new PlannedStore(was.id(), was.weight(), was.domain(), standing));
    }

    void reweigh(int number, double weight) {
        PlannedStore was = store(number);
        stores.put(was.id(), new PlannedStore(was.id(), weight, was.domain(), was.standing()));
    }

    void stand(int number, FailureDomain domain) {
        PlannedStore was = store(number);
        stores.put(was.id(), new PlannedStore(was.id(), was.weight(), domain, was.standing()));
    }

    PlannedStore store(int number) {
        return store(id(number));
    }

    private PlannedStore store(StoreId id) {
        return Objects.requireNonNull(stores.get(id));
    }

    private List<StoreId> wanted(PlacementGroupId pg) {
        return Objects.requireNonNull(groups.get(pg)).wanted();
    }

    List<StoreId> wanted(int pg) {
        return wanted(new PlacementGroupId(pg));
    }

    /// Copies at a store.
    int load(int number) {
        return loads().getOrDefault(id(number), 0);
    }

    Plan plan() {
        return Planner.plan(List.copyOf(stores.values()), List.copyOf(groups.values()), replicas);
    }

    /// Plans, and does all of it.
    Plan settle() {
        Plan plan = plan();
        for (Plan.Change change : plan.changes()) {
            assertEquals(wanted(change.pg()), change.before());
            assertEquals(new HashSet<>(change.after()).size(), change.after().size());
            groups.put(
                    change.pg(),
                    new PlannedGroup(change.pg(), change.after(), change.after().size()));
        }
        return plan;
    }

    Map<StoreId, Integer> loads() {
        var loads = new HashMap<StoreId, Integer>();
        stores.keySet().forEach(store -> loads.put(store, 0));
        groups.values()
                .forEach(group -> group.wanted().forEach(id -> loads.merge(id, 1, Integer::sum)));
        return loads;
    }

    private Map<StoreId, Integer> leads() {
        var leads = new HashMap<StoreId, Integer>();
        groups.values().forEach(g -> leads.merge(g.wanted().getFirst(), 1, Integer::sum));
        return leads;
    }

    /// By weight among those that take copies; right where no domain's limit is in the way.
    double share(StoreId store) {
        double all =
                stores.values().stream()
                        .filter(s -> s.standing() != Standing.LEAVING)
                        .mapToDouble(PlannedStore::weight)
                        .sum();
        PlannedStore of = store(store);
        return of.standing() == Standing.LEAVING ? 0 : of.weight() / all * groups.size() * replicas;
    }

    /// Every store has its share and every group all copies, led by whom it is fair.
    void requireBalance() {
        groups.values().forEach(g -> assertEquals(replicas, g.wanted().size(), g.toString()));
        Map<StoreId, Integer> leads = leads();
        loads().forEach((store, load) -> {
            requireNear(share(store), load, "copies at " + store);
            if (load > 0) {
                double fair = load / (double) replicas;
                requireNear(fair, leads.getOrDefault(store, 0), "led by " + store);
            }
        });
    }

    /// Within 5 %, or one where that is less.
    private static void requireNear(double share, int is, String what) {
        assertTrue(
                Math.abs(is - share) <= Math.max(1, 0.05 * share) + 1e-6,
                what + ": " + is + " of " + share);
    }

    /// No group has two copies in one of what the function tells apart.
    void requireDistinct(Function<FailureDomain, Object> what) {
        for (PlannedGroup group : groups.values()) {
            var seen = new HashSet<>();
            group.wanted().forEach(id -> seen.add(what.apply(store(id).domain())));
            assertEquals(group.wanted().size(), seen.size(), group.toString());
        }
    }

    /// Copies that share with another of their group what the function tells apart, and so have to
    /// move at the least.
    int crowded(Function<FailureDomain, Object> what) {
        int crowded = 0;
        for (PlannedGroup group : groups.values()) {
            var seen = new HashSet<>();
            group.wanted().forEach(id -> seen.add(what.apply(store(id).domain())));
            crowded += group.wanted().size() - seen.size();
        }
        return crowded;
    }

    /// How far a store is from its share: what has to move at the least after a change of it.
    double distance(int number) {
        return Math.abs(share(id(number)) - load(number));
    }

    List<Integer> sortedLoads() {
        var sorted = new ArrayList<>(loads().values());
        sorted.sort(null);
        return sorted;
    }
}
