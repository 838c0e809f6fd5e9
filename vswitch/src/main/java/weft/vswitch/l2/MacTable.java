package weft.vswitch.l2;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;

/// A map from 48-bit addresses (or any other longs) to values, without a box per lookup: open
/// addressing with linear probing, at most half full.
@Owned("the switch's loop")
public final class MacTable<V> {
    private static final int CAPACITY_MIN = 16;

    private long[] keys = new long[CAPACITY_MIN];
    private @Nullable Object[] values = new @Nullable Object[CAPACITY_MIN];
    private int size;

    /// The value of the key, or null.
    @SuppressWarnings("unchecked") // only put() stores, and it stores Vs
    public @Nullable V get(long key) {
        return (V) values[slotOf(key)];
    }

    /// Sets the value of the key.
    public void put(long key, V value) {
        int slot = slotOf(key);
        if (values[slot] == null) {
            if (2 * (size + 1) > keys.length) {
                grow();
                slot = slotOf(key);
            }
            size++;
        }
        keys[slot] = key;
        values[slot] = value;
    }

    /// Forgets the key.
    public void remove(long key) {
        int hole = slotOf(key);
        if (values[hole] == null) {
            return;
        }
        size--;
        values[hole] = null;
        // What was probed past the hole moves back, so that it is found without a tombstone.
        int mask = keys.length - 1;
        for (int slot = (hole + 1) & mask; values[slot] != null; slot = (slot + 1) & mask) {
            int home = homeOf(keys[slot], mask);
            if (((slot - home) & mask) >= ((slot - hole) & mask)) {
                keys[hole] = keys[slot];
                values[hole] = values[slot];
                values[slot] = null;
                hole = slot;
            }
        }
    }

    /// How many keys there are.
    public int size() {
        return size;
    }

    /// Forgets everything.
    public void clear() {
        keys = new long[CAPACITY_MIN];
        values = new @Nullable Object[CAPACITY_MIN];
        size = 0;
    }

    private int slotOf(long key) {
        int mask = keys.length - 1;
        int slot = homeOf(key, mask);
        while (values[slot] != null && keys[slot] != key) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private static int homeOf(long key, int mask) {
        return (int) ((key * 0x9e37_79b9_7f4a_7c15L) >>> 32) & mask;
    }

    private void grow() {
        long[] oldKeys = keys;
        @Nullable Object[] oldValues = values;
        keys = new long[2 * oldKeys.length];
        values = new @Nullable Object[2 * oldKeys.length];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldValues[i] != null) {
                int slot = slotOf(oldKeys[i]);
                keys[slot] = oldKeys[i];
                values[slot] = oldValues[i];
            }
        }
    }
}
