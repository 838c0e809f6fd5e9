package weft.vswitch.policy;

import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.Ipv4View;
import weft.vswitch.packet.Ipv6View;

/// What a firewall looks at of a frame: addresses, ports, TCP's numbers, what an ICMP error is
/// about. Bytes are hostile; after [#over] all that a [Shape] promises is within the packet.
///
/// Lengths are those of the IP header, never of the frame: frames may be padded, and TCP segments
/// longer than any MTU. Checksums are not looked at: those of segments that are still to be cut are
/// not complete, and a wrong one is the receiver's to find.
final class PacketView {
    /// What it is, so which methods may be called.
    enum Shape {
        /// ARP or another type: a firewall does not judge it.
        NOT_IP,
        /// Headers break off, or contradict themselves.
        MALFORMED,
        /// IPv6 finds neighbours (RFC 4861) or group members (RFC 2710, 3810): as ARP for IPv4.
        NEIGHBOUR_DISCOVERY,
        /// A fragment without the upper layer's header: addresses, protocol and identification.
        LATER_FRAGMENT,
        /// An ICMP error: [#quoted], too.
        ICMP_ERROR,
        /// All but what TCP only has.
        OTHER,
        TCP
    }

    static final int ICMP = Ipv4View.ICMP;
    static final int TCP = Ipv4View.TCP;
    static final int UDP = Ipv4View.UDP;
    static final int ICMPV6 = Ipv6View.ICMP;

    static final int FIN = 0x01;
    static final int SYN = 0x02;
    static final int RST = 0x04;
    static final int ACK = 0x10;

    /// [#windowScale] of a segment without that option.
    static final int NO_SCALE = -1;

    private static final int ETHERNET_IPV4 = 0x0800;
    private static final long IPV4_MAPPED = 0xffff_0000_0000L;
    private static final int TCP_HEADER_BYTES = 20;
    private static final int PORTS_BYTES = 8;
    private static final int OPTION_END = 0;
    private static final int OPTION_NOP = 1;
    private static final int OPTION_WINDOW_SCALE = 3;

    /// RFC 7323, 2.3: a larger shift count counts as this.
    private static final int SCALE_MAX = 14;

    /// What an ICMP error quotes: the beginning of a packet, at least 8 bytes of its upper layer.
    static final class Quoted {
        long sourceHigh;
        long sourceLow;
        long destinationHigh;
        long destinationLow;
        int protocol;
        int sourcePort;
        int destinationPort;
        int queryType;
        boolean isQuery;
        int sequence;
    }

    private final Ipv4View ipv4 = new Ipv4View();
    private final Ipv6View ipv6 = new Ipv6View();
    private final Quoted quoted = new Quoted();
    private byte[] bytes = {};
    private int payload;
    private int payloadBytes;
    private long sourceHigh;
    private long sourceLow;
    private long destinationHigh;
    private long destinationLow;
    private int protocol;
    private int sourcePort;
    private int destinationPort;
    private int queryType;
    private boolean isQuery;
    private boolean isFirstOfMore;
    private int identification;
    private int segmentBytes;
    private int windowScale;

    /// Reads what follows a frame's Ethernet header.
    Shape over(EthernetView ethernet) {
        bytes = ethernet.bytes();
        sourcePort = 0;
        destinationPort = 0;
        queryType = 0;
        return switch (ethernet.type()) {
            case ETHERNET_IPV4 -> ipv4(ethernet);
            case Ipv6View.TYPE -> ipv6(ethernet);
            default -> Shape.NOT_IP;
        };
    }

    private Shape ipv4(EthernetView ethernet) {
        ipv4.over(ethernet);
        if (!ipv4.isComplete()) {
            return Shape.MALFORMED;
        }
        sourceHigh = 0;
        destinationHigh = 0;
        sourceLow = IPV4_MAPPED | ipv4.source() & 0xffff_ffffL;
        destinationLow = IPV4_MAPPED | ipv4.destination() & 0xffff_ffffL;
        protocol = ipv4.protocol();
        identification = ipv4.identification();
        isFirstOfMore = ipv4.isFragment();
        payload = ipv4.payloadOffset();
        payloadBytes = ipv4.payloadLengthBytes();
        return ipv4.isFirst() ? upperLayer() : laterFragment(ipv4.fragmentOffsetBytes());
    }

