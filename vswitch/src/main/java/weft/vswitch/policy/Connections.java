package weft.vswitch.policy;

import weft.fabric.GroupRule.Direction;
import weft.runtime.Owned;

import java.util.Arrays;

/// The connections of one port: a table from [FlowKey]s to entries, and for each [Lifetime] a list
/// of its entries, the one that was seen longest ago first. So ageing looks at those only that are
/// due, and a full table finds at once what it can do without.
///
/// ```
/// index   hash 32 | entry + 1, open addressing with linear probing, at most half full
/// longs   local 16 bytes | remote 16 | what 8 | seen 8 | born 8 | frames out 8, in 8
/// ints    prev, next | hash | generation | lifetime | flags | local's STATE … | remote's | restart
/// ```
///
/// An entry is a number that stays while the connection is remembered: 148 bytes, and 16 of the
/// index. Arrays grow twofold when a connection begins and never per packet, up to [#ENTRIES_MAX]:
/// 5 MB for a port at the most.
@Owned("the switch's loop")
final class Connections {
    /// Connections that a port can have at a time; so many of one tenant's port take nothing away
    /// from another's.
    static final int ENTRIES_MAX = 32_768;

    /// No entry.
    static final int NONE = -1;

    /// Offsets of what [TcpTracker] keeps of each side.
    static final int STATE = 0;

    static final int END = 1;
    static final int WINDOW_END = 2;
    static final int WINDOW_MAX = 3;
    static final int ACKED = 4;
    static final int SCALE = 5;

    /// Flags of an entry.
    static final int FROM_REMOTE = 1;

    static final int ANSWERED = 2;

    /// Of TCP: numbers are not compared any more.
    static final int UNCHECKED = 4;

    /// Of TCP: it was not seen from its beginning.
    static final int PICKED_UP = 8;

    private static final int LONGS = 9;
    private static final int LOCAL_HIGH = 0;
    private static final int LOCAL_LOW = 1;
    private static final int REMOTE_HIGH = 2;
    private static final int REMOTE_LOW = 3;
    private static final int WHAT = 4;
    private static final int SEEN = 5;
    private static final int BORN = 6;
    private static final int FRAMES_OUT = 7;
    private static final int FRAMES_IN = 8;
    private static final int PREVIOUS = 0;
    private static final int NEXT = 1;
    private static final int HASH = 2;
    private static final int GENERATION = 3;
    private static final int LIFETIME = 4;
    private static final int FLAGS = 5;
    private static final int SIDES = 6;
    private static final int SIDE_INTS = 6;
    private static final int RESTART = SIDES + 2 * SIDE_INTS;
    private static final int INTS = RESTART + 1;
    private static final int ENTRIES_MIN = 16;
    private static final Lifetime[] LIFETIMES = Lifetime.values();

    private final long secret;
    private final int entriesMax;
    private final int[] first = new int[LIFETIMES.length];
    private final int[] last = new int[LIFETIMES.length];
    private long[] index = new long[2 * ENTRIES_MIN];
    private long[] longs = new long[LONGS * ENTRIES_MIN];
    private int[] ints = new int[INTS * ENTRIES_MIN];
    private int free = NONE;
    private int usedOnce;
    private int size;

    /// @param secret what makes hashes unforeseeable
    Connections(long secret) {
        this(secret, ENTRIES_MAX);
    }

    Connections(long secret, int entriesMax) {
        this.secret = secret;
        this.entriesMax = entriesMax;
        Arrays.fill(first, NONE);
        Arrays.fill(last, NONE);
    }

    int size() {
        return size;
    }

    /// The connection of the key, or [#NONE].
    int find(FlowKey key) {
        int hash = key.hash(secret);
        int mask = index.length - 1;
        for (int slot = hash & mask; index[slot] != 0; slot = slot + 1 & mask) {
            long found = index[slot];
            if ((int) (found >>> 32) == hash && isOf((int) found - 1, key)) {
                return (int) found - 1;
            }
        }
        return NONE;
    }

    private boolean isOf(int entry, FlowKey key) {
        int at = entry * LONGS;
        return longs[at + LOCAL_LOW] == key.localLow
                && longs[at + REMOTE_LOW] == key.remoteLow
                && longs[at + WHAT] == key.what
                && longs[at + LOCAL_HIGH] == key.localHigh
                && longs[at + REMOTE_HIGH] == key.remoteHigh;
    }

