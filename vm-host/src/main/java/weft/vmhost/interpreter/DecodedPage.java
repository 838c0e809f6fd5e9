package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

import weft.vmhost.isa.Op;

/// The decoded instructions of one guest-physical page as one hart has met them; its own thread
/// alone looks at it.
public final class DecodedPage {
    /// A slot for each halfword; one beyond, and one more where an instruction that crosses the
    /// page's end would go on.
    public static final int SLOTS = 2048;

    /// From the number of a slot to that of its count in [#heat].
    public static final int HEAT_SHIFT = 6;

    private static final int SLOTS_WITH_END = SLOTS + 2;

    private final long physicalPage;
    private final int version;
    private final long[] slots = emptySlots();
    private final byte[] heat = new byte[SLOTS >>> HEAT_SHIFT];
    private @Nullable Object code;

    /// Whether execution has come here since [DecodedPages#forgetUnused].
    boolean used = true;

    DecodedPage(long physicalPage, int version) {
        this.physicalPage = physicalPage;
        this.version = version;
    }

    public long physicalPage() {
        return physicalPage;
    }

    /// The code version that it was begun with.
    public int version() {
        return version;
    }

    /// By halfword: the decoded form (see [weft.vmhost.isa.Decoded]) or a sentinel.
    public long[] slots() {
        return slots;
    }

    /// What an engine has made of the page, if anything: its own affair.
    public @Nullable Object code() {
        return code;
    }

    public void setCode(Object code) {
        this.code = code;
    }

    /// How often execution was met in each 128 bytes of the page, since the engine that counts it
    /// last began anew.
    public byte[] heat() {
        return heat;
    }

    static long[] emptySlots() {
        long[] slots = new long[SLOTS_WITH_END];
        slots[SLOTS] = Op.PAGE_END;
        slots[SLOTS + 1] = Op.PAGE_END;
        return slots;
    }
}
