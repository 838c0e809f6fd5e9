package weft.vswitch.packet;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// What a packet's sender has left to others, in the 12 bytes before it: virtio's header (virtio
/// 1.2, 5.1.6), which Linux's TAP interfaces have, too. It stays before its packet from one port to
/// the other and is read where it lies.
///
/// ```text
/// 0 flags 1 · 1 gso_type 1 · 2 hdr_len 2 · 4 gso_size 2 · 6 csum_start 2 · 8 csum_offset 2
/// 10 num_buffers 2                                      little-endian; all zero: a complete frame
/// ```
///
/// `packet` is where the Ethernet header begins: [#BYTES] after the header.
public final class OffloadHeader {
    /// Its size, and the room that a frame has before it.
    public static final int BYTES = 12;

    /// Types of super-frames.
    public static final int NONE = 0;

    public static final int TCP4 = 1;
    public static final int TCP6 = 4;
    public static final int UDP = 5;

    /// What TCP leaves of the smallest MTU there is (68, RFC 791) without options. Less is nothing
    /// that a real stack asks for, and would make thousands of frames of one.
    public static final int SEGMENT_BYTES_MIN = 28;

    private static final int NEEDS_CHECKSUM = 1;
    private static final int ECN = 0x80;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_CHECKSUM = 6;
    private static final VarHandle SHORT =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private OffloadHeader() {}

    /// Writes that the packet is a complete frame.
    public static void clear(byte[] bytes, int packet) {
        LONG.set(bytes, packet - BYTES, 0L);
        INT.set(bytes, packet - 4, 0);
    }

    /// Whether nothing was left to others.
    public static boolean isComplete(byte[] bytes, int packet) {
        return (bytes[packet - 12] & NEEDS_CHECKSUM | bytes[packet - 11]) == 0;
    }

    /// Whether the checksum covers only addresses and lengths yet.
    public static boolean needsChecksum(byte[] bytes, int packet) {
        return (bytes[packet - 12] & NEEDS_CHECKSUM) != 0;
    }

    /// The type of super-frame, without its mark of congestion; or [#NONE].
    public static int type(byte[] bytes, int packet) {
        return bytes[packet - 11] & 0xff & ~ECN;
    }

    /// Whether segments after the first are to go without CWR (RFC 3168, 6.1.2).
    public static boolean hasEcn(byte[] bytes, int packet) {
        return (bytes[packet - 11] & ECN) != 0;
    }

    /// Payload of each frame of a super-frame but the last.
    public static int segmentBytes(byte[] bytes, int packet) {
        return load(bytes, packet - 8);
    }

    /// From where in the packet to its end the checksum goes: where TCP or UDP begins.
    public static int checksumStart(byte[] bytes, int packet) {
        return load(bytes, packet - 6);
    }

    /// Where the checksum is, from there.
    public static int checksumOffset(byte[] bytes, int packet) {
        return load(bytes, packet - 4);
    }

    private static int load(byte[] bytes, int at) {
        return (short) SHORT.get(bytes, at) & 0xffff;
    }

    /// Writes that the checksum is partial.
    public static void leaveChecksum(byte[] bytes, int packet, int start, int offset) {
        clear(bytes, packet);
        bytes[packet - 12] = NEEDS_CHECKSUM;
        SHORT.set(bytes, packet - 6, (short) start);
        SHORT.set(bytes, packet - 4, (short) offset);
    }

    /// Writes that the packet is a super-frame; after [#leaveChecksum].
    public static void leaveCutting(
            byte[] bytes, int packet, int type, int headerBytes, int segmentBytes) {
        bytes[packet - 11] = (byte) type;
        SHORT.set(bytes, packet - 10, (short) headerBytes);
        SHORT.set(bytes, packet - 8, (short) segmentBytes);
    }

    /// Makes a header that anybody may have written one that can be relied on: what it says lies in
    /// the packet. What a sender says of checksums that it has checked is dropped: nobody else
    /// knows. `num_buffers`, which says nothing here, is zero.
    ///
    /// @return false if it says what cannot be
    public static boolean normalize(byte[] bytes, int packet, int lengthBytes) {
        boolean isPartial = needsChecksum(bytes, packet);
        int type = bytes[packet - 11] & 0xff;
        if (!isPartial) {
            clear(bytes, packet);
            return type == NONE;
        }
        bytes[packet - 12] = NEEDS_CHECKSUM;
        SHORT.set(bytes, packet - 2, (short) 0);
        int start = checksumStart(bytes, packet);
        int offset = checksumOffset(bytes, packet);
        if (start < EthernetView.HEADER_BYTES || start + offset + 2 > lengthBytes) {
            return false;
        }
        return switch (type & ~ECN) {
            case NONE -> type == NONE;
            case TCP4, TCP6 -> offset == TCP_CHECKSUM && hasSegments(bytes, packet);
            case UDP -> offset == UDP_CHECKSUM && type == UDP && hasSegments(bytes, packet);
            default -> false;
        };
    }

    private static boolean hasSegments(byte[] bytes, int packet) {
        return segmentBytes(bytes, packet) >= SEGMENT_BYTES_MIN;
    }
}
