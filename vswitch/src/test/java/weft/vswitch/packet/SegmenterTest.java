package weft.vswitch.packet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;

/// Super-frames of UDP, and the sums; those of TCP are compared with the Linux kernel's where NICs
/// are tested.
class SegmenterTest {
    private static final int AT = 20;
    private static final int FRAME_BYTES_MAX = 1514;

    private final long seed = Long.getLong("weft.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final Segmenter segmenter = new Segmenter();

    /// By the definition (RFC 1071): words, with the carry brought back each time.
    private static int sum(byte[] bytes, int from, int lengthBytes, int start) {
        int sum = start;
        for (int i = 0; i < lengthBytes; i += 2) {
            int low = i + 1 < lengthBytes ? bytes[from + i + 1] & 0xff : 0;
            sum += (bytes[from + i] & 0xff) << 8 | low;
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return sum;
    }

    @Test
    void sumsAreThoseOfTheDefinition() {
        System.out.println("sums: -Dweft.seed=" + seed);
        byte[] bytes = new byte[4096];
        for (int i = 0; i < 2000; i++) {
            random.nextBytes(bytes);
            if (i % 3 == 0) {
                Arrays.fill(bytes, (byte) -1);
            }
            int from = random.nextInt(64);
            int length = random.nextInt(bytes.length - from);
            long added = InternetChecksum.add(0, bytes, from, length);
            int expected = ~sum(bytes, from, length, 0) & 0xffff;
            int folded = InternetChecksum.fold(added);
            // Zero has two forms in ones' complement; a sum of something is never 0.
            assertEquals(expected, folded, "from %d, %d bytes".formatted(from, length));
        }
    }

    /// A super-frame of UDP as a stack leaves it, from [#AT] on.
    private byte[] datagrams(boolean isIp4, int payloadBytes, int segmentBytes) {
        int ipBytes = isIp4 ? 20 : 40;
        int length = 14 + ipBytes + 8 + payloadBytes;
        byte[] all = new byte[AT + length];
        random.nextBytes(all);
        ByteBuffer frame = ByteBuffer.wrap(all);
        frame.putShort(AT + 12, (short) (isIp4 ? 0x0800 : 0x86dd));
        int ip = AT + 14;
        if (isIp4) {
            frame.putShort(ip, (short) 0x4500);
            frame.putShort(ip + 2, (short) (length - 14));
            frame.putShort(ip + 6, (short) 0x4000);
            frame.put(ip + 9, (byte) 17);
        } else {
            frame.putInt(ip, 0x6000_0000);
            frame.putShort(ip + 4, (short) (8 + payloadBytes));
            frame.put(ip + 6, (byte) 17);
        }
        int udp = ip + ipBytes;
        frame.putShort(udp + 4, (short) (8 + payloadBytes));
        OffloadHeader.leaveChecksum(all, AT, udp - AT, 6);
        OffloadHeader.leaveCutting(all, AT, OffloadHeader.UDP, udp - AT + 8, segmentBytes);
        return all;
    }

    @Test
    void superFramesOfUdpBecomeDatagramsOfTheirPayload() {
        System.out.println("datagrams: -Dweft.seed=" + seed);
        for (int i = 0; i < 300; i++) {
            boolean isIp4 = random.nextBoolean();
            int segmentBytes = 28 + random.nextInt(1400);
            int payloadBytes = 1 + random.nextInt(60_000);
            byte[] packet = datagrams(isIp4, payloadBytes, segmentBytes);
            int length = packet.length - AT;
            assertTrue(OffloadHeader.normalize(packet, AT, length));
            assertTrue(segmenter.begin(packet, AT, length, FRAME_BYTES_MAX));
            int headers = length - payloadBytes;
            int count = segmenter.count();
            assertEquals((payloadBytes + segmentBytes - 1) / segmentBytes, count);
            byte[] frame = new byte[FRAME_BYTES_MAX + 3];
            int done = 0;
            for (int n = 0; n < count; n++) {
                assertTrue(segmenter.hasNext());
                int bytes = segmenter.next(frame, 3);
                int part = Math.min(segmentBytes, payloadBytes - done);
                assertEquals(headers + part, bytes);
                assertEquals(
                        -1,
                        Arrays.mismatch(
                                packet,
                                AT + headers + done,
                                AT + headers + done + part,
                                frame,
                                3 + headers,
                                3 + bytes));
                requireRightSums(frame, isIp4, bytes);
                done += part;
            }
            assertFalse(segmenter.hasNext());
        }
    }

    private static void requireRightSums(byte[] frame, boolean isIp4, int lengthBytes) {
        int ip = 3 + 14;
        int udp = ip + (isIp4 ? 20 : 40);
        int udpBytes = 3 + lengthBytes - udp;
        assertEquals(udpBytes, ByteBuffer.wrap(frame).getShort(udp + 4) & 0xffff);
        if (isIp4) {
            assertEquals(lengthBytes - 14, ByteBuffer.wrap(frame).getShort(ip + 2) & 0xffff);
            assertEquals(0xffff, sum(frame, ip, 20, 0));
        } else {
            assertEquals(udpBytes, ByteBuffer.wrap(frame).getShort(ip + 4) & 0xffff);
        }
        int addresses = isIp4 ? sum(frame, ip + 12, 8, 0) : sum(frame, ip + 8, 32, 0);
        int pseudo = addresses + 17 + udpBytes;
        pseudo = (pseudo & 0xffff) + (pseudo >>> 16);
        assertEquals(0xffff, sum(frame, udp, udpBytes, pseudo));
        assertTrue(ByteBuffer.wrap(frame).getShort(udp + 6) != 0, "none");
    }

    @Test
    void whatCannotBeCutIsRefused() {
        byte[] packet = datagrams(true, 9000, 1400);
        int length = packet.length - AT;
        assertTrue(segmenter.begin(packet, AT, length, FRAME_BYTES_MAX));
        assertFalse(segmenter.begin(packet, AT, length, 1441), "longer than frames may be");
        assertTrue(segmenter.begin(packet, AT, length, 1442));
        byte[] fragment = packet.clone();
        fragment[AT + 14 + 6] = 0x20;
        assertFalse(segmenter.begin(fragment, AT, length, FRAME_BYTES_MAX));
        byte[] tcp = packet.clone();
        tcp[AT + 14 + 9] = 6;
        assertFalse(segmenter.begin(tcp, AT, length, FRAME_BYTES_MAX));
        byte[] marked = packet.clone();
        marked[AT - 11] = (byte) (OffloadHeader.UDP | 0x80);
        assertFalse(OffloadHeader.normalize(marked, AT, length), "UDP knows no ECN here");
    }

    /// What a kernel's VXLAN sends where no card completes it, and what is complete.
    @Test
    void partialChecksumsAreFoundAndNoOthers() {
        for (int i = 0; i < 200; i++) {
            boolean isIp4 = random.nextBoolean();
            int payloadBytes = 1 + random.nextInt(1300);
            byte[] packet = datagrams(isIp4, payloadBytes, 1400);
            int length = packet.length - AT;
            assertTrue(segmenter.begin(packet, AT, length, FRAME_BYTES_MAX));
            byte[] frame = new byte[AT + FRAME_BYTES_MAX];
            int bytes = segmenter.next(frame, AT);
            var view = new EthernetView().over(frame, AT, bytes);
            int ip = AT + 14;
            int udp = ip + (isIp4 ? 20 : 40);
            int addresses = isIp4 ? sum(frame, ip + 12, 8, 0) : sum(frame, ip + 8, 32, 0);
            int pseudo = addresses + 17 + AT + bytes - udp;
            pseudo = (pseudo & 0xffff) + (pseudo >>> 16);
            int complete = ByteBuffer.wrap(frame).getShort(udp + 6) & 0xffff;
            if (complete != pseudo) {
                assertFalse(PartialChecksum.note(view));
            }
            ByteBuffer.wrap(frame).putShort(udp + 6, (short) pseudo);
            assertTrue(PartialChecksum.note(view));
            assertTrue(OffloadHeader.normalize(frame, AT, bytes));
            Segmenter.complete(frame, AT, bytes);
            assertEquals(complete, ByteBuffer.wrap(frame).getShort(udp + 6) & 0xffff);
        }
    }
}
