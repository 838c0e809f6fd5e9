package weft.ops.placement;

import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;

import java.util.List;

/// What should be wanted instead of what is.
///
/// @param changes the most degraded groups first; groups that stay as they are are not in it
/// @param obstacles what could not be had, in sentences for people
public record Plan(List<Change> changes, List<String> obstacles) {
    public Plan {
        changes = List.copyOf(changes);
        obstacles = List.copyOf(obstacles);
    }

    /// A group that is to have other stores, or another order of them.
    ///
    /// @param before what the plan took for granted
    /// @param after the first is to lead
    public record Change(PlacementGroupId pg, List<StoreId> before, List<StoreId> after) {
        public Change {
            before = List.copyOf(before);
            after = List.copyOf(after);
        }

        /// The stores to which the group is copied.
        public List<StoreId> added() {
            return after.stream().filter(store -> !before.contains(store)).toList();
        }
    }

    /// Copies that have to be made.
    public int copies() {
        return changes.stream().mapToInt(change -> change.added().size()).sum();
    }
}
