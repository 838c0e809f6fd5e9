package weft.vswitch.packet;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The ones' complement checksum of IPv4, ICMP, UDP and TCP (RFC 1071).
///
/// Sums are kept unfolded in a `long`: up to 2^31 words can be added before [#fold].
public final class InternetChecksum {
    /// From here on four sums are kept at a time: the additions of one wait for each other.
    private static final int WIDE_BYTES = 32;

    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle SHORT =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);

    private InternetChecksum() {}

    /// Adds bytes to a sum; an odd one at the end counts as the high half of a word.
    public static long add(long sum, byte[] bytes, int offset, int lengthBytes) {
        int at = offset;
        int end = offset + lengthBytes;
        if (lengthBytes >= WIDE_BYTES) {
            int wide = lengthBytes & -WIDE_BYTES;
            sum += wide(bytes, at, at + wide);
            at += wide;
        }
        for (; end - at >= 4; at += 4) {
            sum += (int) INT.get(bytes, at) & 0xffff_ffffL;
        }
        if (end - at >= 2) {
            sum += (short) SHORT.get(bytes, at) & 0xffff;
            at += 2;
        }
        return at < end ? sum + ((bytes[at] & 0xff) << 8) : sum;
    }

    private static long wide(byte[] bytes, int from, int to) {
        long high = 0;
        long low = 0;
        long high2 = 0;
        long low2 = 0;
        for (int at = from; at < to; at += WIDE_BYTES) {
            long first = (long) LONG.get(bytes, at);
            long second = (long) LONG.get(bytes, at + 8);
            long third = (long) LONG.get(bytes, at + 16);
            long fourth = (long) LONG.get(bytes, at + 24);
            high += (first >>> 32) + (third >>> 32);
            low += (first & 0xffff_ffffL) + (third & 0xffff_ffffL);
            high2 += (second >>> 32) + (fourth >>> 32);
            low2 += (second & 0xffff_ffffL) + (fourth & 0xffff_ffffL);
        }
        return high + low + high2 + low2;
    }

    /// The pseudo-header of UDP or TCP over IPv4 (RFC 768, RFC 9293).
    public static long pseudoHeader(int source, int destination, int protocol, int lengthBytes) {
        return (source & 0xffff_ffffL) + (destination & 0xffff_ffffL) + protocol + lengthBytes;
    }

    /// The checksum of a sum: 0 if the bytes had a right one among them.
    public static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        return (int) ~folded & 0xffff;
    }
}
