package weft.vmhost.virtio.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The header before each packet (virtio 1.2, 5.1.6), as far as it is legal.
///
/// ```
/// 0 flags 1 · 1 gso_type 1 · 2 hdr_len 2 · 4 gso_size 2 · 6 csum_start 2 · 8 csum_offset 2
/// 10 num_buffers 2
/// ```
///
/// Little-endian, also in the legacy form: guest and host are. Linux's tap devices use the same
/// header. One is reused for all packets of a direction.
final class PacketHeader {
    static final int BYTES = 12;

    /// Without `num_buffers`: what a legacy driver has that does not merge buffers.
    static final int LEGACY_BYTES = 10;

    static final int TCP4 = 1;
    static final int TCP6 = 4;
    static final int ECN = 0x80;

    /// What TCP leaves of the smallest MTU there is (68, RFC 791) without options. Less is nothing
    /// that a real stack asks for, and would make thousands of frames of one.
    static final int SEGMENT_BYTES_MIN = 28;

    private static final int NEEDS_CHECKSUM = 1;
    private static final int CHECKSUM_VALID = 2;
    private static final int ETHERNET_BYTES = 14;
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private int flags;
    private int gsoType;
    private int headersHint;
    private int segmentBytes;
    private int checksumStart;
    private int checksumOffset;

    /// A complete packet, of one frame.
    void clear() {
        flags = 0;
        gsoType = 0;
        headersHint = 0;
        segmentBytes = 0;
        checksumStart = 0;
        checksumOffset = 0;
    }

    /// Takes a header over; what was not agreed on is as if it were not there.
    ///
    /// @param agreed what may be left to the receiver
    /// @return false if the packet is none that may be sent, and is to be dropped
    boolean parse(MemorySegment from, Offloads agreed, int frameBytes) {
        clear();
        if (!agreed.checksum()) {
            return true;
        }
        int known = from.get(ValueLayout.JAVA_BYTE, 0) & (NEEDS_CHECKSUM | CHECKSUM_VALID);
        gsoType = from.get(ValueLayout.JAVA_BYTE, 1) & 0xff;
        if ((known & NEEDS_CHECKSUM) == 0) {
            // The checksum's place is then not to be used.
            flags = known;
            return gsoType == 0;
        }
        flags = NEEDS_CHECKSUM;
        checksumStart = load(from, 6);
        checksumOffset = load(from, 8);
        if (checksumStart < ETHERNET_BYTES || checksumStart + checksumOffset + 2 > frameBytes) {
            return false;
        }
        if (gsoType == 0) {
            return true;
        }
        headersHint = load(from, 2);
        segmentBytes = load(from, 4);
        return segmentBytes >= SEGMENT_BYTES_MIN && isAgreed(agreed);
    }

    /// Whether a header says that its packet is one frame, and complete.
    static boolean isPlain(MemorySegment header) {
        return (header.get(ValueLayout.JAVA_BYTE, 0) & NEEDS_CHECKSUM) == 0
                && header.get(ValueLayout.JAVA_BYTE, 1) == 0;
    }

    private static int load(MemorySegment from, int offset) {
        return from.get(SHORT, offset) & 0xffff;
    }

    private boolean isAgreed(Offloads agreed) {
        boolean kind =
                switch (gsoType & ~ECN) {
                    case TCP4 -> agreed.tcp4();
                    case TCP6 -> agreed.tcp6();
                    default -> false;
                };
        return kind && (agreed.ecn() || (gsoType & ECN) == 0);
    }

    /// Writes all but `num_buffers`.
    void store(MemorySegment to) {
        to.set(ValueLayout.JAVA_BYTE, 0, (byte) flags);
        to.set(ValueLayout.JAVA_BYTE, 1, (byte) gsoType);
        to.set(SHORT, 2, (short) headersHint);
        to.set(SHORT, 4, (short) segmentBytes);
        to.set(SHORT, 6, (short) checksumStart);
        to.set(SHORT, 8, (short) checksumOffset);
    }

    /// Writes `num_buffers`.
    static void storeBuffers(MemorySegment to, int count) {
        to.set(SHORT, 10, (short) count);
    }

    /// Nobody has checked the checksum: what a sender says of it is worth nothing to others.
    void distrust() {
        flags &= ~CHECKSUM_VALID;
    }

    /// Whether the checksum at [#checksumOffset] from [#checksumStart] covers only addresses and
    /// lengths yet.
    boolean needsChecksum() {
        return (flags & NEEDS_CHECKSUM) != 0;
    }

    /// From where to the end of the packet the checksum goes; at least 14.
    int checksumStart() {
        return checksumStart;
    }

    /// Where it belongs, from [#checksumStart]; inside of the packet.
    int checksumOffset() {
        return checksumOffset;
    }

    /// Whether the packet is a super-frame.
    boolean isCut() {
        return gsoType != 0;
    }

    /// Whether it is one of IPv4.
    boolean isTcp4() {
        return (gsoType & ~ECN) == TCP4;
    }

    /// Bytes of payload in each frame that it is cut into but the last.
    int segmentBytes() {
        return segmentBytes;
    }
}