    private Shape ipv6(EthernetView ethernet) {
        ipv6.over(ethernet);
        if (!ipv6.isComplete()) {
            return Shape.MALFORMED;
        }
        sourceHigh = ipv6.sourceHigh();
        sourceLow = ipv6.sourceLow();
        destinationHigh = ipv6.destinationHigh();
        destinationLow = ipv6.destinationLow();
        protocol = ipv6.protocol();
        identification = ipv6.identification();
        isFirstOfMore = ipv6.isFragment();
        payload = ipv6.payloadOffset();
        payloadBytes = ipv6.payloadLengthBytes();
        if (!ipv6.isFirst()) {
            return laterFragment(ipv6.fragmentOffsetBytes());
        }
        return isNeighbourDiscovery() ? Shape.NEIGHBOUR_DISCOVERY : upperLayer();
    }

    /// A fragment that would be laid over the header that was judged is an attack (RFC 1858, 3128).
    private Shape laterFragment(int offsetBytes) {
        boolean isOverHeader = protocol == TCP && offsetBytes < TCP_HEADER_BYTES;
        return isOverHeader ? Shape.MALFORMED : Shape.LATER_FRAGMENT;
    }

    private boolean isNeighbourDiscovery() {
        if (protocol != ICMPV6 || payloadBytes < 4 || isFirstOfMore) {
            return false;
        }
        int type = bytes[payload] & 0xff;
        return switch (type) {
            case 133, 134, 135, 136 -> ipv6.hopLimit() == 255;
            case 130, 131, 132, 143 -> true;
            default -> false;
        };
    }

    private Shape upperLayer() {
        return switch (protocol) {
            case TCP -> tcp();
            case UDP -> {
                if (payloadBytes < PORTS_BYTES) {
                    yield Shape.MALFORMED;
                }
                ports();
                yield Shape.OTHER;
            }
            case ICMP, ICMPV6 -> icmp();
            default -> Shape.OTHER;
        };
    }

    private void ports() {
        sourcePort = shortAt(payload);
        destinationPort = shortAt(payload + 2);
    }

    private Shape tcp() {
        if (payloadBytes < TCP_HEADER_BYTES) {
            return Shape.MALFORMED;
        }
        int headerBytes = (bytes[payload + 12] >> 4 & 0xf) * 4;
        if (headerBytes < TCP_HEADER_BYTES || headerBytes > payloadBytes) {
            return Shape.MALFORMED;
        }
        ports();
        segmentBytes = payloadBytes - headerBytes;
        windowScale = has(SYN) ? scaleOption(payload + headerBytes) : NO_SCALE;
        return Shape.TCP;
    }

    private int scaleOption(int end) {
        int at = payload + TCP_HEADER_BYTES;
        while (at < end && bytes[at] != OPTION_END) {
            if (bytes[at] == OPTION_NOP) {
                at++;
                continue;
            }
            int lengthBytes = at + 1 < end ? bytes[at + 1] & 0xff : 0;
            if (lengthBytes < 2 || at + lengthBytes > end) {
                return NO_SCALE;
            }
            if (bytes[at] == OPTION_WINDOW_SCALE && lengthBytes == 3) {
                return Math.min(bytes[at + 2] & 0xff, SCALE_MAX);
            }
            at += lengthBytes;
        }
        return NO_SCALE;
    }

    private Shape icmp() {
        if (payloadBytes < PORTS_BYTES) {
            return Shape.MALFORMED;
        }
        int type = bytes[payload] & 0xff;
        if (isError(type)) {
            int at = payload + PORTS_BYTES;
            int end = payload + payloadBytes;
            boolean isWhole = protocol == ICMP ? quoteIpv4(at, end) : quoteIpv6(at, end);
            return isWhole ? Shape.ICMP_ERROR : Shape.MALFORMED;
        }
        queryType = queryType(type, protocol);
        isQuery = isQuery(type);
        if (queryType != 0) {
            sourcePort = shortAt(payload + 4);
            destinationPort = sourcePort;
        }
        return Shape.OTHER;
    }

    /// Errors quote the packet that they are about: RFC 792 and RFC 4443, 2.1.
    private boolean isError(int type) {
        return protocol == ICMPV6
                ? type >= 1 && type <= 4
                : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    }

    /// The type that asks, for one that asks or answers; 0 for others. IPv6's echo is called as
    /// IPv4's.
    private static int queryType(int type, int protocol) {
        if (protocol == ICMPV6) {
            return type == 128 || type == 129 ? 8 : 0;
        }
        return switch (type) {
            case 0, 8 -> 8;
            case 13, 14 -> 13;
            case 15, 16 -> 15;
            case 17, 18 -> 17;
            default -> 0;
        };
    }

