package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vswitch.pipeline.FabricOfSwitches.host;
import static weft.vswitch.service.DhcpMessage.address;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.service.DhcpMessage;
import weft.vswitch.service.Station;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/// Port security by addresses, and what a switch answers itself: web-0 and db-0 of blue on hosts 1
/// and 2, and off-0, whose VM does not run.
class LocalServicesTest {
    private static final Network BLUE = new Network("blue", 10, 100, "10.0.0.0/24");
    private static final MacAddress WEB = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress DB = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress OFF = MacAddress.parse("52:54:00:00:00:0c");
    private static final long ALL = 0xffff_ffff_ffffL;
    private static final int WEB_IP = address("10.0.0.10");
    private static final int DB_IP = address("10.0.0.11");
    private static final int SERVICE_IP = address("10.0.0.1");
    private static final String WEB_LINK_LOCAL = "fe80000000000000505400fffe00000a";
    private static final String ALL_NODES = "ff020000000000000000000000000001";

    private final FabricOfSwitches fabric = new FabricOfSwitches(2);
    private PluggedPort web;

    @BeforeEach
    void plugEverything() {
        web = fabric.plug(1, "web-0", "blue", WEB);
        fabric.plug(2, "db-0", "blue", DB);
        fabric.apply(
                new ForwardingImage(
                        List.of(BLUE),
                        List.of(
                                bound("web-0", WEB, "10.0.0.10/24", 1),
                                bound("db-0", DB, "10.0.0.11/24", 2),
                                bound("off-0", OFF, "10.0.0.12/24", null)),
                        fabric.vteps,
                        Map.of()));
    }

    private static PortBinding bound(
            String port, MacAddress mac, String ipv4, @Nullable Integer at) {
        return new PortBinding(port, "blue", mac, ipv4, at == null ? null : host(at), null, 1);
    }

    /// Sends from web-0; returns what it received of that itself.
    private List<byte[]> answers(byte[] frame) {
        fabric.transmit(1, web, frame);
        var own = new ArrayList<byte[]>();
        for (FabricOfSwitches.Received one : fabric.received) {
            if (one.port().equals("web-0@host1")) {
                own.add(one.frame());
            }
        }
        assertSumHolds();
        return own;
    }

    private void assertSumHolds() {
        SwitchCounters counters = fabric.board(1).counters();
        long drops = 0;
        for (DropReason reason : DropReason.values()) {
            drops += reason.isOfFrames() ? counters.drops(reason) : 0;
        }
        assertEquals(counters.received(), counters.forwarded() + counters.answered() + drops);
    }

    private void assertDropped(DropReason reason, byte[] frame) {
        long before = fabric.board(1).counters().drops(reason);
        assertEquals(List.of(), answers(frame));
        assertEquals(List.of(), List.copyOf(fabric.underWay), "nothing left");
        assertEquals(before + 1, fabric.board(1).counters().drops(reason), reason.name());
    }

    private void assertPasses(byte[] frame) {
        assertEquals(List.of(), answers(frame));
        assertEquals(1, fabric.underWay.size(), "one copy for the other host");
        fabric.underWay.clear();
    }

    private static byte[] ethernet(long to, MacAddress from, int type, byte[] payload) {
        return ByteBuffer.allocate(14 + payload.length)
                .put(new MacAddress(to).toBytes())
                .put(from.toBytes())
                .putShort((short) type)
                .put(payload)
                .array();
    }

    private static byte[] arp(int operation, MacAddress sender, int senderIp, int targetIp) {
        byte[] payload =
                ByteBuffer.allocate(28)
                        .putLong(0x0001_0800_0604_0000L | operation)
                        .put(sender.toBytes())
                        .putInt(senderIp)
                        .put(new byte[6])
                        .putInt(targetIp)
                        .array();
        return ethernet(ALL, WEB, 0x0806, payload);
    }

