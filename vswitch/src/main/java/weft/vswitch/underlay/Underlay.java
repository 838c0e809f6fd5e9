package weft.vswitch.underlay;

import java.net.InetSocketAddress;

/// Sends encapsulated frames to other VTEPs.
@FunctionalInterface
public interface Underlay {
    /// Sends one frame in one VXLAN datagram. The bytes are copied before it returns.
    ///
    /// @return whether the datagram left; false if the socket refused it (full, or too big for a
    ///   link: VTEPs must not fragment, RFC 7348, section 4.3)
    boolean send(InetSocketAddress vtep, int vni, byte[] frame, int offset, int lengthBytes);
}
