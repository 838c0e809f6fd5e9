package weft.vswitch.packet;

/// An IPv6 packet where it lies (RFC 8200, 3 and 4): its fixed header, and what follows the
/// extension headers. Reused for packet after packet.
///
/// [#over] walks the extension headers once; what cannot be walked to its end within the packet and
/// [#HEADERS_MAX] headers is not [#isComplete]. Before that holds no other method may be called.
///
/// ```
/// 0 version · 4..5 payload length · 6 next header · 7 hop limit · 8..23 source · 24..39 destination
/// ```
public final class Ipv6View {
    /// The fixed header.
    public static final int HEADER_BYTES = 40;

    /// Ethernet's type.
    public static final int TYPE = 0x86dd;

    /// Upper-layer protocols (IANA).
    public static final int ICMP = 58;

    public static final int UDP = 17;

    private static final int HEADERS_MAX = 8;
    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int DESTINATION = 60;
    private static final byte[] NO_BYTES = {};

    private byte[] bytes = NO_BYTES;
    private int offset;
    private int end;
    private int protocol;
    private int payload;
    private boolean isComplete;
    private boolean isFragment;
    private boolean isFirst;
    private int fragmentOffsetBytes;
    private int identification;

    /// Points the view at what follows a frame's Ethernet header.
    public Ipv6View over(EthernetView ethernet) {
        bytes = ethernet.bytes();
        offset = ethernet.offset() + EthernetView.HEADER_BYTES;
        int lengthBytes = ethernet.lengthBytes() - EthernetView.HEADER_BYTES;
        isFragment = false;
        isFirst = true;
        fragmentOffsetBytes = 0;
        identification = 0;
        isComplete = false;
        if (lengthBytes >= HEADER_BYTES && (bytes[offset] & 0xf0) == 0x60) {
            end = offset + HEADER_BYTES + shortAt(offset + 4);
            isComplete = end <= offset + lengthBytes && walk();
        }
        return this;
    }

    private boolean walk() {
        int next = bytes[offset + 6] & 0xff;
        int at = offset + HEADER_BYTES;
        for (int i = 0; i < HEADERS_MAX; i++) {
            boolean isExtension =
                    next == HOP_BY_HOP
                            || next == ROUTING
                            || next == DESTINATION
                            || next == FRAGMENT;
            if (!isExtension || !isFirst) {
                protocol = next;
                payload = at;
                return true;
            }
            if (end - at < 8) {
                return false;
            }
            int lengthBytes = 8;
            if (next == FRAGMENT) {
                isFragment = true;
                fragmentOffsetBytes = shortAt(at + 2) & 0xfff8;
                isFirst = fragmentOffsetBytes == 0;
                identification = (int) (longAt(at) & 0xffff_ffffL);
            } else {
                lengthBytes = 8 + 8 * (bytes[at + 1] & 0xff);
            }
            next = bytes[at] & 0xff;
            at += lengthBytes;
            if (at > end) {
                return false;
            }
        }
        return false;
    }

    /// Whether the packet and its extension headers are within what is there.
    public boolean isComplete() {
        return isComplete;
    }

    /// Whether it is a part of a packet that was cut.
    public boolean isFragment() {
        return isFragment;
    }

    /// Whether the upper layer begins here: it does, but in all fragments after the first.
    public boolean isFirst() {
        return isFirst;
    }

    /// Where in the whole packet's upper layer this fragment's part begins.
    public int fragmentOffsetBytes() {
        return fragmentOffsetBytes;
    }

    /// What fragments of one packet have in common.
    public int identification() {
        return identification;
    }

    /// The upper layer's protocol.
    public int protocol() {
        return protocol;
    }

    /// The hop limit.
    public int hopLimit() {
        return bytes[offset + 7] & 0xff;
    }

    /// The first half of the sender's address.
    public long sourceHigh() {
        return longAt(offset + 8);
    }

    /// The second half.
    public long sourceLow() {
        return longAt(offset + 16);
    }

    /// The first half of the receiver's address.
    public long destinationHigh() {
        return longAt(offset + 24);
    }

    /// The second half.
    public long destinationLow() {
        return longAt(offset + 32);
    }

    /// The array the packet lies in.
    public byte[] bytes() {
        return bytes;
    }

    /// Where in the array the upper layer begins.
    public int payloadOffset() {
        return payload;
    }

    /// Its length here.
    public int payloadLengthBytes() {
        return end - payload;
    }

    /// Eight bytes, anywhere in the array.
    public long longAt(int at) {
        return (long) shortAt(at) << 48
                | (long) shortAt(at + 2) << 32
                | (long) shortAt(at + 4) << 16
                | shortAt(at + 6);
    }

    private int shortAt(int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }
}
