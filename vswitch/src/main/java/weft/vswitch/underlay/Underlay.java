package weft.vswitch.underlay;

import weft.vswitch.packet.VxlanHeader;

import java.net.InetSocketAddress;

/// Sends encapsulated frames to other VTEPs. The eight bytes before a frame
/// ([VxlanHeader#SIZE_BYTES]), where there are so many, are overwritten.
@FunctionalInterface
public interface Underlay {
    /// What [#sendAll] takes at a time: Linux takes no more in one call (UDP_MAX_SEGMENTS).
    int FRAMES_MAX = 64;

    /// A UDP datagram's largest payload over IPv4, 65,535 - 20 - 8; of frames sent together, too.
    int BYTES_MAX = 65_507;

    /// Sends one frame in one VXLAN datagram. The bytes are copied before it returns.
    ///
    /// @return whether the datagram left; false if the socket refused it (full, or too big for a
    ///   link: VTEPs must not fragment, RFC 7348, section 4.3)
    boolean send(InetSocketAddress vtep, int vni, byte[] frame, int offset, int lengthBytes);

    /// Sends frames that follow one another, each with room for a header before it, and all but the
    /// last of one length; in as few system calls as the socket can.
    ///
    /// @param offset where the first one's room begins
    /// @param strideBytes from one to the next
    /// @param lengthBytes of all, with the rooms
    /// @return whether all left
    default boolean sendAll(
            InetSocketAddress vtep,
            int vni,
            byte[] frames,
            int offset,
            int strideBytes,
            int lengthBytes) {
        boolean haveLeft = true;
        for (int at = 0; at < lengthBytes; at += strideBytes) {
            int frameBytes = Math.min(strideBytes, lengthBytes - at) - VxlanHeader.SIZE_BYTES;
            int frame = offset + at + VxlanHeader.SIZE_BYTES;
            haveLeft &= send(vtep, vni, frames, frame, frameBytes);
        }
        return haveLeft;
    }
}
