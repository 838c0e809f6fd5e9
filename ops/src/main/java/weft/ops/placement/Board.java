package weft.ops.placement;

import java.util.Arrays;

/// The copies of all groups, as a plan moves them about. A group has as many *slots* as copies are
/// wanted, numbered through: the first slot of a group is the store that is to lead it.
final class Board {
    /// No store.
    static final int FREE = -1;

    private final int replicas;
    private final int[] at;
    private final int[] position;
    private final int[][] held;
    private final int[] load;

    Board(int stores, int groups, int replicas) {
        this.replicas = replicas;
        at = new int[groups * replicas];
        Arrays.fill(at, FREE);
        position = new int[at.length];
        held = new int[stores][16];
        load = new int[stores];
    }

    int slots() {
        return at.length;
    }

    int firstSlot(int group) {
        return group * replicas;
    }

    int endSlot(int group) {
        return (group + 1) * replicas;
    }

    int groupOf(int slot) {
        return slot / replicas;
    }

    boolean isFirst(int slot) {
        return slot % replicas == 0;
    }

    /// The store in the slot, or [#FREE].
    int at(int slot) {
        return at[slot];
    }

    /// Copies at the store.
    int load(int store) {
        return load[store];
    }

    /// The store's slots, in no order that means anything: `index` below [#load].
    int held(int store, int index) {
        return held[store][index];
    }

    boolean has(int group, int store) {
        for (int slot = firstSlot(group); slot < endSlot(group); slot++) {
            if (at[slot] == store) {
                return true;
            }
        }
        return false;
    }

    void put(int slot, int store) {
        assert at[slot] == FREE;
        if (load[store] == held[store].length) {
            held[store] = Arrays.copyOf(held[store], 2 * load[store]);
        }
        at[slot] = store;
        position[slot] = load[store];
        held[store][load[store]++] = slot;
    }

    void take(int slot) {
        int store = at[slot];
        int last = held[store][--load[store]];
        held[store][position[slot]] = last;
        position[last] = position[slot];
        at[slot] = FREE;
    }

    /// Puts another store in the place of the present one.
    void replace(int slot, int store) {
        take(slot);
        put(slot, store);
    }

    /// Makes the slot's store the first of its group.
    void lead(int slot) {
        int first = firstSlot(groupOf(slot));
        int leader = at[first];
        int next = at[slot];
        take(first);
        take(slot);
        put(first, next);
        put(slot, leader);
    }
}
