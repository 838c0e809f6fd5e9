package weft.ops.controller;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.PoolImage;
import weft.fabric.Configuration;
import weft.fabric.FailureDomain;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.ops.placement.Plan;
import weft.ops.placement.Plan.Change;
import weft.ops.placement.PlannedGroup;
import weft.ops.placement.PlannedStore;
import weft.ops.placement.Planner;
import weft.ops.placement.Standing;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Carries plans out, a few groups at a time. It says what is to be *wanted*; the primaries make it
/// true: they copy to the new store, take it in, and only then let the old one go, so that a group
/// never has fewer copies for being moved.
///
/// ```text
///   stores change ─► plan ─► queue, most degraded first ─► as many as the limits allow are wanted
///                                                          ─► the new are members: done
///                            a store that left is back, its successor no member yet: given back
/// ```
///
/// What it remembers makes it gentler, not safer: a control that takes over plans again from the
/// records, waits its own [ControlSettings#replaceAfter], and lets moves under way end.
final class Rebalancing {
    private static final Logger log = LoggerFactory.getLogger(Rebalancing.class);

    /// With nothing left to do, changed groups are looked at so often.
    private static final long LOOK_AGAIN_NANOS = 5_000_000_000L;

    /// Changes that copy nothing, in one round: each may stop a group for a moment.
    private static final int REORDERED_MAX = 8;

    /// @param left stores that were leaving when it began
    private record Move(Change change, Set<StoreId> left) {}

    private ControlSettings settings;
    private final Map<StoreId, Long> awaySince = new HashMap<>();
    private final Map<PlacementGroupId, Move> moves = new HashMap<>();
    private final Map<PlacementGroupId, Change> queue = new LinkedHashMap<>();
    private Map<StoreId, PlannedStore> plannedFor = Map.of();
    private Map<PlacementGroupId, Configuration> plannedGroups = Map.of();
    private List<String> obstacles = List.of();
    private long plannedNanos;

    Rebalancing(ControlSettings settings) {
        this.settings = settings;
    }

    /// Goes by these from now on.
    void use(ControlSettings now) {
        settings = now;
    }

    /// What is to be written now; see [#begun].
    ///
    /// @param pool with all its groups
    /// @param live stores that a live node serves
    List<Change> decide(PoolImage pool, Set<StoreId> live, int replicas, long nowNanos) {
        Map<StoreId, PlannedStore> stores = standings(pool, live, nowNanos);
        forgetEnded(pool, stores);
        List<Change> givenBack = givenBack(pool, stores);
        if (!givenBack.isEmpty()) {
            plannedFor = Map.of();
            return givenBack;
        }
        boolean changed = !stores.equals(plannedFor);
        boolean idle =
                queue.isEmpty()
                        && pool.groups() != plannedGroups
                        && nowNanos - plannedNanos >= LOOK_AGAIN_NANOS;
        if (changed || idle) {
            plan(pool, stores, replicas, nowNanos);
        }
        return due(pool, stores);
    }

    /// The change is written: from now on it counts.
    void begun(Change change) {
        queue.remove(change.pg());
        if (!change.added().isEmpty()) {
            var left = new HashSet<StoreId>();
            for (StoreId store : change.before()) {
                if (standing(plannedFor, store) == Standing.LEAVING) {
                    left.add(store);
                }
            }
            moves.put(change.pg(), new Move(change, left));
        } else {
            moves.remove(change.pg());
        }
    }

    // ---- Who may have copies.

    private Map<StoreId, PlannedStore> standings(PoolImage pool, Set<StoreId> live, long nowNanos) {
        awaySince.keySet().removeAll(live);
        var stores = new HashMap<StoreId, PlannedStore>();
        for (PoolStore store : pool.stores().values()) {
            Standing standing =
                    store.state() == PoolStore.State.IN
                            ? byLife(store.store(), live, nowNanos)
                            : Standing.LEAVING;
            stores.put(
                    store.store(),
                    new PlannedStore(store.store(), store.weight(), store.domain(), standing));
        }
        for (Configuration group : pool.groups().values()) {
            for (StoreId wanted : group.wanted()) {
                if (!stores.containsKey(wanted)) {
                    stores.put(wanted, unrecorded(wanted, live, nowNanos));
                }
            }
        }
        return stores;
    }

    /// A store that has never been started by a release that records it: let it be.
    private PlannedStore unrecorded(StoreId store, Set<StoreId> live, long nowNanos) {
        Standing byLife = byLife(store, live, nowNanos);
        return new PlannedStore(
                store,
                PoolStore.WEIGHT_MIN,
                FailureDomain.ofHost(store.toString()),
                byLife == Standing.TARGET ? Standing.KEPT : byLife);
    }

    private Standing byLife(StoreId store, Set<StoreId> live, long nowNanos) {
        if (live.contains(store)) {
            return Standing.TARGET;
        }
        long since = awaySince.computeIfAbsent(store, _ -> nowNanos);
        return nowNanos - since < settings.replaceAfter().toNanos()
                ? Standing.KEPT
                : Standing.LEAVING;
    }

