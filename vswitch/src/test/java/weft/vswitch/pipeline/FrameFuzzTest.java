package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vswitch.pipeline.FabricOfSwitches.host;

import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.Tag;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.SwitchPort;

import java.util.List;
import java.util.Map;

/// Any bytes, sent by a VM and by a stranger in the underlay: no exception, one outcome for each
/// frame, and nothing for another network.
@Tag("fuzz")
class FrameFuzzTest {
    private static final MacAddress WEB = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress DB = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress FRONT = MacAddress.parse("52:54:00:00:00:0c");
    private static final MacAddress PLAIN = MacAddress.parse("52:54:00:00:00:0d");
    private static final MacAddress ALL = new MacAddress(0xffff_ffff_ffffL);
    private static final ForwardingImage IMAGE =
            new ForwardingImage(
                    List.of(
                            new Network("blue", 10, 100, "10.0.0.0/24"),
                            new Network("red", 20, 200, "10.0.0.0/24")),
                    List.of(
                            bound("web-0", "blue", WEB, "10.0.0.10/24", 1),
                            bound("db-0", "blue", DB, "10.0.0.11/24", 2),
                            bound("red-0", "red", DB, "10.0.0.11/24", 1)),
                    Map.of(),
                    Map.of());

    private static PortBinding bound(
            String port, String network, MacAddress mac, String ipv4, int host) {
        return new PortBinding(port, network, mac, ipv4, host(host), null, 1);
    }

    @FuzzTest(maxDuration = "10m")
    void fromPort(byte[] frame) {
        var fabric = new FabricOfSwitches(2);
        PluggedPort web = plugged(fabric);
        fabric.transmit(1, web, frame);
        judge(fabric);
    }

    /// The frame's rest, behind the addresses that let it pass as far as the parsers.
    @FuzzTest(maxDuration = "10m")
    void fromPortWithRightAddresses(byte[] rest) {
        var fabric = new FabricOfSwitches(2);
        PluggedPort web = plugged(fabric);
        byte[] frame = new byte[12 + rest.length];
        System.arraycopy(DB.toBytes(), 0, frame, 0, 6);
        System.arraycopy(WEB.toBytes(), 0, frame, 6, 6);
        System.arraycopy(rest, 0, frame, 12, rest.length);
        fabric.transmit(1, web, frame);
        frame[0] |= 1; // to a group
        fabric.transmit(1, web, frame);
        judge(fabric);
    }

    /// A header of the sender's, and the packet behind right addresses: to a device that takes
    /// frames only, to one that takes all, and to a tunnel.
    @FuzzTest(maxDuration = "10m")
    void packetFromPort(byte[] input) {
        if (input.length < OffloadHeader.BYTES) {
            return;
        }
        for (MacAddress to : List.of(DB, FRONT, ALL)) {
            var fabric = new FabricOfSwitches(2);
            PluggedPort web = plugged(fabric);
            var able = new AbleDevice();
            var _ = fabric.board(1).plug("front-0", "blue", FRONT, able, 0);
            fabric.board(1).activate("front-0");
            var plain = fabric.plug(1, "plain-0", "blue", PLAIN);
            byte[] packet = new byte[input.length + 12];
            System.arraycopy(input, 0, packet, 0, OffloadHeader.BYTES);
            System.arraycopy(to.toBytes(), 0, packet, OffloadHeader.BYTES, 6);
            System.arraycopy(WEB.toBytes(), 0, packet, OffloadHeader.BYTES + 6, 6);
            System.arraycopy(
                    input,
                    OffloadHeader.BYTES,
                    packet,
                    OffloadHeader.BYTES + 12,
                    input.length - OffloadHeader.BYTES);
            int lengthBytes = packet.length - OffloadHeader.BYTES;
            fabric.board(1)
                    .packetFromPort(web, packet, OffloadHeader.BYTES, lengthBytes, fabric.nowNanos);
            judge(fabric);
            assertTrue(plain.counters().framesToDevice() >= 0);
            assertTrue(
                    fabric.received.stream()
                            .allMatch(one -> one.frame().length <= FabricOfSwitches.FRAME_MAX));
        }
    }

    /// A device that takes everything, and relies on what it is told.
    private static final class AbleDevice implements SwitchPort.OffloadReceiver {
        @Override
        public boolean takes(int type) {
            return true;
        }

        @Override
        public void receive(byte[] frame, int offset, int lengthBytes) {
            assertTrue(lengthBytes <= FabricOfSwitches.FRAME_MAX);
        }

        @Override
        public void receivePacket(byte[] packet, int offset, int lengthBytes) {
            int start = OffloadHeader.checksumStart(packet, offset);
            int place = OffloadHeader.checksumOffset(packet, offset);
            assertTrue(OffloadHeader.needsChecksum(packet, offset));
            assertTrue(start >= 14 && start + place + 2 <= lengthBytes, "outside of the packet");
            if (OffloadHeader.type(packet, offset) != OffloadHeader.NONE) {
                assertTrue(OffloadHeader.segmentBytes(packet, offset) >= 28);
            }
        }
    }

    @FuzzTest(maxDuration = "10m")
    void fromUnderlay(byte[] datagram) {
        var fabric = new FabricOfSwitches(2);
        plugged(fabric);
        fabric.board(1)
                .fromUnderlay(
                        FabricOfSwitches.address("127.0.9.2"),
                        datagram,
                        0,
                        datagram.length,
                        fabric.nowNanos);
        judge(fabric);
    }

    private static PluggedPort plugged(FabricOfSwitches fabric) {
        PluggedPort web = fabric.plug(1, "web-0", "blue", WEB);
        fabric.plug(1, "red-0", "red", DB);
        fabric.plug(2, "db-0", "blue", DB);
        fabric.apply(
                new ForwardingImage(
                        IMAGE.networks(), IMAGE.bindings(), fabric.vteps, IMAGE.externalVteps()));
        return web;
    }

    private static void judge(FabricOfSwitches fabric) {
        fabric.settle();
        assertTrue(
                fabric.received.stream().noneMatch(one -> one.port().startsWith("red-0")),
                "a frame of blue in red");
        for (int board = 1; board <= 2; board++) {
            SwitchCounters counters = fabric.board(board).counters();
            long drops = 0;
            for (DropReason reason : DropReason.values()) {
                drops += reason.isOfFrames() ? counters.drops(reason) : 0;
            }
            assertEquals(counters.received(), counters.forwarded() + counters.answered() + drops);
        }
    }
}
