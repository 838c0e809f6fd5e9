package weft.coordination;

import weft.fabric.Configuration;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;

import java.util.Map;

/// An immutable picture of the pool: its stores and its placement groups.
public record PoolImage(
        Map<StoreId, PoolStore> stores, Map<PlacementGroupId, Configuration> groups) {
    /// Nothing is known yet.
    public static final PoolImage EMPTY = new PoolImage(Map.of(), Map.of());
}
