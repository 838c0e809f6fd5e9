package weft.vswitch;

import weft.fabric.NodeId;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.port.FrameRing;
import weft.vswitch.port.SwitchPort;

import java.net.InetSocketAddress;

/// What an operator sets of a switch.
///
/// @param host the host it runs in
/// @param underlay where it listens for VXLAN and sends from; port 0 takes any
/// @param frameBytesMax the largest Ethernet frame, 60 to 65,554; default 1514 (MTU 1500)
/// @param underlayMtuBytes the largest IP packet between hosts; default 1500, which carries frames
///   of 1464, so that guests have an MTU of 1450
/// @param ringBytes a port's ring: a power of two, at least 256 KiB (default; 170 full frames)
public record VSwitchSettings(
        NodeId host,
        InetSocketAddress underlay,
        int frameBytesMax,
        int underlayMtuBytes,
        int ringBytes) {
    private static final int UNDERLAY_MTU_BYTES_DEFAULT = 1500;
    private static final int FRAME_BYTES_DEFAULT = 1500 + EthernetView.HEADER_BYTES;

    public VSwitchSettings {
        if (frameBytesMax < 60 || frameBytesMax > SwitchPort.FRAME_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "largest frame of %d bytes is not in 60..%d"
                            .formatted(frameBytesMax, SwitchPort.FRAME_BYTES_MAX));
        }
        if (underlayMtuBytes < 576 || underlayMtuBytes > 65_535) {
            throw new IllegalArgumentException(
                    "underlay MTU of %d bytes is not in 576..65535".formatted(underlayMtuBytes));
        }
    }

    /// The defaults.
    public static VSwitchSettings of(NodeId host, InetSocketAddress underlay) {
        return new VSwitchSettings(
                host,
                underlay,
                FRAME_BYTES_DEFAULT,
                UNDERLAY_MTU_BYTES_DEFAULT,
                FrameRing.CAPACITY_BYTES_MIN);
    }
}
