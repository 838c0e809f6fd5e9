package weft.ops.placement;

import weft.fabric.Placement;

import java.util.Arrays;
import java.util.List;

/// Puts copies where there is none, and moves copies from stores that carry too much to stores that
/// carry too little. Rendezvous hashing proposes; how full the stores are has the last word, and
/// what the failure domains allow stands above both.
///
/// Between [#least] and [#most] a store is left alone: the bounds are 5 % around its share, or the
/// whole numbers next to it where 5 % is less than one copy.
final class Copies {
    private static final double TOLERANCE = 0.05;

    /// Of so many groups that could move from one store to another the best is taken.
    private static final int CHOICES = 16;

    private final Board board;
    private final FairShares shares;
    private final List<PlannedStore> stores;
    private final List<PlannedGroup> groups;
    private final int[] targets;
    private final long[] seeds;
    private final double[] weights;
    private final int[] least;
    private final int[] most;
    private final int[] cursor;
    private final int[] inDomain;
    private final double[] chances;
    private final int[] needy;
    private int needyCount;

    Copies(Board board, FairShares shares, List<PlannedStore> stores, List<PlannedGroup> groups) {
        this.board = board;
        this.shares = shares;
        this.stores = stores;
        this.groups = groups;
        int count = stores.size();
        targets = targets(stores);
        needy = targets.clone();
        chances = new double[count];
        seeds = new long[count];
        weights = new double[count];
        least = new int[count];
        most = new int[count];
        cursor = new int[count];
        inDomain = new int[shares.domainCount()];
        for (int store = 0; store < count; store++) {
            seeds[store] = Placement.seedOf(stores.get(store).id());
            weights[store] = stores.get(store).weight();
            least[store] = least(shares.target(store));
            most[store] = most(shares.target(store));
        }
    }

    private static int[] targets(List<PlannedStore> stores) {
        var found = new int[stores.size()];
        int count = 0;
        for (int store = 0; store < stores.size(); store++) {
            if (stores.get(store).standing() == Standing.TARGET) {
                found[count++] = store;
            }
        }
        return Arrays.copyOf(found, count);
    }

    /// The least that a store of that share is to carry.
    static int least(double share) {
        return (int) Math.min(Math.floor(share), Math.ceil(share * (1 - TOLERANCE)));
    }

    /// The most that a store of that share is to carry.
    static int most(double share) {
        return (int) Math.max(Math.ceil(share), Math.floor(share * (1 + TOLERANCE)));
    }

    // ---- Where copies may be.

    private void countDomains(int group, int change) {
        for (int slot = board.firstSlot(group); slot < board.endSlot(group); slot++) {
            int store = board.at(slot);
            if (store != Board.FREE) {
                for (int level = 0; level < FairShares.LEVELS; level++) {
                    inDomain[shares.domain(level, store)] += change;
                }
            }
        }
    }

    /// Whether a copy more would fit its domains; the group's are counted.
    private boolean fits(int store) {
        for (int level = 0; level < FairShares.LEVELS; level++) {
            int domain = shares.domain(level, store);
            if (inDomain[domain] >= shares.limit(domain)) {
                return false;
            }
        }
        return true;
    }

    /// Whether the store may take the place of the one in the slot.
    private boolean mayReplace(int slot, int store) {
        int group = board.groupOf(slot);
        if (board.has(group, store)) {
            return false;
        }
        int replaced = board.at(slot);
        for (int level = 0; level < FairShares.LEVELS; level++) {
            int domain = shares.domain(level, store);
            int there = domain == shares.domain(level, replaced) ? -1 : 0;
            for (int other = board.firstSlot(group); other < board.endSlot(group); other++) {
                int at = board.at(other);
                there += at != Board.FREE && shares.domain(level, at) == domain ? 1 : 0;
            }
            if (there >= shares.limit(domain)) {
                return false;
            }
        }
        return true;
    }

    /// Takes copies away that share a zone, a rack or a host while there is room elsewhere: each
    /// time from the store that is the fullest for its share, so that one whose domain has changed
    /// keeps what it has; the last ones first where that does not tell, so that the leader stays.
    void freeCrowded() {
        for (int group = 0; group < groups.size(); group++) {
            countDomains(group, 1);
            int slot = fullestCrowded(group);
            while (slot != Board.FREE) {
                countDomains(group, -1);
                board.take(slot);
                countDomains(group, 1);
                slot = fullestCrowded(group);
            }
            countDomains(group, -1);
        }
    }

    private int fullestCrowded(int group) {
        int found = Board.FREE;
        for (int slot = board.endSlot(group) - 1; slot >= board.firstSlot(group); slot--) {
            if (isCrowded(board.at(slot))
                    && (found == Board.FREE
                            || fullness(board.at(slot), 0) > fullness(board.at(found), 0))) {
                found = slot;
            }
        }
        return found;
    }

    private boolean isCrowded(int store) {
        if (store == Board.FREE || stores.get(store).standing() != Standing.TARGET) {
            return false;
        }
        for (int level = 0; level < FairShares.LEVELS; level++) {
            int domain = shares.domain(level, store);
            if (inDomain[domain] > shares.limit(domain)) {
                return true;
            }
        }
        return false;
    }

    // ---- Filling.

    /// Puts a copy into each free slot for which there is a store, group by group.
    void fill(List<Integer> order) {
        for (int store : targets) {
            if (board.load(store) < least[store]) {
                needy[needyCount++] = store;
            }
        }
        order.forEach(this::fill);
    }

