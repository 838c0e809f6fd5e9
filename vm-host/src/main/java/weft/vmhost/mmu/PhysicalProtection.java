package weft.vmhost.mmu;

/// Physical memory protection (Privileged ISA, 3.7): sixteen entries, each a range of
/// guest-physical addresses with rights, the lowest-numbered that meets an access deciding. Ranges
/// may be as narrow as four bytes.
///
/// A locked entry binds M-mode too. What no entry meets is free for M-mode and closed to the rest.
///
/// It is asked when a translation is made, not at each access: whoever keeps translations asks for
/// the rights of the whole page, keeps none of a page that is [#MIXED], and drops them all when the
/// entries change.
public final class PhysicalProtection {
    public static final int ENTRIES = 16;

    public static final int READ = 1;
    public static final int WRITE = 2;
    public static final int EXECUTE = 4;

    /// The bytes of the page do not all have the same rights.
    public static final int MIXED = -1;

    private static final int ALL = READ | WRITE | EXECUTE;
    private static final int LOCKED = 0x80;
    private static final int MODE_SHIFT = 3;
    private static final int MODE = 3 << MODE_SHIFT;
    private static final int TOP_OF_RANGE = 1;
    private static final int FOUR_BYTES = 2;
    private static final int WRITABLE = LOCKED | MODE | ALL;
    private static final long ADDRESS_BITS = (1L << 54) - 1;
    private static final long PAGE_BYTES = 4096;

    private final byte[] configurations = new byte[ENTRIES];
    private final long[] addresses = new long[ENTRIES];

    /// The entries that are on, in order: first byte, last byte, configuration.
    private final long[] firsts = new long[ENTRIES];

    private final long[] lasts = new long[ENTRIES];
    private final int[] rights = new int[ENTRIES];
    private int active;

    /// Whether the first entry gives everything to everybody.
    private boolean open;

    private boolean bindsMachine;

    public PhysicalProtection() {
        reset();
    }

    /// All entries off, as after power-on.
    public void reset() {
        java.util.Arrays.fill(configurations, (byte) 0);
        java.util.Arrays.fill(addresses, 0);
        derive();
    }

    /// What firmware does that protects nothing: the first entry opens all memory.
    public void openAll() {
        reset();
        restore(0, ALL | MODE, ADDRESS_BITS);
    }

    /// `pmpcfg<2 × index>`: eight configurations.
    public long configurations(int index) {
        long value = 0;
        for (int i = 0; i < 8; i++) {
            value |= (configurations[8 * index + i] & 0xFFL) << 8 * i;
        }
        return value;
    }

    /// Locked entries keep what they have. The reserved "writable, not readable" becomes neither.
    public void setConfigurations(int index, long value) {
        for (int i = 0; i < 8; i++) {
            int entry = 8 * index + i;
            if (!isLocked(entry)) {
                configurations[entry] = legal((int) (value >>> 8 * i));
            }
        }
        derive();
    }

    /// `pmpaddr<entry>`.
    public long address(int entry) {
        return addresses[entry];
    }

    /// Ignored if the entry is locked, or is the lower bound of a locked one.
    public void setAddress(int entry, long value) {
        boolean isBoundOfLocked =
                entry + 1 < ENTRIES && isLocked(entry + 1) && mode(entry + 1) == TOP_OF_RANGE;
        if (!isLocked(entry) && !isBoundOfLocked) {
            addresses[entry] = value & ADDRESS_BITS;
            derive();
        }
    }

    /// Takes over what [#configurations] and [#address] gave, locked or not.
    public void restore(int entry, int configuration, long address) {
        configurations[entry] = legal(configuration);
        addresses[entry] = address & ADDRESS_BITS;
        derive();
    }

    /// Whether an access of these bytes is allowed. An entry that meets only some of them refuses.
    public boolean allows(long address, int sizeBytes, Access access, boolean machine) {
        if (isOpenFor(machine)) {
            return true;
        }
        long last = address + sizeBytes - 1;
        for (int i = 0; i < active; i++) {
            if (firsts[i] <= last && lasts[i] >= address) {
                boolean whole = firsts[i] <= address && lasts[i] >= last;
                return whole && (rightsOf(i, machine) & needed(access)) != 0;
            }
        }
        return machine;
    }

    /// What all bytes of the page allow, or [#MIXED].
    public int pageRights(long page, boolean machine) {
        if (isOpenFor(machine)) {
            return ALL;
        }
        long last = page + PAGE_BYTES - 1;
        for (int i = 0; i < active; i++) {
            if (firsts[i] <= last && lasts[i] >= page) {
                boolean whole = firsts[i] <= page && lasts[i] >= last;
                return whole ? rightsOf(i, machine) : MIXED;
            }
        }
        return machine ? ALL : 0;
    }

    private boolean isOpenFor(boolean machine) {
        return machine ? !bindsMachine : open;
    }

    private int rightsOf(int i, boolean machine) {
        return machine && (rights[i] & LOCKED) == 0 ? ALL : rights[i] & ALL;
    }

    private static int needed(Access access) {
        return switch (access) {
            case FETCH -> EXECUTE;
            case LOAD -> READ;
            case STORE -> WRITE;
        };
    }

    private boolean isLocked(int entry) {
        return (configurations[entry] & LOCKED) != 0;
    }

    private int mode(int entry) {
        return (configurations[entry] & MODE) >>> MODE_SHIFT;
    }

    private static byte legal(int configuration) {
        boolean reserved = (configuration & (READ | WRITE)) == WRITE;
        return (byte) (configuration & (reserved ? WRITABLE & ~WRITE : WRITABLE));
    }

    private void derive() {
        active = 0;
        bindsMachine = false;
        for (int entry = 0; entry < ENTRIES; entry++) {
            int mode = mode(entry);
            long address = addresses[entry];
            long first = address << 2;
            long last = first + 3;
            if (mode == TOP_OF_RANGE) {
                first = entry == 0 ? 0 : addresses[entry - 1] << 2;
                last = (address << 2) - 1;
            } else if (mode != FOUR_BYTES) {
                // Naturally aligned: as many low bits as there are ones, and one more, are offset.
                long offset = address ^ address + 1;
                first = (address & ~offset) << 2;
                last = (address | offset) << 2 | 3;
            }
            if (mode != 0 && first <= last) {
                firsts[active] = first;
                lasts[active] = last;
                rights[active++] = configurations[entry];
                bindsMachine |= isLocked(entry);
            }
        }
        open =
                active > 0
                        && firsts[0] == 0
                        && lasts[0] >= ADDRESS_BITS << 2
                        && (rights[0] & ALL) == ALL;
    }
}
