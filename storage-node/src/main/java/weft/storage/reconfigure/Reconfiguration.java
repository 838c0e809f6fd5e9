package weft.storage.reconfigure;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Configuration × event → next configuration (PacificA, section 2.4: "reconfiguration"). Whoever
/// wins the compare-and-set of the result stays; nobody else needs to agree.
public final class Reconfiguration {
    private Reconfiguration() {}

    /// A secondary takes over from a primary that is silent: the primary is out.
    public static Configuration takeOver(Configuration current, Member self) {
        List<Member> members = new ArrayList<>();
        members.add(self);
        for (Member member : current.members()) {
            boolean oldSelf = member.store().equals(self.store());
            if (!oldSelf && !member.equals(current.primary())) {
                members.add(member);
            }
        }
        return current.next(self, members);
    }

    /// The primary's own store started again: the same members, in its new life.
    public static Configuration restart(Configuration current, Member self) {
        List<Member> members = new ArrayList<>();
        for (Member member : current.members()) {
            members.add(member.store().equals(self.store()) ? self : member);
        }
        return current.next(self, members);
    }

    /// A primary takes a new version and changes nothing: its leases lapsed and it has them again.
    public static Configuration renew(Configuration current) {
        return current.next(current.primary(), current.members());
    }

    /// Without these stores.
    public static Configuration remove(Configuration current, Set<StoreId> stores) {
        List<Member> members = new ArrayList<>(current.members());
        members.removeIf(member -> stores.contains(member.store()));
        return current.next(current.primary(), members);
    }

    /// With a store that has caught up.
    public static Configuration add(Configuration current, Member joiner) {
        List<Member> members = new ArrayList<>(current.members());
        members.add(joiner);
        return current.next(current.primary(), members);
    }

    /// Makes another member the primary and lets the present one go.
    public static Configuration handOver(Configuration current, Member successor) {
        List<Member> members = new ArrayList<>(current.members());
        members.remove(current.primary());
        return current.next(successor, members);
    }

    /// The last step of a move: once all wanted stores are members, the others go; a primary that
    /// is not wanted hands over to the first that is.
    public static Optional<Configuration> dismissUnwanted(Configuration current) {
        if (current.wanted().isEmpty()
                || !current.wanted().stream().allMatch(current::hasStore)
                || current.members().size() == current.wanted().size()) {
            return Optional.empty();
        }
        List<Member> members = new ArrayList<>(current.members());
        members.removeIf(member -> !current.wanted().contains(member.store()));
        Member primary =
                members.contains(current.primary()) ? current.primary() : firstWanted(current);
        return Optional.of(current.next(primary, members));
    }

    /// Whose turn to lead it is: the first wanted member, once the members are those that are
    /// wanted; empty if it leads already.
    public static Optional<Member> nextLeader(Configuration current) {
        boolean settled =
                !current.wanted().isEmpty()
                        && current.wanted().stream().allMatch(current::hasStore)
                        && current.members().size() == current.wanted().size();
        return settled && !firstWanted(current).equals(current.primary())
                ? Optional.of(firstWanted(current))
                : Optional.empty();
    }

    private static Member firstWanted(Configuration current) {
        StoreId first = current.wanted().getFirst();
        return current.members().stream()
                .filter(member -> member.store().equals(first))
                .findFirst()
                .orElseThrow();
    }

    /// Makes another member the primary; the present one stays a member.
    public static Configuration lead(Configuration current, Member successor) {
        return current.next(successor, current.members());
    }
}
