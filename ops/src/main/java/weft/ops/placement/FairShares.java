package weft.ops.placement;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// How many copies each store is to carry, and how many copies of one group each zone, rack and
/// host may have.
///
/// The copies of a group are spread as evenly as the domains allow: a level's limit is the smallest
/// number with which its domains still take all copies. Three copies in two zones: two each at the
/// most. Shares follow the weights, but no domain is to carry more than its limit for every group:
/// of three zones each has one copy of every group, whatever they weigh.
final class FairShares {
    /// Zone, rack, host.
    static final int LEVELS = 3;

    private static final int UNLIMITED = Integer.MAX_VALUE;

    private static final class Domain {
        final List<Domain> children = new ArrayList<>();
        final Map<String, Domain> byName = new HashMap<>();
        final int index;
        double weight;
        int stores;
        int limit;

        /// @param index of a domain, or of a store
        Domain(int index) {
            this.index = index;
        }
    }

    private final int groups;
    private final double[] targets;
    private final int[][] domainOf;
    private int[] limits = new int[0];
    private int domainCount;

    /// @param groups of the pool
    /// @param replicas copies of each
    FairShares(List<PlannedStore> stores, int groups, int replicas) {
        this.groups = groups;
        targets = new double[stores.size()];
        domainOf = new int[LEVELS][stores.size()];
        var pool = new Domain(-1);
        for (int i = 0; i < stores.size(); i++) {
            PlannedStore store = stores.get(i);
            if (store.standing() != Standing.LEAVING) {
                add(pool, store, i);
            }
        }
        // What leaves is in a domain of its own, with no limit: it is nobody's neighbour.
        int alone = domainCount++;
        limits = new int[domainCount];
        Arrays.fill(limits, UNLIMITED);
        for (int i = 0; i < stores.size(); i++) {
            if (stores.get(i).standing() == Standing.LEAVING) {
                for (int level = 0; level < LEVELS; level++) {
                    domainOf[level][i] = alone;
                }
            }
        }
        limit(pool, Math.min(replicas, pool.stores), 0);
        share(pool, (double) groups * Math.min(replicas, pool.stores), 0);
    }

    private void add(Domain pool, PlannedStore store, int index) {
        var place = store.domain();
        Domain at = pool;
        grow(at, store);
        int level = 0;
        for (String name : List.of(place.zone(), place.rack(), place.host())) {
            Domain parent = at;
            at =
                    parent.byName.computeIfAbsent(
                            name,
                            _ -> {
                                var made = new Domain(domainCount++);
                                parent.children.add(made);
                                return made;
                            });
            grow(at, store);
            domainOf[level++][index] = at.index;
        }
        var leaf = new Domain(index);
        grow(leaf, store);
        at.children.add(leaf);
    }

    private static void grow(Domain domain, PlannedStore store) {
        domain.weight += store.weight();
        domain.stores++;
    }

    /// @param depth of the domain: 0 is the pool, 4 a store
    private void limit(Domain domain, int limit, int depth) {
        domain.limit = limit;
        if (depth > LEVELS) {
            return;
        }
        if (depth > 0) {
            limits[domain.index] = limit;
        }
        int each = 0;
        int taken = 0;
        while (taken < limit) {
            each++;
            taken = 0;
            for (Domain child : domain.children) {
                taken += Math.min(each, child.stores);
            }
        }
        for (Domain child : domain.children) {
            limit(child, Math.min(each, child.stores), depth + 1);
        }
    }

    /// Water filling: by weight, and what is beyond a child's limit goes to the others.
    private void share(Domain domain, double copies, int depth) {
        if (depth > LEVELS) {
            // A share of 24 is to be 24, whatever the divisions on the way made of it.
            targets[domain.index] = Math.rint(copies * 1e6) / 1e6;
            return;
        }
        List<Domain> open = new ArrayList<>(domain.children);
        double left = copies;
        boolean anyFull = true;
        while (anyFull && !open.isEmpty()) {
            double perWeight = left / open.stream().mapToDouble(child -> child.weight).sum();
            List<Domain> full =
                    open.stream().filter(child -> perWeight * child.weight >= most(child)).toList();
            anyFull = !full.isEmpty();
            for (Domain child : anyFull ? full : open) {
                double given = anyFull ? most(child) : perWeight * child.weight;
                share(child, given, depth + 1);
                left -= anyFull ? given : 0;
            }
            open.removeAll(full);
        }
    }

    private double most(Domain domain) {
        return (double) domain.limit * groups;
    }

    /// Copies that the store is to carry; 0 for one that leaves.
    double target(int store) {
        return targets[store];
    }

    /// The store's zone (level 0), rack (1) or host (2): a number of its own among all domains.
    int domain(int level, int store) {
        return domainOf[level][store];
    }

    /// All domains.
    int domainCount() {
        return domainCount;
    }

    /// How many copies of one group may be in the domain.
    int limit(int domain) {
        return limits[domain];
    }
}
