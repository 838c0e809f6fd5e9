package weft.vswitch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.PcapStream;
import weft.vswitch.port.SwitchPort;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// Two switches with real sockets and real threads.
@Timeout(60)
class VSwitchTest {
    private static final NodeId EAST = new NodeId("east");
    private static final NodeId WEST = new NodeId("west");
    private static final MacAddress A = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress B = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private VSwitch east;
    private VSwitch west;

    @BeforeEach
    void start() throws IOException {
        east = open(EAST, "127.0.7.1");
        west = open(WEST, "127.0.7.2");
        applyToBoth(WEST, null, 1);
    }

    private VSwitch open(NodeId host, String address) throws IOException {
        var any = new InetSocketAddress(address, 0);
        return new VSwitch(VSwitchSettings.of(host, any), System::nanoTime, registry);
    }

    private void applyToBoth(@Nullable NodeId hostOfB, @Nullable NodeId nextOfB, long epoch)
            throws IOException {
        var image =
                new ForwardingImage(
                        List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                        List.of(
                                new PortBinding("a-0", "blue", A, "10.0.0.1/24", EAST, null, 1),
                                new PortBinding(
                                        "b-0", "blue", B, "10.0.0.2/24", hostOfB, nextOfB, epoch)),
                        Map.of(EAST, east.underlayAddress(), WEST, west.underlayAddress()),
                        Map.of());
        east.applyImage(image);
        west.applyImage(image);
    }

    @AfterEach
    void stop() {
        east.close();
        west.close();
        assertTrue(registry.getMeters().isEmpty(), "a closed switch leaves no metric behind");
    }

    /// A device that keeps what it receives.
    private static final class Device implements SwitchPort.Receiver {
        final BlockingQueue<byte[]> frames = new LinkedBlockingQueue<>();

        @Override
        public void receive(byte[] frame, int offset, int lengthBytes) {
            frames.add(Arrays.copyOfRange(frame, offset, offset + lengthBytes));
        }

        byte[] next() throws InterruptedException {
            byte[] frame = frames.poll(20, TimeUnit.SECONDS);
            assertNotNull(frame, "no frame came");
            return frame;
        }
    }

    private static byte[] frame(MacAddress to, MacAddress from, int payloadBytes) {
        var payload = new byte[payloadBytes];
        Arrays.fill(payload, (byte) payloadBytes);
        return ByteBuffer.allocate(14 + payloadBytes)
                .put(to.toBytes())
                .put(from.toBytes())
                .putShort((short) 0x88b5)
                .put(payload)
                .array();
    }

    private static void send(SwitchPort port, byte[] frame) {
        port.transmit(frame, 0, frame.length);
    }

    @Test
    void framesOfEverySizeArriveWholeAndInOrderOnTheOtherHost() throws Exception {
        var deviceB = new Device();
        SwitchPort a = east.plug("a-0", "blue", A, new Device());
        west.plug("b-0", "blue", B, deviceB);
        for (int size = 0; size <= east.mtuBytes(); size += 25) {
            byte[] sent = frame(B, A, size);
            send(a, sent);
            assertArrayEquals(sent, deviceB.next());
        }
        assertEquals(59, east.counters("a-0").framesFromDevice());
        assertEquals(59, west.counters("b-0").framesToDevice());
        assertEquals(59, west.networkCounters("blue").framesFromTunnels());
    }

    @Test
    void garbageOnTheSocketIsCountedAndHurtsNobody() throws Exception {
        var deviceB = new Device();
        SwitchPort a = east.plug("a-0", "blue", A, new Device());
        west.plug("b-0", "blue", B, deviceB);
        try (var socket = new DatagramSocket(new InetSocketAddress("127.0.7.9", 0))) {
            byte[][] datagrams = {{}, {1, 2, 3}, new byte[8], new byte[65_000]};
            for (byte[] bytes : datagrams) {
                socket.send(new DatagramPacket(bytes, bytes.length, west.underlayAddress()));
            }
            byte[] forged = new byte[8 + 60];
            forged[0] = 8;
            forged[6] = 100;
            System.arraycopy(frame(B, A, 46), 0, forged, 8, 60);
            socket.send(new DatagramPacket(forged, forged.length, west.underlayAddress()));
        }
        byte[] honest = frame(B, A, 3);
        send(a, honest);
        assertArrayEquals(honest, deviceB.next());
        // Loopback keeps the order: what was sent before has been decided.
        assertEquals(4, west.drops(DropReason.BAD_VXLAN));
        assertEquals(1, west.drops(DropReason.FOREIGN_VTEP));
        assertEquals(
                1.0,
                registry.get("weft_vswitch_dropped_frames")
                        .tag("host", "west")
                        .tag("reason", "foreign_vtep")
                        .functionCounter()
                        .count());
    }

