package weft.vmhost.virtio.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// What leaves for the switch is what a stack without offloads would have sent: checked against the
/// definitions of the checksums, summed here word by word.
class SegmentationTest {
    private static final Offloads ALL = new Offloads(true, true, true, true);
    private static final int FRAME_BYTES_MAX = 1518;

    private final long seed = Long.getLong("weft.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final List<byte[]> frames = new ArrayList<>();

    private final CompletingPort port =
            new CompletingPort(FRAME_BYTES_MAX) {
                @Override
                public void transmit(byte[] frame, int offset, int lengthBytes) {
                    frames.add(Arrays.copyOfRange(frame, offset, offset + lengthBytes));
                }
            };

    private boolean send(MemorySegment header, byte[] packet) {
        var parsed = new PacketHeader();
        frames.clear();
        if (!parsed.parse(header, ALL, packet.length)) {
            return false;
        }
        var both = new byte[PacketHeader.BYTES + packet.length];
        System.arraycopy(packet, 0, both, PacketHeader.BYTES, packet.length);
        parsed.store(MemorySegment.ofArray(both));
        int dropped = port.dropped();
        port.transmitPacket(both, PacketHeader.BYTES, packet.length);
        return port.dropped() == dropped;
    }

    private static int load16(byte[] bytes, int at) {
        return ByteBuffer.wrap(bytes).getShort(at) & 0xffff;
    }

    /// Zero if the range, summed as ones' complement words, is what the checksum makes of it.
    private static int residue(byte[] bytes, int from, int to, int start) {
        int sum = start;
        for (int at = from; at < to; at += 2) {
            sum += (bytes[at] & 0xff) << 8 | (at + 1 < to ? bytes[at + 1] & 0xff : 0);
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return ~sum & 0xffff;
    }

    private static int pseudoHeader(TcpSuperFrame packet, byte[] frame) {
        int from = packet.ip4 ? packet.network + 12 : packet.network + 8;
        int to = packet.ip4 ? packet.network + 20 : packet.network + 40;
        return (~residue(frame, from, to, 0) & 0xffff) + 6 + frame.length - packet.transport;
    }

    @Test
    void superFramesAreCutIntoWhatAStackWithoutOffloadsSends() {
        System.out.println("superFramesAreCut: -Dweft.seed=" + seed);
        for (int i = 0; i < 500; i++) {
            var packet =
                    new TcpSuperFrame(
                            random,
                            random.nextBoolean(),
                            1 + random.nextInt(64_000),
                            28 + random.nextInt(1300));
            assertTrue(send(packet.header(), packet.bytes));
            check(packet);
        }
    }

    private void check(TcpSuperFrame packet) {
        int payload = packet.bytes.length - packet.headers;
        assertEquals(
                (payload + packet.segmentBytes - 1) / packet.segmentBytes, frames.size(), "frames");
        var joined = ByteBuffer.allocate(payload);
        for (int i = 0; i < frames.size(); i++) {
            byte[] frame = frames.get(i);
            int network = packet.network;
            if (packet.ip4) {
                assertEquals(frame.length - network, load16(frame, network + 2));
                int id = load16(packet.bytes, network + 4) + i & 0xffff;
                assertEquals(id, load16(frame, network + 4));
                assertEquals(0, residue(frame, network, packet.transport, 0));
            } else {
                assertEquals(frame.length - network - 40, load16(frame, network + 4));
            }
            int tcp = packet.transport;
            assertEquals(0, residue(frame, tcp, frame.length, pseudoHeader(packet, frame)));
            int first = ByteBuffer.wrap(packet.bytes).getInt(tcp + 4);
            assertEquals(first + joined.position(), ByteBuffer.wrap(frame).getInt(tcp + 4));
            int flags = packet.bytes[tcp + 13] & 0xff;
            flags &= i == 0 ? 0xff : ~0x80;
            flags &= i == frames.size() - 1 ? 0xff : ~0x09;
            assertEquals(flags, frame[tcp + 13] & 0xff);
            joined.put(frame, packet.headers, frame.length - packet.headers);
        }
        byte[] sent = Arrays.copyOfRange(packet.bytes, packet.headers, packet.bytes.length);
        assertArrayEquals(sent, joined.array());
    }

    @Test
    void aPartialChecksumIsCompletedAndTheRestLeftAlone() {
        for (int length : new int[] {60, 61, 1514}) {
            var packet = new byte[length];
            random.nextBytes(packet);
            ByteBuffer.wrap(packet).putShort(40, (short) 0x1234);
            assertTrue(send(plain(34, 6), packet));

            byte[] frame = frames.getFirst();
            assertEquals(0, residue(frame, 34, length, 0x1234));
            frame[40] = packet[40];
            frame[41] = packet[41];
            assertArrayEquals(packet, frame);
        }
    }

    @Test
    void aChecksumOfZeroIsSentAsItsOtherForm() {
        var packet = new byte[60];
        ByteBuffer.wrap(packet).putShort(40, (short) 0xffff);
        assertTrue(send(plain(34, 6), packet));
        assertEquals(0xffff, load16(frames.getFirst(), 40));
    }

    private static MemorySegment plain(int start, int offset) {
        var header = new byte[PacketHeader.BYTES];
        header[0] = 1;
        header[6] = (byte) start;
        header[7] = (byte) (start >>> 8);
        header[8] = (byte) offset;
        header[9] = (byte) (offset >>> 8);
        return MemorySegment.ofArray(header);
    }

    @Test
    void whatDoesNotFitTogetherIsDropped() {
        var packet = new byte[60];
        assertFalse(send(plain(13, 6), packet), "in the Ethernet header");
        assertFalse(send(plain(53, 6), packet), "one byte beyond");
        assertFalse(send(plain(0xffff, 0xffff), packet));
        assertTrue(send(plain(52, 6), packet));
        assertFalse(send(plain(34, 6), new byte[1519]), "longer than the MTU");

        for (boolean ip4 : new boolean[] {true, false}) {
            var whole = new TcpSuperFrame(new Random(1), ip4, 3000, 1000);
            assertTrue(send(whole.header(), whole.bytes));
            assertFalse(send(with(whole.header(), 0, 0), whole.bytes), "no partial checksum");
            assertFalse(send(with(whole.header(), 1, 3), whole.bytes), "UFO");
            assertFalse(send(with(whole.header(), 1, ip4 ? 4 : 1), whole.bytes), "other IP");
            assertFalse(send(segments(whole.header(), 27), whole.bytes), "tiny");
            assertFalse(send(segments(whole.header(), 0), whole.bytes), "none");
            assertFalse(send(segments(whole.header(), 1500), whole.bytes), "beyond the MTU");
            assertFalse(send(with(whole.header(), 6, whole.transport + 4), whole.bytes));
            assertFalse(send(with(whole.header(), 8, 6), whole.bytes), "UDP's place");
            assertFalse(send(whole.header(), changed(whole, whole.network + (ip4 ? 9 : 6), 17)));
            assertFalse(send(whole.header(), changed(whole, whole.transport + 12, 0x40)));
            assertFalse(send(whole.header(), changed(whole, whole.network - 2, 0x12)));
        }
        var fragment = new TcpSuperFrame(new Random(1), true, 3000, 1000);
        assertFalse(send(fragment.header(), changed(fragment, fragment.network + 6, 0x20)));
        assertEquals(List.of(), frames);
    }

    private static MemorySegment with(MemorySegment header, int at, int value) {
        header.set(ValueLayout.JAVA_BYTE, at, (byte) value);
        return header;
    }

    private static MemorySegment segments(MemorySegment header, int bytes) {
        return with(with(header, 4, bytes), 5, bytes >>> 8);
    }

    private static byte[] changed(TcpSuperFrame packet, int at, int value) {
        byte[] bytes = packet.bytes.clone();
        bytes[at] = (byte) value;
        return bytes;
    }

    @Test
    void randomHeadersAndPacketsHurtNobody() {
        System.out.println("randomHeadersAndPackets: -Dweft.seed=" + seed);
        int sent = 0;
        for (int i = 0; i < 100_000; i++) {
            var packet = new TcpSuperFrame(random, random.nextBoolean(), random.nextInt(300), 28);
            byte[] bytes = Arrays.copyOf(packet.bytes, 14 + random.nextInt(packet.bytes.length));
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            MemorySegment header = packet.header();
            for (int changes = random.nextInt(3); changes > 0; changes--) {
                with(header, random.nextInt(PacketHeader.BYTES), random.nextInt(256));
            }
            sent += send(header, bytes) ? 1 : 0;
        }
        assertTrue(sent > 10_000, "only " + sent + " were sent");
    }
}
