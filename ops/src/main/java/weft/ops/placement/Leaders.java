package weft.ops.placement;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;

/// Chooses who leads: a store is to lead as many groups as its copies entitle it to. Nothing is
/// copied for that, but each change stops a group for a moment, so only what is beyond the bounds
/// is changed: a chain of groups, each led by the next one's leader, from a store that leads too
/// many to one that leads too few.
final class Leaders {
    private final Board board;
    private final List<PlannedStore> stores;
    private final int[] leads;
    private final double[] fair;

    Leaders(Board board, List<PlannedStore> stores, int replicas) {
        this.board = board;
        this.stores = stores;
        leads = new int[stores.size()];
        fair = new double[stores.size()];
        for (int slot = 0; slot < board.slots(); slot += replicas) {
            if (board.at(slot) != Board.FREE) {
                leads[board.at(slot)]++;
            }
        }
        for (int store = 0; store < fair.length; store++) {
            fair[store] = board.load(store) / (double) replicas;
        }
    }

    /// Moves the lead until every store is within its bounds, or no chain helps any more.
    void balance() {
        for (int store = 0; store < fair.length; store++) {
            while (leads[store] > Copies.most(fair[store]) && passOn(store)) {}
        }
        for (int store = 0; store < fair.length; store++) {
            boolean takes = stores.get(store).standing() == Standing.TARGET;
            while (takes && leads[store] < Copies.least(fair[store]) && takeOver(store)) {}
        }
    }

    /// Breadth first from a store that leads too many to one that may lead one more.
    private boolean passOn(int rich) {
        var reachedBy = new int[fair.length];
        Arrays.fill(reachedBy, Board.FREE);
        var queue = new ArrayDeque<Integer>();
        queue.add(rich);
        while (!queue.isEmpty()) {
            int from = queue.remove();
            for (int i = 0; i < board.load(from); i++) {
                int slot = board.held(from, i);
                if (!board.isFirst(slot)) {
                    continue;
                }
                int group = board.groupOf(slot);
                for (int other = slot + 1; other < board.endSlot(group); other++) {
                    int to = board.at(other);
                    if (to == rich || !mayReach(reachedBy, to)) {
                        continue;
                    }
                    reachedBy[to] = other;
                    if (leads[to] < fair[to]) {
                        shiftBack(rich, to, reachedBy);
                        return true;
                    }
                    queue.add(to);
                }
            }
        }
        return false;
    }

    /// The other way round: from a store that leads too few to one that can do without.
    private boolean takeOver(int poor) {
        var reachedBy = new int[fair.length];
        Arrays.fill(reachedBy, Board.FREE);
        var queue = new ArrayDeque<Integer>();
        queue.add(poor);
        while (!queue.isEmpty()) {
            int to = queue.remove();
            for (int i = 0; i < board.load(to); i++) {
                int slot = board.held(to, i);
                int leader = board.at(board.firstSlot(board.groupOf(slot)));
                if (board.isFirst(slot) || leader == poor || !mayReach(reachedBy, leader)) {
                    continue;
                }
                reachedBy[leader] = slot;
                if (leads[leader] > fair[leader]) {
                    shiftOn(leader, poor, reachedBy);
                    return true;
                }
                queue.add(leader);
            }
        }
        return false;
    }

    private boolean mayReach(int[] reachedBy, int store) {
        return store != Board.FREE
                && reachedBy[store] == Board.FREE
                && stores.get(store).standing() == Standing.TARGET;
    }

    private void shiftBack(int rich, int poor, int[] reachedBy) {
        leads[poor]++;
        leads[rich]--;
        int at = poor;
        while (at != rich) {
            int slot = reachedBy[at];
            at = board.at(board.firstSlot(board.groupOf(slot)));
            board.lead(slot);
        }
    }

    private void shiftOn(int rich, int poor, int[] reachedBy) {
        leads[poor]++;
        leads[rich]--;
        int at = rich;
        while (at != poor) {
            int slot = reachedBy[at];
            at = board.at(slot);
            board.lead(slot);
        }
    }
}