    @Test
    void aPortMovesWhileFramesFlowAndNoneIsLost() throws Exception {
        var before = new Device();
        var after = new Device();
        SwitchPort a = east.plug("a-0", "blue", A, new Device());
        west.plug("b-0", "blue", B, before);
        SwitchPort standby = east.plugStandby("b-0", "blue", B, after);
        applyToBoth(WEST, EAST, 1);
        send(a, frame(B, A, 1));
        assertEquals(15, before.next().length);

        west.moved("b-0", EAST, 2);
        east.activate("b-0");
        applyToBoth(EAST, null, 2);
        send(a, frame(B, A, 2));
        assertEquals(16, after.next().length);
        assertNull(before.frames.poll());

        var deviceA = new Device();
        a.close();
        SwitchPort again = east.plug("a-0", "blue", A, deviceA);
        send(standby, frame(A, B, 3));
        assertEquals(17, deviceA.next().length);
        east.announce("b-0");
        assertEquals(60, deviceA.next().length);
        again.close();
    }

    @Test
    void aCaptureToAPcapFileHasTheFrames() throws Exception {
        var bytes = new ByteArrayOutputStream();
        var deviceB = new Device();
        SwitchPort a = east.plug("a-0", "blue", A, new Device());
        east.plug("c-0", "blue", MacAddress.parse("52:54:00:00:00:0c"), deviceB);
        try (var pcap = new PcapStream(bytes, () -> Instant.ofEpochSecond(1_700_000_000L, 5));
                var capture = east.capture(new FrameSink.Scope.OfPort("c-0"), pcap)) {
            assertNotNull(capture);
            send(a, frame(BROADCAST, A, 46));
            deviceB.next();
        }
        send(a, frame(BROADCAST, A, 46));
        deviceB.next();
        var file = ByteBuffer.wrap(bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(0xa1b2_3c4d, file.getInt(0));
        assertEquals(24 + 16 + 60, file.limit(), "one frame");
        assertEquals(1_700_000_000, file.getInt(24));
        assertEquals(60, file.getInt(24 + 8));
    }

    @Test
    void aReceiverThatThrowsOrCallsTheSwitchDoesNotStopOthers() throws Exception {
        var deviceC = new Device();
        SwitchPort a = east.plug("a-0", "blue", A, new Device());
        east.plug(
                "bad-0",
                "blue",
                MacAddress.parse("52:54:00:00:00:0d"),
                (frame, offset, length) -> {
                    east.deactivate("bad-0");
                    throw new IllegalStateException("on purpose");
                });
        east.plug("c-0", "blue", MacAddress.parse("52:54:00:00:00:0c"), deviceC);
        send(a, frame(MacAddress.parse("52:54:00:00:00:0d"), A, 1));
        send(a, frame(MacAddress.parse("52:54:00:00:00:0c"), A, 2));
        assertEquals(16, deviceC.next().length);
    }

    @Test
    void anAddressInUseIsNamedInTheError() throws Exception {
        var taken = VSwitchSettings.of(new NodeId("third"), west.underlayAddress());
        var refused =
                assertThrows(
                        IOException.class,
                        () -> new VSwitch(taken, System::nanoTime, registry).close());
        assertTrue(String.valueOf(refused.getMessage()).contains("127.0.7.2"), refused::toString);
    }

    @Test
    void aPortOfAClosedSwitchAndAnUnknownPortSayWhatIsWrong() {
        assertThrows(IllegalStateException.class, () -> east.activate("nobody"));
        east.plug("a-0", "blue", A, new Device()).close();
        assertThrows(IllegalStateException.class, () -> east.counters("a-0"));
        SwitchPort left = west.plug("b-0", "blue", B, new Device());
        west.close();
        left.close();
        assertThrows(IllegalStateException.class, () -> west.plug("b-0", "blue", B, new Device()));
    }
}