    /// Adds a connection that is not there. A full table gives up one that can be done without:
    /// what nobody has answered first, then what is closed.
    ///
    /// @param initiator who began it
    /// @return the entry, or [#NONE] if all that there are must be kept
    int add(FlowKey key, Direction initiator, Lifetime lifetime, long nowNanos) {
        if (size >= entriesMax && !removeDispensable()) {
            return NONE;
        }
        int entry = freeEntry();
        int hash = key.hash(secret);
        int at = entry * LONGS;
        longs[at + LOCAL_HIGH] = key.localHigh;
        longs[at + LOCAL_LOW] = key.localLow;
        longs[at + REMOTE_HIGH] = key.remoteHigh;
        longs[at + REMOTE_LOW] = key.remoteLow;
        longs[at + WHAT] = key.what;
        longs[at + SEEN] = nowNanos;
        longs[at + BORN] = nowNanos;
        longs[at + FRAMES_OUT] = 0;
        longs[at + FRAMES_IN] = 0;
        Arrays.fill(ints, entry * INTS, (entry + 1) * INTS, 0);
        ints[entry * INTS + HASH] = hash;
        ints[entry * INTS + FLAGS] = initiator == Direction.IN ? FROM_REMOTE : 0;
        size++;
        if (2 * size > index.length) {
            growIndex();
        }
        put(hash, entry);
        append(entry, lifetime);
        return entry;
    }

    private boolean removeDispensable() {
        for (Lifetime lifetime : LIFETIMES) {
            int oldest = first[lifetime.ordinal()];
            if (lifetime.isDispensable && oldest != NONE) {
                remove(oldest);
                return true;
            }
        }
        return false;
    }

    private int freeEntry() {
        if (free != NONE) {
            int entry = free;
            free = ints[entry * INTS + NEXT];
            return entry;
        }
        if ((usedOnce + 1) * LONGS > longs.length) {
            longs = Arrays.copyOf(longs, 2 * longs.length);
            ints = Arrays.copyOf(ints, 2 * ints.length);
        }
        return usedOnce++;
    }

    private void growIndex() {
        long[] before = index;
        index = new long[2 * before.length];
        for (long entry : before) {
            if (entry != 0) {
                put((int) (entry >>> 32), (int) entry - 1);
            }
        }
    }

    private void put(int hash, int entry) {
        int mask = index.length - 1;
        int slot = hash & mask;
        while (index[slot] != 0) {
            slot = slot + 1 & mask;
        }
        index[slot] = (long) hash << 32 | entry + 1;
    }

    /// Forgets a connection.
    void remove(int entry) {
        int mask = index.length - 1;
        int hash = ints[entry * INTS + HASH];
        long wanted = (long) hash << 32 | entry + 1;
        int hole = hash & mask;
        while (index[hole] != wanted) {
            hole = hole + 1 & mask;
        }
        index[hole] = 0;
        // What was probed past the hole moves back, so that it is found without a tombstone.
        for (int slot = hole + 1 & mask; index[slot] != 0; slot = slot + 1 & mask) {
            int home = (int) (index[slot] >>> 32) & mask;
            if ((slot - home & mask) >= (slot - hole & mask)) {
                index[hole] = index[slot];
                index[slot] = 0;
                hole = slot;
            }
        }
        unlink(entry);
        longs[entry * LONGS + BORN] = 0;
        ints[entry * INTS + HASH] = 0;
        ints[entry * INTS + LIFETIME] = NONE;
        ints[entry * INTS + NEXT] = free;
        free = entry;
        size--;
        if (size == 0) {
            shrink();
        }
    }

    /// Whoever had many connections once does not keep the room for them.
    private void shrink() {
        if (usedOnce > ENTRIES_MIN) {
            index = new long[2 * ENTRIES_MIN];
            longs = new long[LONGS * ENTRIES_MIN];
            ints = new int[INTS * ENTRIES_MIN];
        }
        free = NONE;
        usedOnce = 0;
    }

    private void append(int entry, Lifetime lifetime) {
        int list = lifetime.ordinal();
        int before = last[list];
        ints[entry * INTS + LIFETIME] = list;
        ints[entry * INTS + PREVIOUS] = before;
        ints[entry * INTS + NEXT] = NONE;
        if (before == NONE) {
            first[list] = entry;
        } else {
            ints[before * INTS + NEXT] = entry;
        }
        last[list] = entry;
    }

