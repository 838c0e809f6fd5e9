package weft.vswitch.pipeline;

import weft.vswitch.packet.ArpView;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.Ipv4View;
import weft.vswitch.packet.Ipv6View;
import weft.vswitch.service.DhcpServer;
import weft.vswitch.service.Station;

/// Port security: a station uses the addresses that its network gave it, and does not play the
/// network (RFC 2131 servers, RFC 6105 and 7113 for router advertisements, RFC 6980 for fragmented
/// neighbour discovery).
///
/// Of IPv6 a station has its link-local address by EUI-64 (RFC 4291, appendix A). Types other than
/// ARP, IPv4 and IPv6 pass: they name no addresses that others believe.
final class AddressGuard {
    private static final int ETHERNET_IPV4 = 0x0800;
    private static final int DHCPV6_CLIENT_PORT = 546;
    private static final int DHCPV6_SERVER_PORT = 547;

    /// Below it the field is a length, and LLC and SNAP may name a type after all (IEEE 802.2).
    private static final int TYPE_MIN = 0x0600;

    private static final long LINK_LOCAL = 0xfe80_0000_0000_0000L;
    private static final int ROUTER_ADVERTISEMENT = 134;
    private static final int NEIGHBOUR_SOLICITATION = 135;
    private static final int NEIGHBOUR_ADVERTISEMENT = 136;
    private static final int REDIRECT = 137;

    private final ArpView arp = new ArpView();
    private final Ipv4View ipv4 = new Ipv4View();
    private final Ipv6View ipv6 = new Ipv6View();

    /// Judges what a station sent.
    Verdict consider(EthernetView ethernet, Station station) {
        int type = ethernet.type();
        if (type < TYPE_MIN) {
            return Verdict.Drop.of(DropReason.NOT_ETHERNET_II);
        }
        return switch (type) {
            case ArpView.TYPE -> arp(ethernet, station);
            case ETHERNET_IPV4 -> ipv4(ethernet, station);
            case Ipv6View.TYPE -> ipv6(ethernet, station);
            default -> Verdict.Pass.PASS;
        };
    }

    private Verdict arp(EthernetView ethernet, Station station) {
        arp.over(ethernet);
        if (!arp.isComplete()) {
            return Verdict.Drop.of(DropReason.MALFORMED_PACKET);
        }
        boolean isProbe = arp.senderIpv4() == 0 && arp.operation() == ArpView.REQUEST;
        boolean isOwn = arp.senderIpv4() == station.ipv4() || isProbe;
        return isOwn && arp.senderMac() == station.mac()
                ? Verdict.Pass.PASS
                : Verdict.Drop.of(DropReason.SPOOFED_ADDRESS);
    }

    private Verdict ipv4(EthernetView ethernet, Station station) {
        ipv4.over(ethernet);
        if (!ipv4.isComplete()) {
            return Verdict.Drop.of(DropReason.MALFORMED_PACKET);
        }
        boolean isAsking = false;
        if (ipv4.protocol() == Ipv4View.UDP && ipv4.isFirst()) {
            if (ipv4.payloadLengthBytes() < 8) {
                return Verdict.Drop.of(DropReason.MALFORMED_PACKET);
            }
            int from = udpPort(ipv4.bytes(), ipv4.payloadOffset());
            int to = udpPort(ipv4.bytes(), ipv4.payloadOffset() + 2);
            // Clients look at the port that a message is for, some at no other (RFC 7610).
            if (from == DhcpServer.SERVER_PORT || to == DhcpServer.CLIENT_PORT) {
                return Verdict.Drop.of(DropReason.ROGUE_DHCP);
            }
            // From any address: who renews a wrong one is to be told. It is answered here.
            isAsking =
                    to == DhcpServer.SERVER_PORT
                            && !ipv4.isFragment()
                            && LocalServices.isForTheNetwork(ethernet);
        }
        return ipv4.source() == station.ipv4() || isAsking
                ? Verdict.Pass.PASS
                : Verdict.Drop.of(DropReason.SPOOFED_ADDRESS);
    }