    private static boolean isQuery(int type) {
        return type == 8 || type == 13 || type == 15 || type == 17 || type == 128;
    }

    private boolean quoteIpv4(int at, int end) {
        if (end - at < Ipv4View.HEADER_BYTES_MIN || (bytes[at] & 0xf0) != 0x40) {
            return false;
        }
        int headerBytes = (bytes[at] & 0xf) * 4;
        boolean isLaterFragment = (shortAt(at + 6) & 0x1fff) != 0;
        if (headerBytes < Ipv4View.HEADER_BYTES_MIN || isLaterFragment) {
            return false;
        }
        quoted.sourceHigh = 0;
        quoted.destinationHigh = 0;
        quoted.sourceLow = IPV4_MAPPED | intAt(at + 12) & 0xffff_ffffL;
        quoted.destinationLow = IPV4_MAPPED | intAt(at + 16) & 0xffff_ffffL;
        quoted.protocol = bytes[at + 9] & 0xff;
        return quoteUpperLayer(at + headerBytes, end);
    }

    /// Without extension headers: errors about packets that have them belong to nothing.
    private boolean quoteIpv6(int at, int end) {
        if (end - at < Ipv6View.HEADER_BYTES || (bytes[at] & 0xf0) != 0x60) {
            return false;
        }
        quoted.sourceHigh = ipv6.longAt(at + 8);
        quoted.sourceLow = ipv6.longAt(at + 16);
        quoted.destinationHigh = ipv6.longAt(at + 24);
        quoted.destinationLow = ipv6.longAt(at + 32);
        quoted.protocol = bytes[at + 6] & 0xff;
        return quoteUpperLayer(at + Ipv6View.HEADER_BYTES, end);
    }

    private boolean quoteUpperLayer(int at, int end) {
        quoted.sourcePort = 0;
        quoted.destinationPort = 0;
        quoted.queryType = 0;
        if (end - at < PORTS_BYTES) {
            return false;
        }
        switch (quoted.protocol) {
            case TCP, UDP -> {
                quoted.sourcePort = shortAt(at);
                quoted.destinationPort = shortAt(at + 2);
                quoted.sequence = intAt(at + 4);
            }
            case ICMP, ICMPV6 -> {
                int type = bytes[at] & 0xff;
                quoted.queryType = queryType(type, quoted.protocol);
                quoted.isQuery = isQuery(type);
                if (quoted.queryType == 0) {
                    return false; // never an error about an error (RFC 1122, 3.2.2)
                }
                quoted.sourcePort = shortAt(at + 4);
                quoted.destinationPort = quoted.sourcePort;
            }
            default -> {}
        }
        return true;
    }

    long sourceHigh() {
        return sourceHigh;
    }

    long sourceLow() {
        return sourceLow;
    }

    long destinationHigh() {
        return destinationHigh;
    }

    long destinationLow() {
        return destinationLow;
    }

    int protocol() {
        return protocol;
    }

    /// Of TCP and UDP, and the identifier of ICMP queries; else 0.
    int sourcePort() {
        return sourcePort;
    }

    int destinationPort() {
        return destinationPort;
    }

    /// The type of the ICMP query that it asks or answers; 0 of all else.
    int queryType() {
        return queryType;
    }

    /// Of ICMP queries: whether it asks.
    boolean isQuery() {
        return isQuery;
    }

    /// Whether more fragments of the packet follow.
    boolean isFirstOfMore() {
        return isFirstOfMore;
    }

    /// What a packet's fragments have in common.
    int identification() {
        return identification;
    }

    Quoted quoted() {
        return quoted;
    }

    boolean has(int flag) {
        return (bytes[payload + 13] & flag) != 0;
    }

    int sequence() {
        return intAt(payload + 4);
    }

    int acknowledgement() {
        return intAt(payload + 8);
    }

    /// As it is in the header, not scaled.
    int window() {
        return shortAt(payload + 14);
    }

    /// Bytes of data.
    int segmentBytes() {
        return segmentBytes;
    }

    /// The shift count of a SYN, or [#NO_SCALE].
    int windowScale() {
        return windowScale;
    }

    private int shortAt(int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }

    private int intAt(int at) {
        return shortAt(at) << 16 | shortAt(at + 2);
    }
}