    private static Standing standing(Map<StoreId, PlannedStore> stores, StoreId store) {
        PlannedStore found = stores.get(store);
        return found == null ? Standing.LEAVING : found.standing();
    }

    // ---- Moves under way.

    private void forgetEnded(PoolImage pool, Map<StoreId, PlannedStore> stores) {
        moves.values()
                .removeIf(move -> {
                    Configuration group = pool.groups().get(move.change().pg());
                    return group == null
                            || !(group.wanted().equals(move.change().after())
                                    || group.wanted().equals(move.change().before()))
                            || move.change().added().stream().allMatch(group::hasStore)
                            || move.change().added().stream()
                                    .anyMatch(store -> standing(stores, store) == Standing.LEAVING);
                });
    }

    private List<Change> givenBack(PoolImage pool, Map<StoreId, PlannedStore> stores) {
        List<Change> back = new ArrayList<>();
        for (Move move : List.copyOf(moves.values())) {
            Change change = move.change();
            boolean returned =
                    move.left().stream().anyMatch(s -> standing(stores, s) == Standing.TARGET)
                            && change.before().stream()
                                    .noneMatch(s -> standing(stores, s) == Standing.LEAVING);
            Configuration group = pool.groups().get(change.pg());
            if (returned
                    && group != null
                    && group.wanted().equals(change.after())
                    && change.added().stream().noneMatch(group::hasStore)) {
                back.add(new Change(change.pg(), change.after(), change.before()));
                moves.remove(change.pg());
            }
        }
        return back;
    }

    // ---- The plan.

    private void plan(
            PoolImage pool, Map<StoreId, PlannedStore> stores, int replicas, long nowNanos) {
        List<PlannedGroup> groups = new ArrayList<>();
        for (Configuration group : pool.groups().values()) {
            groups.add(new PlannedGroup(group.pg(), group.wanted(), group.members().size()));
        }
        Plan plan = Planner.plan(List.copyOf(stores.values()), groups, replicas);
        queue.clear();
        plan.changes().forEach(change -> queue.put(change.pg(), change));
        plannedFor = stores;
        plannedGroups = pool.groups();
        plannedNanos = nowNanos;
        if (plan.copies() > 0) {
            log.info(
                    "planned: {} of {} placement groups change, {} copies are made",
                    plan.changes().size(),
                    groups.size(),
                    plan.copies());
        }
        if (!plan.obstacles().equals(obstacles)) {
            obstacles = plan.obstacles();
            obstacles.forEach(obstacle -> log.warn("placement: {}", obstacle));
        }
    }

    /// The first of the queue that the limits allow.
    private List<Change> due(PoolImage pool, Map<StoreId, PlannedStore> stores) {
        var load = new Load(pool, stores);
        List<Change> due = new ArrayList<>();
        int reordered = 0;
        Iterator<Change> waiting = queue.values().iterator();
        while (waiting.hasNext()) {
            Change change = waiting.next();
            Configuration group = pool.groups().get(change.pg());
            if (group == null || !group.wanted().equals(change.before())) {
                waiting.remove(); // Planned for what is no more; the next plan sees what is.
            } else if (change.added().isEmpty()) {
                if (reordered++ < REORDERED_MAX) {
                    due.add(change);
                }
            } else if (load.allows(change, group)) {
                load.add(change, group);
                due.add(change);
            }
        }
        return due;
    }

    /// What is being copied, store by store.
    private final class Load {
        private final Map<StoreId, Integer> to = new HashMap<>();
        private final Map<StoreId, Integer> from = new HashMap<>();
        private int moving;

        Load(PoolImage pool, Map<StoreId, PlannedStore> stores) {
            for (Configuration group : pool.groups().values()) {
                boolean ours = moves.containsKey(group.pg());
                for (StoreId wanted : group.wanted()) {
                    boolean copied =
                            !group.hasStore(wanted) && standing(stores, wanted) == Standing.TARGET;
                    // One that returns has its hands full, but holds nobody else up.
                    if (copied && !ours) {
                        to.merge(wanted, 1, Integer::sum);
                    }
                }
            }
            for (Move move : moves.values()) {
                Optional.ofNullable(pool.groups().get(move.change().pg()))
                        .ifPresent(group -> add(move.change(), group));
            }
        }

        boolean allows(Change change, Configuration group) {
            int most = settings.movesPerStoreMax();
            return moving < settings.movesMax()
                    && !moves.containsKey(change.pg())
                    && from.getOrDefault(group.primary().store(), 0) < most
                    && change.added().stream().allMatch(s -> to.getOrDefault(s, 0) < most);
        }

        void add(Change change, Configuration group) {
            moving++;
            from.merge(group.primary().store(), 1, Integer::sum);
            change.added().forEach(store -> to.merge(store, 1, Integer::sum));
        }
    }
}