    private static int udpPort(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }

    private Verdict ipv6(EthernetView ethernet, Station station) {
        ipv6.over(ethernet);
        if (!ipv6.isComplete()) {
            return Verdict.Drop.of(DropReason.MALFORMED_PACKET);
        }
        boolean isUnspecified = ipv6.sourceHigh() == 0 && ipv6.sourceLow() == 0;
        boolean isOwn = ipv6.sourceHigh() == LINK_LOCAL && ipv6.sourceLow() == eui64(station.mac());
        boolean isIcmp = ipv6.protocol() == Ipv6View.ICMP && ipv6.isFirst();
        if (!isOwn && !(isUnspecified && isIcmp)) {
            return Verdict.Drop.of(DropReason.SPOOFED_ADDRESS);
        }
        if (isIcmp) {
            return ipv6.payloadLengthBytes() < 4
                    ? Verdict.Drop.of(DropReason.MALFORMED_PACKET)
                    : icmpv6(station);
        }
        if (ipv6.protocol() != Ipv6View.UDP || !ipv6.isFirst()) {
            return Verdict.Pass.PASS;
        }
        if (ipv6.payloadLengthBytes() < 8) {
            return Verdict.Drop.of(DropReason.MALFORMED_PACKET);
        }
        boolean isServer =
                udpPort(ipv6.bytes(), ipv6.payloadOffset()) == DHCPV6_SERVER_PORT
                        || udpPort(ipv6.bytes(), ipv6.payloadOffset() + 2) == DHCPV6_CLIENT_PORT;
        return isServer ? Verdict.Drop.of(DropReason.ROGUE_DHCP) : Verdict.Pass.PASS;
    }

    private Verdict icmpv6(Station station) {
        int type = ipv6.bytes()[ipv6.payloadOffset()] & 0xff;
        return switch (type) {
            case ROUTER_ADVERTISEMENT, REDIRECT -> Verdict.Drop.of(DropReason.ROGUE_ROUTER);
            case NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT -> {
                if (ipv6.isFragment() || ipv6.payloadLengthBytes() < 24) {
                    yield Verdict.Drop.of(DropReason.MALFORMED_PACKET);
                }
                boolean isClaim = type == NEIGHBOUR_ADVERTISEMENT;
                yield namesOnlyItself(isClaim, station)
                        ? Verdict.Pass.PASS
                        : Verdict.Drop.of(DropReason.SPOOFED_ADDRESS);
            }
            default -> Verdict.Pass.PASS;
        };
    }

    /// Whether every link address in it is the station's, and what it claims is its address (RFC
    /// 4861, 4.3, 4.4 and 4.6.1).
    private boolean namesOnlyItself(boolean isClaim, Station station) {
        byte[] bytes = ipv6.bytes();
        int at = ipv6.payloadOffset();
        int end = at + ipv6.payloadLengthBytes();
        boolean isOwnTarget =
                ipv6.longAt(at + 8) == LINK_LOCAL && ipv6.longAt(at + 16) == eui64(station.mac());
        if (isClaim && !isOwnTarget) {
            return false;
        }
        for (int option = at + 24; option < end; ) {
            int lengthBytes = end - option < 8 ? 0 : 8 * (bytes[option + 1] & 0xff);
            if (lengthBytes == 0 || option + lengthBytes > end) {
                return false;
            }
            boolean isLinkAddress = bytes[option] == 1 || bytes[option] == 2;
            if (isLinkAddress && (ipv6.longAt(option) & 0xffff_ffff_ffffL) != station.mac()) {
                return false;
            }
            option += lengthBytes;
        }
        return true;
    }

    /// The interface identifier of a link address.
    static long eui64(long mac) {
        return (mac >>> 24 ^ 0x02_0000L) << 40 | 0xff_fe00_0000L | mac & 0xff_ffffL;
    }
}