    private void fill(int group) {
        boolean isDrawn = false;
        for (int slot = board.firstSlot(group); slot < board.endSlot(group); slot++) {
            if (board.at(slot) == Board.FREE) {
                if (!isDrawn) {
                    draw(group);
                    isDrawn = true;
                }
                int store = proposed(group);
                if (store != Board.FREE) {
                    board.put(slot, store);
                    forgetNeedy(store);
                }
            }
        }
    }

    /// Every target's lot for the group: most of the work of a first placement, so once for all
    /// copies.
    private void draw(int group) {
        int pg = groups.get(group).pg().value();
        for (int store : targets) {
            chances[store] = Placement.chance(seeds[store], pg);
        }
    }

    private void forgetNeedy(int store) {
        if (board.load(store) == least[store]) {
            int at = 0;
            while (needy[at] != store) {
                at++;
            }
            needy[at] = needy[--needyCount];
        }
    }

    /// The highest score among the stores that need copies most.
    private int proposed(int group) {
        countDomains(group, 1);
        int store = bestOfNeedy(group);
        if (store == Board.FREE) {
            store = bestOfAll(group);
        }
        countDomains(group, -1);
        return store;
    }

    private int bestOfNeedy(int group) {
        int best = Board.FREE;
        double bestScore = 0;
        for (int i = 0; i < needyCount; i++) {
            int store = needy[i];
            double chance = chances[store];
            // −ln(c) ≥ 1 − c, so most stores are out of the question without a logarithm.
            if (weights[store] < bestScore * (1 - chance)
                    || !fits(store)
                    || board.has(group, store)) {
                continue;
            }
            double score = Placement.score(weights[store], chance);
            if (score > bestScore) {
                best = store;
                bestScore = score;
            }
        }
        return best;
    }

    private int bestOfAll(int group) {
        int best = Board.FREE;
        int bestNeed = Integer.MAX_VALUE;
        double bestScore = 0;
        for (int store : targets) {
            int need = need(store);
            double chance = chances[store];
            if (need > bestNeed
                    || need == bestNeed && weights[store] < bestScore * (1 - chance)
                    || !fits(store)
                    || board.has(group, store)) {
                continue;
            }
            double score = Placement.score(weights[store], chance);
            if (need < bestNeed || score > bestScore) {
                best = store;
                bestNeed = need;
                bestScore = score;
            }
        }
        return best;
    }

    /// 0 for a store that must have more, 3 for one that has too much already.
    private int need(int store) {
        int load = board.load(store);
        if (load < least[store]) {
            return 0;
        }
        if (load < shares.target(store)) {
            return 1;
        }
        return load < most[store] ? 2 : 3;
    }

    // ---- Balance.

    /// Moves copies until every store is within its bounds, or no move helps any more.
    void balance() {
        var stuck = new boolean[stores.size()];
        int poor = poorest(stuck);
        while (poor != Board.FREE) {
            stuck[poor] = !give(poor);
            poor = poorest(stuck);
        }
        Arrays.fill(stuck, false);
        int rich = richest(stuck);
        while (rich != Board.FREE) {
            stuck[rich] = !relieve(rich);
            rich = richest(stuck);
        }
    }

    private int poorest(boolean[] without) {
        int found = Board.FREE;
        for (int store : targets) {
            if (!without[store]
                    && board.load(store) < least[store]
                    && (found == Board.FREE || fullness(store, 0) < fullness(found, 0))) {
                found = store;
            }
        }
        return found;
    }

    private int richest(boolean[] without) {
        int found = Board.FREE;
        for (int store : targets) {
            if (!without[store]
                    && board.load(store) > most[store]
                    && (found == Board.FREE || fullness(store, 0) > fullness(found, 0))) {
                found = store;
            }
        }
        return found;
    }

    private double fullness(int store, int more) {
        return (board.load(store) + more) / shares.target(store);
    }

    /// Moves a copy to the store from the fullest that has a fitting one.
    private boolean give(int poor) {
        var tried = new boolean[stores.size()];
        while (true) {
            int from = Board.FREE;
            for (int store : targets) {
                boolean spare = !tried[store] && board.load(store) > least[store];
                if (spare && (from == Board.FREE || fullness(store, 0) > fullness(from, 0))) {
                    from = store;
                }
            }
            if (from == Board.FREE || fullness(from, 0) <= fullness(poor, 1)) {
                return false;
            }
            if (move(from, poor)) {
                return true;
            }
            tried[from] = true;
        }
    }

    /// Moves a copy away from the store, to the emptiest that may have one of its copies.
    private boolean relieve(int rich) {
        var tried = new boolean[stores.size()];
        while (true) {
            int to = Board.FREE;
            for (int store : targets) {
                boolean room = !tried[store] && board.load(store) < most[store];
                if (room && (to == Board.FREE || fullness(store, 0) < fullness(to, 0))) {
                    to = store;
                }
            }
            if (to == Board.FREE) {
                return false;
            }
            if (move(rich, to)) {
                return true;
            }
            tried[to] = true;
        }
    }

    private boolean move(int from, int to) {
        int best = Board.FREE;
        double bestChance = -1;
        int choices = 0;
        int held = board.load(from);
        for (int i = 0; i < held && choices < CHOICES; i++) {
            int slot = board.held(from, (cursor[from] + i) % held);
            if (!mayReplace(slot, to)) {
                continue;
            }
            choices++;
            double chance =
                    Placement.chance(seeds[to], groups.get(board.groupOf(slot)).pg().value());
            if (chance > bestChance) {
                best = slot;
                bestChance = chance;
            }
        }
        cursor[from] += CHOICES;
        if (best == Board.FREE) {
            return false;
        }
        board.replace(best, to);
        return true;
    }
}
