package weft.vswitch.packet;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The VXLAN header (RFC 7348, section 5), 8 bytes, big-endian:
///
/// ```
/// 0 flags (0x08 = the VNI is valid) · 1..3 reserved · 4..6 VNI · 7 reserved
/// ```
///
/// Reserved bits are sent as zero and ignored on receipt. VNIs travel as `int` here, not as a
/// record: one is read per datagram.
public final class VxlanHeader {
    /// Bytes in front of the inner frame.
    public static final int SIZE_BYTES = 8;

    /// UDP port assigned by IANA.
    public static final int UDP_PORT = 4789;

    /// What the outer IPv4, UDP and VXLAN headers add to a frame: 20 + 8 + 8.
    public static final int OVERHEAD_BYTES = 36;

    /// [#vni] of bytes that are no VXLAN header.
    public static final int NO_VNI = -1;

    private static final int FLAG_VNI_VALID = 0x08;
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private VxlanHeader() {}

    /// The VNI, or [#NO_VNI] if there are fewer than 8 bytes or the I flag is clear.
    public static int vni(byte[] bytes, int offset, int lengthBytes) {
        if (lengthBytes < SIZE_BYTES || (bytes[offset] & FLAG_VNI_VALID) == 0) {
            return NO_VNI;
        }
        return (bytes[offset + 4] & 0xff) << 16
                | (bytes[offset + 5] & 0xff) << 8
                | bytes[offset + 6] & 0xff;
    }

    /// Writes the header.
    public static void emit(int vni, byte[] bytes, int offset) {
        assert vni >>> 24 == 0 : vni;
        LONG.set(bytes, offset, (long) FLAG_VNI_VALID << 56 | (long) vni << 8);
    }
}
