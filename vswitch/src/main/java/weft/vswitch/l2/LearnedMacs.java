package weft.vswitch.l2;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;

import java.util.ArrayList;
import java.util.List;

/// What was seen behind static remote VTEPs: source addresses that no binding names. Entries age,
/// and a flood of made-up addresses cannot grow the table or push known ones out.
@Owned("the switch's loop")
public final class LearnedMacs<V> {
    /// 8192 entries of about 60 bytes: half a megabyte for each network at most, as in Open
    /// vSwitch.
    public static final int ENTRIES_MAX = 8192;

    /// Ageing time, 802.1Q's default.
    public static final long AGEING_NANOS = 300_000_000_000L;

    private final MacTable<Entry<V>> table = new MacTable<>();
    private final List<Entry<V>> entries = new ArrayList<>();

    /// Notes that the address was seen there. A full table takes no new address.
    public void learn(long mac, V where, long nowNanos) {
        Entry<V> known = table.get(mac);
        if (known != null) {
            known.where = where;
            known.seenNanos = nowNanos;
            return;
        }
        if (entries.size() >= ENTRIES_MAX) {
            return;
        }
        var entry = new Entry<V>(mac, where, nowNanos);
        table.put(mac, entry);
        entries.add(entry);
    }

    /// Where the address was last seen, or null.
    public @Nullable V find(long mac, long nowNanos) {
        Entry<V> entry = table.get(mac);
        return entry == null || nowNanos - entry.seenNanos > AGEING_NANOS ? null : entry.where;
    }

    /// Forgets what is too old; called now and then, not per frame.
    public void age(long nowNanos) {
        forgetIf(entry -> nowNanos - entry.seenNanos > AGEING_NANOS);
    }

    /// Forgets everything.
    public void clear() {
        entries.clear();
        table.clear();
    }

    /// How many addresses are known.
    public int size() {
        return entries.size();
    }

    private void forgetIf(java.util.function.Predicate<Entry<V>> isGone) {
        entries.removeIf(entry -> {
            boolean gone = isGone.test(entry);
            if (gone) {
                table.remove(entry.mac);
            }
            return gone;
        });
    }

    private static final class Entry<V> {
        private final long mac;
        private V where;
        private long seenNanos;

        Entry(long mac, V where, long seenNanos) {
            this.mac = mac;
            this.where = where;
            this.seenNanos = seenNanos;
        }
    }
}
