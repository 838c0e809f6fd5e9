package weft.vmhost.virtio.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.DriverSide;
import weft.vmhost.virtio.ServiceOutcome;
import weft.vmhost.virtio.VirtioForm;
import weft.vmhost.virtio.VirtioMmio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/// What the guest and the far end of the cable may leave to each other, and when.
class OffloadTest {
    private static final long RAM = DriverSide.RAM;
    private static final long CSUM = 1;
    private static final long GUEST_CSUM = 1L << 1;
    private static final long GUEST_TSO4 = 1L << 7;
    private static final long MERGEABLE = 1L << 15;
    private static final long HOST_TSO4 = 1L << 11;
    private static final long HOST_ECN = 1L << 13;
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final VirtioNet nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
    private final VirtioMmio transport =
            new VirtioMmio("virtio0", VirtioForm.MODERN, memory, new TestLine(), loop, nic);
    private final DriverSide driver = new DriverSide(memory, transport, 8);
    private final RecordingCable cable = new RecordingCable();

    /// Understands headers; keeps them in hexadecimal, and what came behind them.
    private static final class RecordingCable implements Cable {
        final List<String> headers = new ArrayList<>();
        final List<byte[]> frames = new ArrayList<>();
        Offloads agreed = Offloads.NONE;
        int rooms;

        @Override
        public boolean transmit(PacketHeader header, DescriptorChain frame, int lengthBytes) {
            var bytes = new byte[PacketHeader.BYTES];
            header.store(MemorySegment.ofArray(bytes));
            headers.add(HexFormat.of().formatHex(bytes));
            var content = new byte[lengthBytes];
            assertTrue(frame.read(MemorySegment.ofArray(content), 0, lengthBytes));
            frames.add(content);
            return true;
        }

        @Override
        public void agree(Offloads taken) {
            agreed = taken;
        }

        @Override
        public void room() {
            rooms++;
        }
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private void send(byte[] header, byte[] frame) {
        memory.write(RAM, ByteBuffer.wrap(header));
        memory.write(RAM + 0x1000, ByteBuffer.wrap(frame));
        driver.descriptor(TRANSMIT, 0, RAM, header.length, DriverSide.NEXT, 1);
        driver.descriptor(TRANSMIT, 1, RAM + 0x1000, frame.length, 0, 0);
        driver.offer(TRANSMIT, 0);
        loop.runAll();
        assertFalse(driver.needsReset());
    }

    private static byte[] header(TcpSuperFrame packet) {
        return packet.header().toArray(ValueLayout.JAVA_BYTE);
    }

    private static TcpSuperFrame withoutMarks(int payloadBytes) {
        for (int seed = 0; ; seed++) {
            var packet = new TcpSuperFrame(new Random(seed), true, payloadBytes, 1000);
            if (!packet.ecn) {
                return packet;
            }
        }
    }

    @Test
    void aHeaderGoesThroughToAnEndThatUnderstandsIt() {
        nic.attach(cable);
        driver.begin(CSUM | HOST_TSO4, 3);
        TcpSuperFrame packet = withoutMarks(40_000);
        send(header(packet), packet.bytes);

        assertEquals(List.of(HexFormat.of().formatHex(header(packet))), cable.headers);
        assertArrayEquals(packet.bytes, cable.frames.getFirst());
    }

    @Test
    void aSuperFrameIsCutForTheSwitch() {
        List<Integer> lengths = new ArrayList<>();
        nic.plug(
                new CompletingPort() {
                    @Override
                    public void transmit(byte[] frame, int offset, int lengthBytes) {
                        lengths.add(lengthBytes);
                    }
                });
        driver.begin(CSUM | HOST_TSO4, 3);
        TcpSuperFrame packet = withoutMarks(2100);
        send(header(packet), packet.bytes);

        int headers = packet.headers;
        assertEquals(List.of(headers + 1000, headers + 1000, headers + 100), lengths);
        assertEquals(1, nic.transmittedFrames());
    }

    @Test
    void whatWasNotAgreedOnIsIgnoredOrDropped() {
        nic.attach(cable);
        TcpSuperFrame packet = withoutMarks(1200);
        driver.begin(0, 3);
        send(header(packet), packet.bytes);
        assertEquals(List.of("000000000000000000000000"), cable.headers, "garbage, to us");

        driver.begin(CSUM, 3);
        send(header(packet), packet.bytes);
        assertEquals(1, nic.droppedFrames(), "a super-frame nobody agreed to cut");
        driver.begin(CSUM | HOST_TSO4, 3);
        byte[] marked = header(packet);
        marked[1] |= (byte) 0x80;
        send(marked, packet.bytes);
        assertEquals(2, nic.droppedFrames(), "congestion marks");
        driver.begin(CSUM | HOST_TSO4 | HOST_ECN, 3);
        send(marked, packet.bytes);
        assertEquals(HexFormat.of().formatHex(marked), cable.headers.getLast());
        byte[] unknown = header(packet);
        unknown[0] = (byte) 0xfd;
        send(unknown, packet.bytes);
        assertEquals(HexFormat.of().formatHex(header(packet)), cable.headers.getLast());
    }

    private MemorySegment arriving(int flags, int type, int segmentBytes, int frameBytes) {
        var packet = new byte[PacketHeader.BYTES + frameBytes];
        packet[0] = (byte) flags;
        packet[1] = (byte) type;
        packet[4] = (byte) segmentBytes;
        packet[5] = (byte) (segmentBytes >>> 8);
        packet[6] = 34;
        packet[8] = 16;
        packet[PacketHeader.BYTES + frameBytes - 1] = 77;
        return MemorySegment.ofArray(packet);
    }

