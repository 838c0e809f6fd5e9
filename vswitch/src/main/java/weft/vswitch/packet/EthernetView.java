package weft.vswitch.packet;

/// An Ethernet frame where it lies: fields read from the bytes on demand (IEEE 802.3, 3.2).
///
/// ```
/// 0..5 destination · 6..11 source · 12..13 type (or TPID of a tag) · 14.. payload
/// ```
///
/// A view is reused for frame after frame; [#isComplete] must hold before a field is read.
public final class EthernetView {
    /// Destination, source and type.
    public static final int HEADER_BYTES = 14;

    /// TPID of an 802.1Q tag.
    public static final int TPID_8021Q = 0x8100;

    /// TPID of an 802.1ad service tag.
    public static final int TPID_8021AD = 0x88a8;

    /// TPID of service tags from before 802.1ad.
    public static final int TPID_QINQ_LEGACY = 0x9100;

    private static final byte[] NO_BYTES = {};
    private static final long MULTICAST_BIT = 0x0100_0000_0000L;
    private static final long RESERVED_BLOCK = 0x0180_c200_0000L;

    private byte[] bytes = NO_BYTES;
    private int offset;
    private int lengthBytes;

    /// Points the view at other bytes; nothing is copied.
    public EthernetView over(byte[] newBytes, int newOffset, int newLengthBytes) {
        bytes = newBytes;
        offset = newOffset;
        lengthBytes = newLengthBytes;
        return this;
    }

    /// The array the frame lies in.
    public byte[] bytes() {
        return bytes;
    }

    /// Where in the array it begins.
    public int offset() {
        return offset;
    }

    /// Its length without FCS.
    public int lengthBytes() {
        return lengthBytes;
    }

    /// Whether there is a whole header.
    public boolean isComplete() {
        return lengthBytes >= HEADER_BYTES;
    }

    /// The destination address as the low 48 bits.
    public long destination() {
        return address(offset);
    }

    /// The source address as the low 48 bits.
    public long source() {
        return address(offset + 6);
    }

    /// The type, or the TPID if the frame is tagged.
    public int type() {
        return (bytes[offset + 12] & 0xff) << 8 | bytes[offset + 13] & 0xff;
    }

    /// Whether a VLAN tag of any kind comes first.
    public boolean isTagged() {
        int type = type();
        return type == TPID_8021Q || type == TPID_8021AD || type == TPID_QINQ_LEGACY;
    }

    /// Whether the address is a group address (broadcast is one).
    public static boolean isMulticast(long address) {
        return (address & MULTICAST_BIT) != 0;
    }

    /// Whether the address is one of 01-80-C2-00-00-00 to -0F, which no bridge forwards (IEEE
    /// 802.1Q, 8.6.3).
    public static boolean isReserved(long address) {
        return (address & ~0xfL) == RESERVED_BLOCK;
    }

    private long address(int at) {
        long high = (bytes[at] & 0xffL) << 40 | (bytes[at + 1] & 0xffL) << 32;
        long low =
                (bytes[at + 2] & 0xffL) << 24
                        | (bytes[at + 3] & 0xff) << 16
                        | (bytes[at + 4] & 0xff) << 8
                        | bytes[at + 5] & 0xff;
        return high | low;
    }
}
