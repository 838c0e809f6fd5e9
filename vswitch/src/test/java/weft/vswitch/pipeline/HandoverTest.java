package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vswitch.pipeline.FabricOfSwitches.host;
import static weft.vswitch.service.DhcpMessage.address;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.vswitch.packet.InternetChecksum;
import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.SwitchPort;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Packets with what their sender left to others: web-0 sends to front-0 beside it, whose device
/// takes everything, to plain-0, whose device takes frames, and to db-0 on another host.
class HandoverTest {
    private static final int AT = OffloadHeader.BYTES;
    private static final MacAddress WEB = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress DB = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress FRONT = MacAddress.parse("52:54:00:00:00:0c");
    private static final MacAddress PLAIN = MacAddress.parse("52:54:00:00:00:0d");
    private static final int WEB_IP = address("10.0.0.10");
    private static final int UDP = 14 + 20;

    private final FabricOfSwitches fabric = new FabricOfSwitches(2);
    private final List<byte[]> whole = new ArrayList<>();
    private PluggedPort web;

    private final class AbleDevice implements SwitchPort.OffloadReceiver {
        @Override
        public boolean takes(int type) {
            return true;
        }

        @Override
        public void receive(byte[] frame, int offset, int lengthBytes) {
            throw new AssertionError("it was not complete");
        }

        @Override
        public void receivePacket(byte[] packet, int offset, int lengthBytes) {
            whole.add(Arrays.copyOfRange(packet, offset - AT, offset + lengthBytes));
        }
    }

    @BeforeEach
    void plugEverything() {
        web = fabric.plug(1, "web-0", "blue", WEB);
        var _ = fabric.board(1).plug("front-0", "blue", FRONT, new AbleDevice(), 0);
        fabric.board(1).activate("front-0");
        fabric.plug(1, "plain-0", "blue", PLAIN);
        fabric.plug(2, "db-0", "blue", DB);
        fabric.apply(
                new ForwardingImage(
                        List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                        List.of(
                                bound("web-0", WEB, 10, 1),
                                bound("db-0", DB, 11, 2),
                                bound("front-0", FRONT, 12, 1),
                                bound("plain-0", PLAIN, 13, 1)),
                        fabric.vteps,
                        Map.of()));
    }

    private static PortBinding bound(String port, MacAddress mac, int last, int at) {
        return new PortBinding(port, "blue", mac, "10.0.0." + last + "/24", host(at), null, 1);
    }

    /// UDP of web-0 with a header before it that leaves nothing to others yet.
    private static byte[] udp(MacAddress to, int toIp, int payloadBytes) {
        byte[] all = new byte[AT + UDP + 8 + payloadBytes];
        ByteBuffer packet = ByteBuffer.wrap(all);
        packet.position(AT);
        packet.put(to.toBytes()).put(WEB.toBytes()).putShort((short) 0x0800);
        packet.putInt(0x4500_0000 | 28 + payloadBytes).putInt(0x0000_4000);
        packet.putShort((short) 0x4011).putShort((short) 0).putInt(WEB_IP).putInt(toIp);
        packet.putShort((short) 4000).putShort((short) 9).putShort((short) (8 + payloadBytes));
        for (int i = AT + UDP + 8; i < all.length; i++) {
            all[i] = (byte) i;
        }
        return all;
    }

    private static byte[] superFrame(MacAddress to, int toIp, int payloadBytes) {
        byte[] packet = udp(to, toIp, payloadBytes);
        OffloadHeader.leaveChecksum(packet, AT, UDP, 6);
        OffloadHeader.leaveCutting(packet, AT, OffloadHeader.UDP, UDP + 8, 1000);
        return packet;
    }

    private void send(byte[] packet) {
        fabric.board(1).packetFromPort(web, packet, AT, packet.length - AT, fabric.nowNanos);
        SwitchCounters counters = fabric.board(1).counters();
        long drops = 0;
        for (DropReason reason : DropReason.values()) {
            drops += reason.isOfFrames() ? counters.drops(reason) : 0;
        }
        assertEquals(counters.received(), counters.forwarded() + counters.answered() + drops);
    }

    private static void requireRightSum(byte[] frame) {
        int udpBytes = frame.length - UDP;
        long sum = InternetChecksum.add(0, frame, 14 + 12, 8) + 17 + udpBytes;
        assertEquals(0, InternetChecksum.fold(InternetChecksum.add(sum, frame, UDP, udpBytes)));
    }

    @Test
    void whoTakesEverythingGetsItAsItWas() {
        byte[] packet = superFrame(FRONT, address("10.0.0.12"), 5500);
        byte[] before = packet.clone();
        send(packet);
        assertArrayEquals(before, whole.getFirst());
    }

    @Test
    void whoTakesFramesGetsThemCutAndComplete() {
        send(superFrame(PLAIN, address("10.0.0.13"), 5500));
        assertEquals(6, fabric.received.size());
        for (FabricOfSwitches.Received one : fabric.received) {
            requireRightSum(one.frame());
        }
        assertEquals(UDP + 8 + 500, fabric.received.getLast().frame().length);
    }

    @Test
    void tunnelsTakeFramesThatFitBetweenHosts() {
        send(superFrame(DB, address("10.0.0.11"), 5500));
        assertEquals(6, fabric.underWay.size());
        for (FabricOfSwitches.Datagram datagram : fabric.underWay) {
            byte[] bytes = datagram.bytes();
            requireRightSum(Arrays.copyOfRange(bytes, VxlanHeader.SIZE_BYTES, bytes.length));
        }
    }

    @Test
    void aPartialChecksumIsCompletedForTheTunnelOnly() {
        byte[] packet = udp(DB, address("10.0.0.11"), 100);
        int pseudo = 17 + 108 + sumOfAddresses(packet);
        pseudo = (pseudo & 0xffff) + (pseudo >>> 16);
        ByteBuffer.wrap(packet).putShort(AT + UDP + 6, (short) pseudo);
        OffloadHeader.leaveChecksum(packet, AT, UDP, 6);
        send(packet);
        byte[] bytes = fabric.underWay.getFirst().bytes();
        requireRightSum(Arrays.copyOfRange(bytes, VxlanHeader.SIZE_BYTES, bytes.length));
    }

    private static int sumOfAddresses(byte[] packet) {
        int sum = ~InternetChecksum.fold(InternetChecksum.add(0, packet, AT + 14 + 12, 8)) & 0xffff;
        assertTrue(sum >= 0);
        return sum;
    }

    /// A checksum's place may be anywhere: here it is where the guards have just looked.
    @Test
    void aChecksumInThePlaceOfTheSourceIsThereBeforeTheGuardsLook() {
        byte[] packet = udp(PLAIN, address("10.0.0.13"), 100);
        OffloadHeader.leaveChecksum(packet, AT, 14 + 10, 2);
        send(packet);
        assertEquals(1, fabric.board(1).counters().drops(DropReason.SPOOFED_ADDRESS));
        assertTrue(fabric.received.isEmpty());
    }

    @Test
    void whatCannotBeDoneIsDropped() {
        byte[] packet = superFrame(PLAIN, address("10.0.0.13"), 5500);
        packet[AT + 14 + 9] = 6; // TCP behind the header, UDP before it
        send(packet);
        byte[] outside = udp(PLAIN, address("10.0.0.13"), 100);
        OffloadHeader.leaveChecksum(outside, AT, UDP, 1000);
        send(outside);
        assertEquals(2, fabric.board(1).counters().drops(DropReason.BAD_OFFLOAD));
        assertTrue(fabric.received.isEmpty());
    }
}
