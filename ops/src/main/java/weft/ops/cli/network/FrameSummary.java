package weft.ops.cli.network;

import weft.fabric.MacAddress;

import java.nio.ByteBuffer;
import java.util.Locale;

/// What a frame is, in one line, as far as people look first: Ethernet (IEEE 802.3), ARP (RFC 826),
/// IPv4 (RFC 791) with ICMP, UDP and TCP ports, IPv6 (RFC 8200). The bytes are a guest's: a frame
/// that is cut or lies is described as far as it goes.
///
/// @param type the EtherType
/// @param protocol the protocol in an IPv4 packet, or -1
/// @param text without addresses of the Ethernet header
public record FrameSummary(
        MacAddress destination, MacAddress source, int type, int protocol, String text) {
    /// EtherTypes and IPv4 protocols.
    public static final int ARP = 0x0806;

    private static final int IPV4 = 0x0800;
    private static final int IPV6 = 0x86dd;
    private static final int RARP = 0x8035;
    private static final int VLAN_TAG = 0x8100;
    private static final int ICMP = 1;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int ICMPV6 = 58;
    private static final int ETHERNET_BYTES = 14;
    private static final MacAddress NO_ADDRESS = new MacAddress(0);

    /// Whether it is an ARP request or reply.
    public boolean isArp() {
        return type == ARP;
    }

    /// Whether it is ICMP over IPv4: a ping, or its answer.
    public boolean isIcmp() {
        return type == IPV4 && protocol == ICMP;
    }

    /// Looks at a frame.
    public static FrameSummary of(byte[] bytes) {
        ByteBuffer frame = ByteBuffer.wrap(bytes);
        if (bytes.length < ETHERNET_BYTES) {
            return new FrameSummary(NO_ADDRESS, NO_ADDRESS, 0, -1, "cut within the header");
        }
        var destination = macAt(frame, 0);
        var source = macAt(frame, 6);
        int type = frame.getShort(12) & 0xffff;
        ByteBuffer payload = frame.slice(ETHERNET_BYTES, bytes.length - ETHERNET_BYTES);
        int protocol = type == IPV4 && payload.limit() >= 20 ? payload.get(9) & 0xff : -1;
        String text =
                switch (type) {
                    case ARP, RARP -> arp(type == ARP ? "ARP" : "RARP", payload);
                    case IPV4 -> ipv4(payload);
                    case IPV6 -> ipv6(payload);
                    case VLAN_TAG -> "802.1Q tagged";
                    default -> "type 0x%04x".formatted(type);
                };
        return new FrameSummary(destination, source, type, protocol, text);
    }

    private static MacAddress macAt(ByteBuffer bytes, int at) {
        long high = bytes.getShort(at) & 0xffffL;
        return new MacAddress(high << 32 | bytes.getInt(at + 2) & 0xffff_ffffL);
    }

    private static String arp(String name, ByteBuffer packet) {
        if (packet.limit() < 28) {
            return name + ", cut";
        }
        String sender = ipv4At(packet, 14);
        String target = ipv4At(packet, 24);
        int operation = packet.getShort(6) & 0xffff;
        return name
                + switch (operation) {
                    case 1 -> " who-has " + target + " tell " + sender;
                    case 2 -> " " + sender + " is-at " + macAt(packet, 8);
                    case 3 -> " who is " + macAt(packet, 18);
                    default -> " operation " + operation;
                };
    }

    private static String ipv4(ByteBuffer packet) {
        if (packet.limit() < 20) {
            return "IPv4, cut";
        }
        int headerBytes = (packet.get(0) & 0xf) * 4;
        int fragmentOffset = packet.getShort(6) & 0x1fff;
        int protocol = packet.get(9) & 0xff;
        String ends = ipv4At(packet, 12) + " > " + ipv4At(packet, 16);
        if (headerBytes < 20 || fragmentOffset != 0 || packet.limit() < headerBytes) {
            return "IPv4 " + ends + " protocol " + protocol;
        }
        ByteBuffer payload = packet.slice(headerBytes, packet.limit() - headerBytes);
        return switch (protocol) {
            case ICMP -> "IPv4 " + ends + " " + icmp(payload);
            case TCP -> "IPv4 " + ends + " TCP" + ports(payload);
            case UDP -> "IPv4 " + ends + " UDP" + ports(payload);
            default -> "IPv4 " + ends + " protocol " + protocol;
        };
    }

    private static String icmp(ByteBuffer message) {
        if (message.limit() < 8) {
            return "ICMP, cut";
        }
        int type = message.get(0) & 0xff;
        int sequence = message.getShort(6) & 0xffff;
        return switch (type) {
            case 0 -> "ICMP echo reply seq " + sequence;
            case 3 -> "ICMP unreachable";
            case 8 -> "ICMP echo request seq " + sequence;
            default -> "ICMP type " + type;
        };
    }

    private static String ports(ByteBuffer segment) {
        return segment.limit() < 4
                ? ", cut"
                : " %d > %d".formatted(segment.getShort(0) & 0xffff, segment.getShort(2) & 0xffff);
    }

    private static String ipv6(ByteBuffer packet) {
        if (packet.limit() < 40) {
            return "IPv6, cut";
        }
        int next = packet.get(6) & 0xff;
        String name =
                switch (next) {
                    case TCP -> "TCP";
                    case UDP -> "UDP";
                    case ICMPV6 -> "ICMPv6";
                    default -> "next header " + next;
                };
        return "IPv6 " + ipv6At(packet, 8) + " > " + ipv6At(packet, 24) + " " + name;
    }

    private static String ipv4At(ByteBuffer bytes, int at) {
        return "%d.%d.%d.%d"
                .formatted(
                        bytes.get(at) & 0xff,
                        bytes.get(at + 1) & 0xff,
                        bytes.get(at + 2) & 0xff,
                        bytes.get(at + 3) & 0xff);
    }

    /// All eight groups, without the `::` of RFC 5952.
    private static String ipv6At(ByteBuffer bytes, int at) {
        var text = new StringBuilder();
        for (int i = 0; i < 16; i += 2) {
            text.append(i == 0 ? "" : ":")
                    .append(String.format(Locale.ROOT, "%x", bytes.getShort(at + i) & 0xffff));
        }
        return text.toString();
    }
}
