package weft.ops.placement;

import weft.fabric.StoreId;
import weft.ops.placement.Plan.Change;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// From the stores and what is wanted now to what should be wanted. What fits stays, so that as
/// little as possible is copied:
///
/// ```text
///   keep copies on stores that stay ─► free those that crowd a failure domain ─► fill what is
///   free (rendezvous, the needy first) ─► move from over-full to under-full ─► choose leaders
/// ```
///
/// The same stores and groups make the same plan, in whatever order they are given.
public final class Planner {
    private final int replicas;
    private final List<PlannedStore> stores;
    private final List<PlannedGroup> groups;
    private final Map<StoreId, Integer> indexes = new HashMap<>();
    private final Board board;

    private Planner(List<PlannedStore> stores, List<PlannedGroup> groups, int replicas) {
        this.replicas = replicas;
        this.stores = stores.stream().sorted(Comparator.comparing(PlannedStore::id)).toList();
        this.groups = groups.stream().sorted(Comparator.comparing(PlannedGroup::pg)).toList();
        for (int i = 0; i < this.stores.size(); i++) {
            indexes.put(this.stores.get(i).id(), i);
        }
        board = new Board(stores.size(), groups.size(), replicas);
    }

    /// @param stores all that are wanted by any group, and all that may be
    /// @param groups all of the pool
    /// @param replicas copies that each group is to have
    /// @throws IllegalArgumentException if a group wants a store that is not among them
    public static Plan plan(List<PlannedStore> stores, List<PlannedGroup> groups, int replicas) {
        return new Planner(stores, groups, replicas).plan();
    }

    private Plan plan() {
        var shares = new FairShares(stores, groups.size(), replicas);
        keepWhatStays();
        var copies = new Copies(board, shares, stores, groups);
        copies.freeCrowded();
        List<Integer> mostDegradedFirst = mostDegradedFirst();
        copies.fill(mostDegradedFirst);
        restoreWhatNobodyTakes();
        copies.balance();
        new Leaders(board, stores, replicas).balance();
        return new Plan(changes(mostDegradedFirst), obstacles());
    }

    private int index(StoreId store) {
        Integer index = indexes.get(store);
        if (index == null) {
            throw new IllegalArgumentException(store + " is wanted and not among the stores");
        }
        return index;
    }

    private boolean isLeaving(int store) {
        return stores.get(store).standing() == Standing.LEAVING;
    }

    private void keepWhatStays() {
        for (int group = 0; group < groups.size(); group++) {
            List<StoreId> wanted = groups.get(group).wanted();
            for (int i = 0; i < Math.min(wanted.size(), replicas); i++) {
                int store = index(wanted.get(i));
                if (!isLeaving(store) && !board.has(group, store)) {
                    board.put(board.firstSlot(group) + i, store);
                }
            }
        }
    }

    private List<Integer> mostDegradedFirst() {
        var order = new ArrayList<Integer>();
        for (int group = 0; group < groups.size(); group++) {
            order.add(group);
        }
        order.sort(Comparator.comparingInt(group -> groups.get(group).inSync()));
        return order;
    }

    /// A copy on a store that is to go is better than none.
    private void restoreWhatNobodyTakes() {
        for (int group = 0; group < groups.size(); group++) {
            List<StoreId> wanted = groups.get(group).wanted();
            for (int i = 0; i < Math.min(wanted.size(), replicas); i++) {
                int slot = board.firstSlot(group) + i;
                int before = index(wanted.get(i));
                if (board.at(slot) == Board.FREE && !board.has(group, before)) {
                    board.put(slot, before);
                }
            }
        }
    }

    private List<StoreId> after(int group) {
        List<StoreId> after = new ArrayList<>();
        for (int slot = board.firstSlot(group); slot < board.endSlot(group); slot++) {
            if (board.at(slot) != Board.FREE) {
                after.add(stores.get(board.at(slot)).id());
            }
        }
        return after;
    }

    private List<Change> changes(List<Integer> order) {
        List<Change> changes = new ArrayList<>();
        for (int group : order) {
            List<StoreId> before = groups.get(group).wanted();
            List<StoreId> after = after(group);
            if (!after.equals(before) && !after.isEmpty()) {
                changes.add(new Change(groups.get(group).pg(), before, after));
            }
        }
        return changes;
    }

    private List<String> obstacles() {
        List<String> found = new ArrayList<>();
        long staying = stores.stream().filter(s -> s.standing() != Standing.LEAVING).count();
        if (staying < replicas) {
            found.add(
                    "%d copies are wanted, and %d stores are there to have them"
                            .formatted(replicas, staying));
        }
        say(found, "host", 3);
        say(found, "rack", 2);
        say(found, "zone", 1);
        return found;
    }

    /// @param depth how many names of a domain count: 1 zone, 2 and rack, 3 and host
    private void say(List<String> found, String what, int depth) {
        Map<List<String>, Integer> all = new HashMap<>();
        var place = new int[stores.size()];
        for (int store = 0; store < place.length; store++) {
            place[store] = all.computeIfAbsent(names(stores.get(store), depth), _ -> all.size());
        }
        if (all.size() < 2) {
            return; // Nobody has told them apart.
        }
        int crowded = 0;
        for (int group = 0; group < groups.size(); group++) {
            crowded += isCrowded(group, place) ? 1 : 0;
        }
        if (crowded > 0) {
            found.add(
                    "%d of %d placement groups have two copies in one %s: there are %d"
                            .formatted(crowded, groups.size(), what, all.size()));
        }
    }

    /// Whether two copies of the group are in one place.
    private boolean isCrowded(int group, int[] place) {
        for (int slot = board.firstSlot(group); slot < board.endSlot(group); slot++) {
            for (int other = board.firstSlot(group); other < slot; other++) {
                boolean areThere = board.at(slot) != Board.FREE && board.at(other) != Board.FREE;
                if (areThere && place[board.at(slot)] == place[board.at(other)]) {
                    return true;
                }
            }
        }
        return false;
    }

    private static List<String> names(PlannedStore store, int depth) {
        var domain = store.domain();
        return List.of(domain.zone(), domain.rack(), domain.host()).subList(0, depth);
    }
}