    private void unlink(int entry) {
        int list = ints[entry * INTS + LIFETIME];
        int before = ints[entry * INTS + PREVIOUS];
        int after = ints[entry * INTS + NEXT];
        if (before == NONE) {
            first[list] = after;
        } else {
            ints[before * INTS + NEXT] = after;
        }
        if (after == NONE) {
            last[list] = before;
        } else {
            ints[after * INTS + PREVIOUS] = before;
        }
    }

    /// Notes that the connection was seen, and how long it lives from now on.
    void touch(int entry, Lifetime lifetime, long nowNanos) {
        boolean isSame = ints[entry * INTS + LIFETIME] == lifetime.ordinal();
        if (isSame && nowNanos - longs[entry * LONGS + SEEN] < Lifetime.GRAIN_NANOS) {
            return;
        }
        longs[entry * LONGS + SEEN] = nowNanos;
        unlink(entry);
        append(entry, lifetime);
    }

    /// Forgets connections that were not seen for their lifetime.
    ///
    /// @param countMax how many at most
    /// @return how many
    int age(long nowNanos, int countMax) {
        int count = 0;
        for (Lifetime lifetime : LIFETIMES) {
            int oldest = first[lifetime.ordinal()];
            while (oldest != NONE
                    && count < countMax
                    && nowNanos - longs[oldest * LONGS + SEEN] >= lifetime.nanos) {
                remove(oldest);
                count++;
                oldest = first[lifetime.ordinal()];
            }
        }
        return count;
    }

    /// The first connection from this number on, or [#NONE]: to go through all of them in parts,
    /// while they come and go.
    int next(int from) {
        for (int entry = Math.max(0, from); entry < usedOnce; entry++) {
            if (ints[entry * INTS + LIFETIME] != NONE) {
                return entry;
            }
        }
        return NONE;
    }

    /// Counts a frame of the connection.
    void count(int entry, Direction way) {
        longs[entry * LONGS + framesAt(way)]++;
    }

    int get(int entry, Direction side, int field) {
        return ints[sideOf(entry, side) + field];
    }

    void set(int entry, Direction side, int field, int value) {
        ints[sideOf(entry, side) + field] = value;
    }

    private static int sideOf(int entry, Direction side) {
        return entry * INTS + SIDES + (side == Direction.OUT ? 0 : SIDE_INTS);
    }

    boolean has(int entry, int flag) {
        return (ints[entry * INTS + FLAGS] & flag) != 0;
    }

    void mark(int entry, int flag) {
        ints[entry * INTS + FLAGS] |= flag;
    }

    /// Of TCP: what would acknowledge a SYN that came when the connection was open; 0 for none.
    int restart(int entry) {
        return ints[entry * INTS + RESTART];
    }

    void setRestart(int entry, int acknowledgement) {
        ints[entry * INTS + RESTART] = acknowledgement;
    }

    /// Who began it: the port's VM if [Direction#OUT].
    Direction initiator(int entry) {
        return has(entry, FROM_REMOTE) ? Direction.IN : Direction.OUT;
    }

    int generation(int entry) {
        return ints[entry * INTS + GENERATION];
    }

    void setGeneration(int entry, int generation) {
        ints[entry * INTS + GENERATION] = generation;
    }

    Lifetime lifetime(int entry) {
        return LIFETIMES[ints[entry * INTS + LIFETIME]];
    }

    long localHigh(int entry) {
        return longs[entry * LONGS + LOCAL_HIGH];
    }

    long localLow(int entry) {
        return longs[entry * LONGS + LOCAL_LOW];
    }

    long remoteHigh(int entry) {
        return longs[entry * LONGS + REMOTE_HIGH];
    }

    long remoteLow(int entry) {
        return longs[entry * LONGS + REMOTE_LOW];
    }

    /// As [FlowKey#what].
    long what(int entry) {
        return longs[entry * LONGS + WHAT];
    }

    long seenNanos(int entry) {
        return longs[entry * LONGS + SEEN];
    }

    long bornNanos(int entry) {
        return longs[entry * LONGS + BORN];
    }

    /// Frames that passed this way.
    long frames(int entry, Direction way) {
        return longs[entry * LONGS + framesAt(way)];
    }

    private static int framesAt(Direction way) {
        return way == Direction.OUT ? FRAMES_OUT : FRAMES_IN;
    }
}