    private boolean receive(MemorySegment packet) {
        boolean[] taken = {false};
        int length = (int) packet.byteSize() - PacketHeader.BYTES;
        var outcome =
                transport.now(() -> taken[0] = nic.receive(packet, PacketHeader.BYTES, length));
        assertEquals(ServiceOutcome.RAN, outcome);
        return taken[0];
    }

    private String received() {
        var header = ByteBuffer.allocate(PacketHeader.BYTES);
        memory.read(RAM, header);
        return HexFormat.of().formatHex(header.array());
    }

    @Test
    void theGuestGetsTheHeadersItAgreedTo() {
        nic.attach(cable);
        driver.begin(GUEST_CSUM | GUEST_TSO4 | MERGEABLE, 3);
        assertEquals(new Offloads(true, true, false, false), cable.agreed);
        for (int i = 0; i < 4; i++) {
            driver.descriptor(RECEIVE, i, RAM + 0x1000L * i, 0x1000, DriverSide.WRITE, 0);
        }
        MemorySegment big = arriving(1, PacketHeader.TCP4, 1448, 9000);
        driver.offer(RECEIVE, 0);
        driver.offer(RECEIVE, 1);
        assertFalse(receive(big), "no room yet");
        int before = cable.rooms;
        driver.offer(RECEIVE, 2);
        loop.runAll();
        assertTrue(cable.rooms > before, "the cable is told of room");
        assertTrue(receive(big));

        assertEquals("01010000a805220010000300", received());
        assertEquals(3, driver.usedIndex(RECEIVE));
        assertEquals(9012 - 0x2000, driver.usedLength(RECEIVE, 2));
        assertEquals(77, memory.load8(RAM + 9011));

        driver.offer(RECEIVE, 0);
        assertTrue(receive(arriving(2, 0, 0, 60)));
        assertEquals("020000000000000000000100", received(), "checked by the host");
        assertTrue(receive(arriving(1, PacketHeader.TCP6, 1448, 9000)));
        assertTrue(receive(arriving(1, PacketHeader.TCP4 | PacketHeader.ECN, 1448, 9000)));
        assertEquals(2, nic.droppedFrames(), "not agreed on");
        assertEquals(2, nic.receivedFrames());
    }

    @Test
    void aPacketFromBeforeANewAgreementIsDropped() {
        nic.attach(cable);
        driver.begin(0, 3);
        driver.descriptor(RECEIVE, 0, RAM, 0x1000, DriverSide.WRITE, 0);
        driver.offer(RECEIVE, 0);
        assertTrue(receive(arriving(1, 0, 0, 60)));
        assertEquals(1, nic.droppedFrames());
        assertTrue(receive(arriving(2, 0, 0, 60)));
        assertEquals("000000000000000000000100", received(), "flags are zero");
        driver.register(0x70, 0);
        assertEquals(Offloads.NONE, cable.agreed);
    }

    @Test
    void featuresWithoutWhatTheyBuildOnAreRefused() {
        long[] incomplete = {HOST_TSO4, GUEST_TSO4, CSUM | HOST_ECN, 1L << 18, 1L << 21, 1L << 23};
        for (long features : incomplete) {
            driver.begin(features, 0);
            assertEquals(0, driver.register(0x70) & 8, "features 0x%x".formatted(features));
        }
        driver.begin(CSUM | HOST_TSO4 | HOST_ECN | 1L << 17 | 1L << 18, 0);
        assertEquals(15, driver.register(0x70));
    }

    @Test
    void packetsInEitherDirectionAllocateNothing() {
        var port =
                new CompletingPort() {
                    @Override
                    public void transmit(byte[] frame, int offset, int lengthBytes) {}
                };
        nic.plug(port);
        driver.begin(CSUM | HOST_TSO4 | GUEST_CSUM | GUEST_TSO4 | MERGEABLE, 3);
        TcpSuperFrame packet = withoutMarks(2100);
        memory.write(RAM, ByteBuffer.wrap(header(packet)));
        memory.write(RAM + 0x1000, ByteBuffer.wrap(packet.bytes));
        driver.descriptor(TRANSMIT, 0, RAM, PacketHeader.BYTES, DriverSide.NEXT, 1);
        driver.descriptor(TRANSMIT, 1, RAM + 0x1000, packet.bytes.length, 0, 0);
        driver.descriptor(RECEIVE, 0, RAM + 0x10_000, 0x8000, DriverSide.WRITE, 0);
        MemorySegment big = arriving(1, PacketHeader.TCP4, 1448, 9000);
        Runnable both =
                () -> {
                    driver.offer(RECEIVE, 0);
                    nic.receive(big, PacketHeader.BYTES, 9000);
                    driver.offer(TRANSMIT, 0);
                    nic.serve(TRANSMIT);
                };
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long least = Long.MAX_VALUE;
        for (int round = 0; round < 20; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 500; i++) {
                transport.now(both);
            }
            long after = threads.getCurrentThreadAllocatedBytes();
            least = Math.min(least, after - before);
        }
        loop.runAll();
        assertEquals(10_000, nic.receivedFrames());
        assertEquals(10_000, nic.transmittedFrames());
        assertEquals(0, least, "bytes for 500 packets each way");
    }
}
