package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Configuration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The pool's placement groups: how many have all copies, fewer, and too few to write.
public record PoolHealth(int groups, int whole, int degraded, int holdingWrites) {
    /// How one group is.
    public enum GroupState {
        /// As many copies in sync as are wanted.
        WHOLE,
        /// Fewer, and enough for writes.
        DEGRADED,
        /// Too few: it reads, and holds writes.
        HOLDING;

        /// The state of this group.
        public static GroupState of(Configuration group) {
            if (group.members().size() < group.minReplicas()) {
                return HOLDING;
            }
            return group.members().size() < group.wanted().size() ? DEGRADED : WHOLE;
        }
    }

    /// The configurations as they are recorded now, by group.
    public static List<Configuration> groups(FabricRecords records) throws IOException {
        var groups = new ArrayList<Configuration>();
        for (String name : records.store().children(FabricPaths.PLACEMENT_GROUPS)) {
            records.find(FabricPaths.PLACEMENT_GROUPS + "/" + name, Configuration.class)
                    .ifPresent(found -> groups.add(found.noun()));
        }
        groups.sort(Comparator.comparingInt(group -> group.pg().value()));
        return groups;
    }

    /// The health of these groups.
    public static PoolHealth of(List<Configuration> groups) {
        int whole = 0;
        int holding = 0;
        for (Configuration group : groups) {
            GroupState state = GroupState.of(group);
            whole += state == GroupState.WHOLE ? 1 : 0;
            holding += state == GroupState.HOLDING ? 1 : 0;
        }
        return new PoolHealth(groups.size(), whole, groups.size() - whole, holding);
    }

    /// For people.
    public String sentence() {
        if (groups == 0) {
            return "pool: no placement groups yet";
        }
        if (whole == groups) {
            return "pool: healthy, all copies of %d placement groups in sync".formatted(groups);
        }
        return "pool: %d of %d placement groups degraded%s"
                .formatted(
                        degraded,
                        groups,
                        holdingWrites == 0
                                ? ""
                                : ", %d hold writes for want of copies".formatted(holdingWrites));
    }
}
