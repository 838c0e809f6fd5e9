package weft.ops.placement;

import weft.fabric.FailureDomain;
import weft.fabric.StoreId;

/// A store, as a plan sees it.
///
/// @param weight relative size, > 0
public record PlannedStore(StoreId id, double weight, FailureDomain domain, Standing standing) {}
