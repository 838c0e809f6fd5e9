package weft.fabric;

import java.util.List;

/// Who replicates a placement group: PacificA's configuration. Changed only by compare-and-set from
/// one version to the next, and only proposed by members.
///
/// @param version 1 for the first; each change adds one
/// @param primary one of `members`
/// @param members in sync: every acknowledged write is durable on all of them
/// @param wanted the stores that control wants; the primary makes them members
/// @param minReplicas writes are answered only while there are at least so many members
public record Configuration(
        PlacementGroupId pg,
        long version,
        Member primary,
        List<Member> members,
        List<StoreId> wanted,
        int minReplicas) {
    /// The most members and the most wanted stores.
    public static final int MEMBERS_MAX = 8;

    public Configuration {
        members = List.copyOf(members);
        wanted = List.copyOf(wanted);
        if (version < 1 || !members.contains(primary)) {
            throw new IllegalArgumentException(
                    "%s v%d: primary %s of %s".formatted(pg, version, primary, members));
        }
        if (members.size() > MEMBERS_MAX || wanted.size() > MEMBERS_MAX) {
            throw new IllegalArgumentException(
                    "%s v%d: more than %d members".formatted(pg, version, MEMBERS_MAX));
        }
        if (members.stream().map(Member::store).distinct().count() != members.size()) {
            throw new IllegalArgumentException(
                    "%s v%d: a store twice in %s".formatted(pg, version, members));
        }
        if (minReplicas < 1 || minReplicas > MEMBERS_MAX) {
            throw new IllegalArgumentException(
                    "%s v%d: minReplicas %d".formatted(pg, version, minReplicas));
        }
    }

    /// Whether the store is a member, in any of its lives.
    public boolean hasStore(StoreId store) {
        for (Member member : members) {
            if (member.store().equals(store)) {
                return true;
            }
        }
        return false;
    }

    /// The same version; other stores are wanted.
    public Configuration withWanted(List<StoreId> newWanted) {
        return new Configuration(pg, version, primary, members, newWanted, minReplicas);
    }

    /// The same group in its next version.
    public Configuration next(Member newPrimary, List<Member> newMembers) {
        return new Configuration(pg, version + 1, newPrimary, newMembers, wanted, minReplicas);
    }

    @Override
    public String toString() {
        return pg + " v" + version + " primary " + primary + " members " + members;
    }
}