    private static byte[] ipv4(int source, int protocol, int flags, byte[] payload) {
        byte[] packet =
                ByteBuffer.allocate(20 + payload.length)
                        .putShort((short) 0x4500)
                        .putShort((short) (20 + payload.length))
                        .putShort((short) 0)
                        .putShort((short) flags)
                        .putShort((short) (0x4000 | protocol))
                        .putShort((short) 0)
                        .putInt(source)
                        .putInt(DB_IP)
                        .put(payload)
                        .array();
        return ethernet(DB.bits(), WEB, 0x0800, packet);
    }

    private static byte[] udp(int fromPort, int toPort) {
        return ByteBuffer.allocate(8)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putShort((short) 8)
                .array();
    }

    private static byte[] ipv6(String source, int next, String payload) {
        byte[] rest = HexFormat.of().parseHex(payload);
        byte[] packet =
                ByteBuffer.allocate(40 + rest.length)
                        .putInt(0x6000_0000)
                        .putShort((short) rest.length)
                        .put((byte) next)
                        .put((byte) 255)
                        .put(HexFormat.of().parseHex(source))
                        .put(HexFormat.of().parseHex(ALL_NODES))
                        .put(rest)
                        .array();
        return ethernet(0x3333_0000_0001L, WEB, 0x86dd, packet);
    }

    @Test
    void whoRunsAnywhereIsNamedToWhoAsksAndTheQuestionGoesNoFurther() {
        List<byte[]> answers = answers(arp(1, WEB, WEB_IP, DB_IP));
        assertEquals(1, answers.size());
        assertArrayEquals(
                HexFormat.of()
                        .parseHex(
                                "52540000000a52540000000b0806" // to web, from db
                                        + "0001080006040002"
                                        + "52540000000b0a00000b"
                                        + "52540000000a0a00000a"
                                        + "00".repeat(18)),
                answers.get(0));
        assertEquals(List.of(), List.copyOf(fabric.underWay));
        assertEquals(1, fabric.board(1).counters().answered());
    }

    @Test
    void theNetworksOwnAddressIsOnEveryHost() {
        byte[] answer = answers(arp(1, WEB, WEB_IP, SERVICE_IP)).get(0);
        assertEquals("027765667400", HexFormat.of().formatHex(answer, 6, 12));
        assertEquals("0277656674000a000001", HexFormat.of().formatHex(answer, 22, 32));
    }

    /// From before it was reserved.
    @Test
    void aVmThatHasTheFirstAddressGoesFirst() {
        fabric.apply(
                new ForwardingImage(
                        List.of(BLUE),
                        List.of(
                                bound("web-0", WEB, "10.0.0.10/24", 1),
                                bound("db-0", DB, "10.0.0.1/24", 2)),
                        fabric.vteps,
                        Map.of()));
        byte[] answer = answers(arp(1, WEB, WEB_IP, SERVICE_IP)).get(0);
        assertEquals("52540000000b0a000001", HexFormat.of().formatHex(answer, 22, 32));
    }

    @Test
    void whatNobodyIsKnownToHaveIsAskedOfAll() {
        assertPasses(arp(1, WEB, WEB_IP, address("10.0.0.12")));
        assertPasses(arp(1, WEB, WEB_IP, address("10.0.0.99")));
    }

    @Test
    void announcementsAndProbesOfTheOwnAddressReachAll() {
        assertPasses(arp(1, WEB, WEB_IP, WEB_IP));
        assertPasses(arp(1, WEB, 0, WEB_IP));
        assertPasses(arp(2, WEB, WEB_IP, WEB_IP));
    }

    @Test
    void arpInAnothersNameIsDropped() {
        assertDropped(DropReason.SPOOFED_ADDRESS, arp(1, WEB, DB_IP, DB_IP));
        assertDropped(DropReason.SPOOFED_ADDRESS, arp(2, WEB, SERVICE_IP, WEB_IP));
        assertDropped(DropReason.SPOOFED_ADDRESS, arp(1, DB, WEB_IP, DB_IP));
        assertDropped(DropReason.SPOOFED_ADDRESS, arp(2, WEB, 0, DB_IP));
        byte[] otherKind = arp(1, WEB, WEB_IP, DB_IP);
        otherKind[15] = 6;
        assertDropped(DropReason.MALFORMED_PACKET, otherKind);
    }

