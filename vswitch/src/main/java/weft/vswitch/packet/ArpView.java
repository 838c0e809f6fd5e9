package weft.vswitch.packet;

/// An ARP packet for IPv4 over Ethernet where it lies (RFC 826); reused for packet after packet.
/// [#isComplete] must hold before a field is read.
///
/// ```
/// 0..1 hardware (1) · 2..3 protocol (0x0800) · 4 length 6 · 5 length 4 · 6..7 operation
/// 8..13 sender's MAC · 14..17 sender's IP · 18..23 target's MAC · 24..27 target's IP
/// ```
public final class ArpView {
    /// Ethernet's type.
    public static final int TYPE = 0x0806;

    /// Its length.
    public static final int SIZE_BYTES = 28;

    /// What makes a packet one for IPv4 over Ethernet: the first six bytes.
    public static final long KIND = 0x0001_0800_0604L;

    /// Operations.
    public static final int REQUEST = 1;

    public static final int REPLY = 2;

    private static final byte[] NO_BYTES = {};

    private byte[] bytes = NO_BYTES;
    private int offset;
    private int lengthBytes;

    /// Points the view at what follows a frame's Ethernet header.
    public ArpView over(EthernetView ethernet) {
        bytes = ethernet.bytes();
        offset = ethernet.offset() + EthernetView.HEADER_BYTES;
        lengthBytes = ethernet.lengthBytes() - EthernetView.HEADER_BYTES;
        return this;
    }

    /// Whether it is whole, and for IPv4 over Ethernet.
    public boolean isComplete() {
        return lengthBytes >= SIZE_BYTES && longAt(0) == KIND;
    }

    /// [#REQUEST], [#REPLY], or something else.
    public int operation() {
        return (bytes[offset + 6] & 0xff) << 8 | bytes[offset + 7] & 0xff;
    }

    /// The sender's link address.
    public long senderMac() {
        return longAt(8);
    }

    /// The sender's address; 0 in a probe (RFC 5227).
    public int senderIpv4() {
        return intAt(14);
    }

    /// Whose link address is wanted.
    public int targetIpv4() {
        return intAt(24);
    }

    private long longAt(int at) {
        return (long) (intAt(at) >>> 16) << 32 | intAt(at + 2) & 0xffff_ffffL;
    }

    private int intAt(int at) {
        int from = offset + at;
        return (bytes[from] & 0xff) << 24
                | (bytes[from + 1] & 0xff) << 16
                | (bytes[from + 2] & 0xff) << 8
                | bytes[from + 3] & 0xff;
    }
}
