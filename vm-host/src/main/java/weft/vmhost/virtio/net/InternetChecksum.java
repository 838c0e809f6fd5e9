package weft.vmhost.virtio.net;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The ones' complement sum of 16-bit words that IP, TCP and UDP use (RFC 1071).
final class InternetChecksum {
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private InternetChecksum() {}

    /// The sum of a range, not folded: sums of ranges that start at even places can be added. An
    /// odd last byte counts as a word with a zero behind it.
    static long sum(byte[] bytes, int from, int to) {
        // Two halves of 32 bits each: 2^31 of them fit into the sum.
        long sum = 0;
        int at = from;
        for (; at + 8 <= to; at += 8) {
            long eight = (long) LONG.get(bytes, at);
            sum += (eight >>> 32) + (eight & 0xffff_ffffL);
        }
        for (; at + 2 <= to; at += 2) {
            sum += (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
        }
        return at < to ? sum + ((bytes[at] & 0xff) << 8) : sum;
    }

    /// The 16 bits to be sent.
    static int fold(long sum) {
        long folded = (sum >>> 32) + (sum & 0xffff_ffffL);
        folded = (folded >>> 16) + (folded & 0xffff);
        folded = (folded >>> 16) + (folded & 0xffff);
        folded = (folded >>> 16) + (folded & 0xffff);
        return (int) ~folded & 0xffff;
    }
}