    @Test
    void packetsLeaveOnlyFromTheOwnAddress() {
        byte[] syn = ByteBuffer.allocate(20).put(12, (byte) 0x50).put(13, (byte) 0x02).array();
        assertPasses(ipv4(WEB_IP, 6, 0, syn));
        assertPasses(ipv4(WEB_IP, 17, 0x2000, new byte[8]));
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv4(DB_IP, 6, 0, new byte[20]));
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv4(0, 6, 0, new byte[20]));
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv4(0, 17, 0, udp(68, 69)));
        byte[] tooLong = ipv4(WEB_IP, 6, 0, new byte[20]);
        tooLong[17]++;
        assertDropped(DropReason.MALFORMED_PACKET, tooLong);
    }

    @Test
    void aStationPlaysNoServerAndNoRouter() {
        assertDropped(DropReason.ROGUE_DHCP, ipv4(WEB_IP, 17, 0, udp(67, 68)));
        assertDropped(DropReason.ROGUE_DHCP, ipv6(WEB_LINK_LOCAL, 17, "02230222000c0000"));
        String advertisement = "8600000040000000";
        assertDropped(DropReason.ROGUE_ROUTER, ipv6(WEB_LINK_LOCAL, 58, advertisement));
        // RFC 7113: behind extension headers, too.
        assertDropped(
                DropReason.ROGUE_ROUTER,
                ipv6(WEB_LINK_LOCAL, 60, "3a00010400000000" + advertisement));
        assertDropped(
                DropReason.MALFORMED_PACKET,
                ipv6(WEB_LINK_LOCAL, 60, "3c00010400000000".repeat(20)));
    }

    @Test
    void neighboursAreToldOnlyOfTheOwnAddress() {
        String own = WEB_LINK_LOCAL;
        String others = "fe80000000000000505400fffe00000b";
        String none = "00".repeat(16);
        assertPasses(ipv6(own, 58, "8800000020000000" + own + "020152540000000a"));
        assertPasses(ipv6(own, 58, "8700000000000000" + others + "010152540000000a"));
        assertPasses(ipv6(none, 58, "8700000000000000" + own));
        assertDropped(
                DropReason.SPOOFED_ADDRESS,
                ipv6(own, 58, "8800000020000000" + others + "020152540000000a"));
        assertDropped(
                DropReason.SPOOFED_ADDRESS,
                ipv6(own, 58, "8800000020000000" + own + "020152540000000b"));
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv6(others, 58, "8000000000000000"));
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv6(none, 17, "0222022300080000"));
        // An option without a length, and one that breaks off.
        assertDropped(DropReason.SPOOFED_ADDRESS, ipv6(own, 58, "8800000020000000" + own + "0200"));
        assertDropped(DropReason.MALFORMED_PACKET, ipv6(own, 58, "8800000020000000"));
    }

    @Test
    void dhcpIsAnsweredByThePortsOwnHost() {
        DhcpMessage request = DhcpMessage.request(WEB.bits(), 1).with(55, (byte) 12, (byte) 26);
        List<byte[]> answers = answers(request.frame());
        assertEquals(1, answers.size());
        DhcpMessage offer = DhcpMessage.read(answers.get(0), answers.get(0).length);
        assertEquals(2, offer.number(53));
        assertEquals(WEB_IP, offer.yourAddress);
        assertEquals(SERVICE_IP, offer.fromAddress);
        assertEquals(1500, offer.number(26), "an underlay of 1550 carries it");
        assertEquals(List.of(), List.copyOf(fabric.underWay), "nobody else hears of it");
        assertEquals(List.of(), answersAfter(DhcpMessage.request(WEB.bits(), 7)), "a release");
        assertEquals(2, fabric.board(1).counters().answered());
        assertDropped(DropReason.MALFORMED_PACKET, DhcpMessage.request(WEB.bits(), 99).frame());
    }

    private List<byte[]> answersAfter(DhcpMessage request) {
        fabric.received.clear();
        return answers(request.frame());
    }

    @Test
    void theLeaseIsRenewedAtTheNetworksOwnAddress() {
        DhcpMessage renewal = DhcpMessage.request(WEB.bits(), 3);
        renewal.clientAddress = WEB_IP;
        renewal.fromAddress = WEB_IP;
        renewal.toAddress = SERVICE_IP;
        renewal.toMac = Station.SERVICE_MAC;
        byte[] reply = answers(renewal.frame()).get(0);
        assertEquals(5, DhcpMessage.read(reply, reply.length).number(53));
    }

    @Test
    void whatElseIsAskedOfTheNetworksOwnAddressIsDropped() {
        byte[] ping = ipv4(WEB_IP, 1, 0, new byte[8]);
        System.arraycopy(new MacAddress(Station.SERVICE_MAC).toBytes(), 0, ping, 0, 6);
        assertDropped(DropReason.NOT_SERVED, ping);
    }

    /// A port that the image says nothing of yet is not answered, and judged by its MAC only.
    @Test
    void aPortWithoutABindingPassesAsItIs() {
        MacAddress late = MacAddress.parse("52:54:00:00:00:0d");
        PluggedPort port = fabric.plug(1, "late-0", "blue", late);
        fabric.apply(imageWithoutWeb());
        fabric.transmit(1, port, ethernet(ALL, late, 0x0800, new byte[20]));
        assertEquals(1, fabric.underWay.size());
    }

    /// A record that is gone for a moment does not let a station say what it likes.
    @Test
    void aPortThatLosesItsBindingIsGuardedAsBefore() {
        fabric.apply(imageWithoutWeb());
        assertDropped(DropReason.SPOOFED_ADDRESS, arp(1, WEB, address("10.0.0.77"), DB_IP));
        assertEquals(1, answers(DhcpMessage.request(WEB.bits(), 1).frame()).size());
    }

    private ForwardingImage imageWithoutWeb() {
        return new ForwardingImage(
                List.of(BLUE),
                List.of(bound("db-0", DB, "10.0.0.11/24", 2)),
                fabric.vteps,
                Map.of());
    }

    /// CVE-2021-27853: LLC and SNAP with an IP packet behind it.
    @Test
    void whatHasALengthInPlaceOfATypeIsDropped() {
        byte[] snap = HexFormat.of().parseHex("aaaa030000000806" + "00".repeat(28));
        assertDropped(DropReason.NOT_ETHERNET_II, ethernet(ALL, WEB, snap.length, snap));
    }

    /// Clients listen for what is to their port, whatever port it is from (RFC 7610).
    @Test
    void whatClientsWouldTakeForAServersIsDropped() {
        assertDropped(DropReason.ROGUE_DHCP, ipv4(WEB_IP, 17, 0, udp(1067, 68)));
        byte[] first = ipv4(WEB_IP, 17, 0x2000, udp(1067, 68));
        assertDropped(DropReason.ROGUE_DHCP, first);
        assertDropped(DropReason.ROGUE_DHCP, ipv6(WEB_LINK_LOCAL, 17, "04230222000c0000"));
        byte[] second = ipv4(WEB_IP, 17, 0x2001, udp(1067, 68));
        assertDropped(DropReason.FRAGMENT_UNKNOWN, second); // its first was not let through
    }

    /// Who asks to renew an address that it has not got is told so.
    @Test
    void whoRenewsAWrongAddressIsRefused() {
        DhcpMessage renewal = DhcpMessage.request(WEB.bits(), 3);
        renewal.clientAddress = address("10.0.0.77");
        renewal.fromAddress = address("10.0.0.77");
        renewal.toAddress = SERVICE_IP;
        renewal.toMac = Station.SERVICE_MAC;
        byte[] reply = answers(renewal.frame()).get(0);
        assertEquals(6, DhcpMessage.read(reply, reply.length).number(53));
        renewal.toMac = DB.bits();
        fabric.received.clear();
        assertDropped(DropReason.SPOOFED_ADDRESS, renewal.frame());
    }
}
