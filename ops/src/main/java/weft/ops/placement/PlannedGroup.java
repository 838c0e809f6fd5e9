package weft.ops.placement;

import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;

import java.util.List;

/// A placement group, as a plan sees it.
///
/// @param wanted the stores that are to have it, the one that is to lead first; empty for a new one
/// @param inSync copies that are in sync: groups with fewer are seen to first
public record PlannedGroup(PlacementGroupId pg, List<StoreId> wanted, int inSync) {
    public PlannedGroup {
        wanted = List.copyOf(wanted);
    }
}
