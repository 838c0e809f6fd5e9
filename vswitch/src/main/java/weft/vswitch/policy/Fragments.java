package weft.vswitch.policy;

import org.jspecify.annotations.Nullable;

import weft.fabric.GroupRule.Direction;
import weft.runtime.Owned;

import java.util.Arrays;

/// What became of the first fragments of packets: later ones, which have no ports, share their
/// fate. Whoever comes before its first is dropped; that costs its whole packet, which senders send
/// again, and a fragment that waited would cost memory that a stranger could fill.
///
/// A table of sets: a packet has four places, and takes that of the oldest. So a flood of fragments
/// pushes out others' of its own port only, and nothing has to be cleaned up.
@Owned("the switch's loop")
final class Fragments {
    /// Packets whose fragments may be under way at a time, for one port: 256 sets of 4, 48 KiB from
    /// the first fragment on.
    static final int PACKETS_MAX = 1024;

    /// As long as Linux waits for the rest of a packet (`ipfrag_time`).
    static final long LIFE_NANOS = 30_000_000_000L;

    private static final int WAYS = 4;
    private static final int SETS = PACKETS_MAX / WAYS;
    private static final int LONGS = 6;
    private static final int SEEN = 4;
    private static final int FATE = 5;
    private static final int NO_FATE = -1;
    private static final Ruling[] RULINGS = Ruling.values();

    private final long secret;
    private long @Nullable [] table;

    Fragments(long secret) {
        this.secret = secret;
    }

    /// Notes what became of a packet's first fragment.
    void note(PacketView first, Direction way, Ruling ruling, long nowNanos) {
        long[] places = table == null ? empty() : table;
        table = places;
        int set = setOf(first, way);
        int chosen = set;
        for (int at = set; at < set + WAYS * LONGS; at += LONGS) {
            if (isOf(places, at, first, way)) {
                chosen = at;
                break;
            }
            boolean isFree = places[at + FATE] == NO_FATE;
            if (isFree || places[at + SEEN] - places[chosen + SEEN] < 0) {
                chosen = at;
            }
        }
        places[chosen] = first.sourceHigh() ^ Long.rotateLeft(first.destinationHigh(), 17);
        places[chosen + 1] = first.sourceLow();
        places[chosen + 2] = first.destinationLow();
        places[chosen + 3] = what(first, way);
        places[chosen + SEEN] = nowNanos;
        places[chosen + FATE] = ruling.ordinal();
    }

    private static long[] empty() {
        var places = new long[PACKETS_MAX * LONGS];
        Arrays.fill(places, NO_FATE);
        return places;
    }

    /// What becomes of a later fragment.
    Ruling fate(PacketView later, Direction way, long nowNanos) {
        long[] places = table;
        if (places == null) {
            return Ruling.FRAGMENT_UNKNOWN;
        }
        int set = setOf(later, way);
        for (int at = set; at < set + WAYS * LONGS; at += LONGS) {
            if (isOf(places, at, later, way) && nowNanos - places[at + SEEN] < LIFE_NANOS) {
                return RULINGS[(int) places[at + FATE]];
            }
        }
        return Ruling.FRAGMENT_UNKNOWN;
    }

    private static boolean isOf(long[] places, int at, PacketView packet, Direction way) {
        return places[at + FATE] != NO_FATE
                && places[at + 3] == what(packet, way)
                && places[at + 1] == packet.sourceLow()
                && places[at + 2] == packet.destinationLow()
                && places[at]
                        == (packet.sourceHigh() ^ Long.rotateLeft(packet.destinationHigh(), 17));
    }

    private static long what(PacketView packet, Direction way) {
        return (long) way.ordinal() << 40
                | (long) packet.protocol() << 32
                | packet.identification() & 0xffff_ffffL;
    }

    private int setOf(PacketView packet, Direction way) {
        long mixed = secret ^ what(packet, way) ^ Long.rotateLeft(packet.sourceLow(), 23);
        mixed = (mixed ^ packet.destinationLow()) * 0x9e37_79b9_7f4a_7c15L;
        mixed = (mixed ^ mixed >>> 32) * 0xd6e8_feb8_6659_fd93L;
        return (int) (mixed >>> 40) % SETS * WAYS * LONGS;
    }
}
