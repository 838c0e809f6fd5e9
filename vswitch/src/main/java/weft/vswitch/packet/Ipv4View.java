package weft.vswitch.packet;

/// An IPv4 packet where it lies (RFC 791, 3.1); reused for packet after packet. [#isComplete] must
/// hold before another field is read.
///
/// ```
/// 0 version, IHL · 2..3 total length · 6..7 flags, fragment offset · 8 TTL · 9 protocol
/// 10..11 header checksum · 12..15 source · 16..19 destination · options · payload
/// ```
public final class Ipv4View {
    /// The header without options.
    public static final int HEADER_BYTES_MIN = 20;

    /// Protocol numbers (IANA).
    public static final int ICMP = 1;

    public static final int TCP = 6;
    public static final int UDP = 17;

    private static final byte[] NO_BYTES = {};

    private byte[] bytes = NO_BYTES;
    private int offset;
    private int lengthBytes;

    /// Points the view at what follows a frame's Ethernet header.
    public Ipv4View over(EthernetView ethernet) {
        return over(
                ethernet.bytes(),
                ethernet.offset() + EthernetView.HEADER_BYTES,
                ethernet.lengthBytes() - EthernetView.HEADER_BYTES);
    }

    /// Points the view at other bytes; nothing is copied.
    ///
    /// @param newLengthBytes what is there, padding of short frames included
    public Ipv4View over(byte[] newBytes, int newOffset, int newLengthBytes) {
        bytes = newBytes;
        offset = newOffset;
        lengthBytes = newLengthBytes;
        return this;
    }

    /// Whether header and total length are within what is there.
    public boolean isComplete() {
        if (lengthBytes < HEADER_BYTES_MIN || (bytes[offset] & 0xf0) != 0x40) {
            return false;
        }
        int total = totalLengthBytes();
        return headerBytes() >= HEADER_BYTES_MIN && total >= headerBytes() && total <= lengthBytes;
    }

    private int headerBytes() {
        return (bytes[offset] & 0x0f) * 4;
    }

    /// Header and payload, without the padding of a short frame.
    public int totalLengthBytes() {
        return shortAt(2);
    }

    /// Whether it is a part of a packet that was cut.
    public boolean isFragment() {
        return (shortAt(6) & 0x3fff) != 0;
    }

    /// Whether the payload begins here: it does, but in all fragments after the first.
    public boolean isFirst() {
        return (shortAt(6) & 0x1fff) == 0;
    }

    /// Whether other fragments of the packet come behind this one.
    public boolean hasMoreFragments() {
        return (shortAt(6) & 0x2000) != 0;
    }

    /// Where in the whole packet's payload this one's begins.
    public int fragmentOffsetBytes() {
        return (shortAt(6) & 0x1fff) * 8;
    }

    /// What fragments of one packet have in common.
    public int identification() {
        return shortAt(4);
    }

    /// What comes in the payload.
    public int protocol() {
        return bytes[offset + 9] & 0xff;
    }

    /// Whether the header's checksum is right.
    public boolean isIntact() {
        return InternetChecksum.fold(InternetChecksum.add(0, bytes, offset, headerBytes())) == 0;
    }

    /// The sender's address.
    public int source() {
        return intAt(12);
    }

    /// The receiver's address.
    public int destination() {
        return intAt(16);
    }

    /// The array the packet lies in.
    public byte[] bytes() {
        return bytes;
    }

    /// Where in the array the payload begins.
    public int payloadOffset() {
        return offset + headerBytes();
    }

    /// The payload's length.
    public int payloadLengthBytes() {
        return totalLengthBytes() - headerBytes();
    }

    private int shortAt(int at) {
        return (bytes[offset + at] & 0xff) << 8 | bytes[offset + at + 1] & 0xff;
    }

    private int intAt(int at) {
        return shortAt(at) << 16 | shortAt(at + 2);
    }
}
