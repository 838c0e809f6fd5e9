package weft.ops.bench.net;

import java.util.List;

/// What is measured.
///
/// @param isOverlay between a TAP interface and a kernel's VXLAN, instead of two TAP interfaces
record NetLoad(String name, Kind kind, boolean isOverlay) {
    /// How.
    enum Kind {
        /// iperf3, one stream.
        TCP_1,
        /// iperf3, four streams.
        TCP_4,
        /// Datagrams of 64 bytes, faster than anybody can.
        UDP_FLOOD,
        /// As many of them as arrive but for one in a thousand.
        UDP_LOSSLESS,
        /// ping, one after the other.
        PING
    }

    static final List<NetLoad> ALL =
            List.of(
                    new NetLoad("tcp1", Kind.TCP_1, false),
                    new NetLoad("tcp4", Kind.TCP_4, false),
                    new NetLoad("udp64", Kind.UDP_FLOOD, false),
                    new NetLoad("udp64-lossless", Kind.UDP_LOSSLESS, false),
                    new NetLoad("ping", Kind.PING, false),
                    new NetLoad("vxlan-tcp1", Kind.TCP_1, true),
                    new NetLoad("vxlan-tcp4", Kind.TCP_4, true),
                    new NetLoad("vxlan-udp64", Kind.UDP_FLOOD, true),
                    new NetLoad("vxlan-ping", Kind.PING, true));
}
