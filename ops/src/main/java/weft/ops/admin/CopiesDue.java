package weft.ops.admin;

import weft.coordination.FabricRecords;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.FailureDomain;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.ops.placement.PlannedGroup;
import weft.ops.placement.PlannedStore;
import weft.ops.placement.Planner;
import weft.ops.placement.Standing;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Copies that the pool is to have and has not. What control will want next it does not tell
/// anybody; since plans follow from the records, the same plan is made here.
///
/// @param underWay wanted at stores that are well and can take them in
/// @param planned not wanted yet: control lets so many be made at once
/// @param waiting wanted at stores that nobody serves or whose disks are slow
public record CopiesDue(long underWay, long planned, long waiting) {
    /// What the records say now.
    public static CopiesDue of(FabricRecords records, FabricImage image) throws IOException {
        return of(records, PoolHealth.groups(records), image);
    }

    /// What they say of groups that were read already.
    public static CopiesDue of(FabricRecords records, List<Configuration> groups, FabricImage image)
            throws IOException {
        return of(
                new NodeAdmin(records).stores(),
                groups,
                image,
                image.cluster().map(cluster -> cluster.replicas()).orElse(1));
    }

    static CopiesDue of(
            List<PoolStore> stores, List<Configuration> groups, FabricImage image, int replicas) {
        Set<StoreId> well = new HashSet<>();
        for (PoolStore store : stores) {
            if (NodeAdmin.Life.of(image, store) == NodeAdmin.Life.SERVED) {
                well.add(store.store());
            }
        }
        long underWay = 0;
        long waiting = 0;
        for (Configuration group : groups) {
            for (StoreId wanted : group.wanted()) {
                if (!group.hasStore(wanted)) {
                    underWay += well.contains(wanted) ? 1 : 0;
                    waiting += well.contains(wanted) ? 0 : 1;
                }
            }
        }
        return new CopiesDue(underWay, planned(stores, groups, image, replicas), waiting);
    }

    private static long planned(
            List<PoolStore> stores, List<Configuration> groups, FabricImage image, int replicas) {
        Map<StoreId, PlannedStore> standings = new HashMap<>();
        List<PlannedGroup> wants = new ArrayList<>();
        for (Configuration group : groups) {
            wants.add(new PlannedGroup(group.pg(), group.wanted(), group.members().size()));
            for (StoreId wanted : group.wanted()) {
                standings.computeIfAbsent(wanted, CopiesDue::unrecorded);
            }
        }
        for (PoolStore store : stores) {
            Standing standing = standing(store, image, standings.containsKey(store.store()));
            standings.put(
                    store.store(),
                    new PlannedStore(store.store(), store.weight(), store.domain(), standing));
        }
        return Planner.plan(List.copyOf(standings.values()), wants, replicas).copies();
    }

    /// How long a store has been away only control knows; one that it has replaced is wanted by no
    /// group any more.
    private static Standing standing(PoolStore store, FabricImage image, boolean wanted) {
        if (store.state() != PoolStore.State.IN) {
            return Standing.LEAVING;
        }
        if (NodeAdmin.isLive(image, store.store())) {
            return Standing.TARGET;
        }
        return wanted ? Standing.KEPT : Standing.LEAVING;
    }

    private static PlannedStore unrecorded(StoreId store) {
        return new PlannedStore(
                store, PoolStore.WEIGHT_MIN, FailureDomain.ofHost(store.toString()), Standing.KEPT);
    }

    /// Copies that need nobody to come back.
    public long left() {
        return underWay + planned;
    }

    /// For people.
    public String sentence() {
        if (left() + waiting == 0) {
            return "copies: none are to be made";
        }
        String wait =
                waiting == 0 ? "" : "; %d wait for stores that are away or slow".formatted(waiting);
        return "copies: %d are to be made or moved (%d under way, %d planned)%s"
                .formatted(left(), underWay, planned, wait);
    }
}
