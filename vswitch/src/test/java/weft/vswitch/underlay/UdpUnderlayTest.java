package weft.vswitch.underlay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.vswitch.linux.Epoll;
import weft.vswitch.packet.VxlanHeader;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

@Timeout(60)
class UdpUnderlayTest {
    private static final int VNI = 0x123456;
    private static final int ROOM = VxlanHeader.SIZE_BYTES;

    private final Random random = new Random(4);
    private UdpUnderlay east;
    private UdpUnderlay west;
    private Epoll epoll;

    @BeforeEach
    void open() throws IOException {
        east = new UdpUnderlay(new InetSocketAddress("127.0.11.1", 0));
        west = new UdpUnderlay(new InetSocketAddress("127.0.11.2", 0));
        epoll = new Epoll();
        epoll.add(west.descriptor(), 7);
    }

    @AfterEach
    void close() {
        epoll.close();
        west.close();
        east.close();
    }

    private byte[] next() throws IOException {
        int length = west.receive();
        while (length < 0) {
            assertEquals(1, epoll.await(20_000), "no datagram comes");
            assertEquals(7, epoll.token(0));
            length = west.receive();
        }
        assertEquals(east.localAddress().getAddress(), west.source());
        int at = west.datagramOffset();
        assertEquals(VNI, VxlanHeader.vni(west.datagram(), at, length));
        assertTrue(at >= 4, "room for the header of a packet");
        return Arrays.copyOfRange(west.datagram(), at + ROOM, at + length);
    }

    private byte[] frame(int lengthBytes) {
        byte[] frame = new byte[lengthBytes];
        random.nextBytes(frame);
        return frame;
    }

    private boolean send(byte[] frame, int room) {
        byte[] bytes = new byte[room + frame.length];
        System.arraycopy(frame, 0, bytes, room, frame.length);
        return east.send(west.localAddress(), VNI, bytes, room, frame.length);
    }

    private List<byte[]> sendAll(int count, int frameBytes, int lastBytes) {
        List<byte[]> frames = new ArrayList<>();
        int stride = ROOM + frameBytes;
        byte[] all = new byte[5 + count * stride];
        for (int i = 0; i < count; i++) {
            byte[] frame = frame(i == count - 1 ? lastBytes : frameBytes);
            System.arraycopy(frame, 0, all, 5 + i * stride + ROOM, frame.length);
            frames.add(frame);
        }
        int length = (count - 1) * stride + ROOM + lastBytes;
        assertTrue(east.sendAll(west.localAddress(), VNI, all, 5, stride, length));
        return frames;
    }

    @Test
    void framesArriveAsTheyWereSentOneByOneAndTogether() throws IOException {
        List<byte[]> sent = new ArrayList<>();
        for (int round = 0; round < 20; round++) {
            byte[] one = frame(60 + random.nextInt(1400));
            assertTrue(send(one, round % 2 == 0 ? 0 : 12));
            sent.add(one);
            int frameBytes = 100 + random.nextInt(1300);
            sent.addAll(
                    sendAll(1 + random.nextInt(40), frameBytes, 1 + random.nextInt(frameBytes)));
            byte[] longer = frame(frameBytes + 1 + random.nextInt(100));
            assertTrue(send(longer, 12), "longer than those that were cut");
            sent.add(longer);
            for (byte[] expected : sent) {
                assertArrayEquals(expected, next());
            }
            sent.clear();
        }
        assertEquals(-1, west.receive());
    }

    @Test
    void aDatagramThatIsTooLongIsRefused() {
        byte[] most = frame(Underlay.BYTES_MAX - ROOM);
        assertTrue(send(most, ROOM));
        byte[] more = frame(Underlay.BYTES_MAX - ROOM + 1);
        assertEquals(false, send(more, ROOM));
    }

    @Test
    void anAddressThatIsTakenIsNamed() {
        IOException refused =
                assertThrows(IOException.class, () -> new UdpUnderlay(west.localAddress()));
        assertTrue(refused.toString().contains("127.0.11.2"), refused.toString());
        assertTrue(refused.toString().contains("already in use"), refused.toString());
        IOException foreign =
                assertThrows(
                        IOException.class,
                        () ->
                                new UdpUnderlay(
                                        new InetSocketAddress(
                                                InetAddress.getByName("192.0.2.1"), 4789)));
        assertTrue(foreign.toString().contains("192.0.2.1"), foreign.toString());
    }

    @Test
    void aWakeEndsTheWaitAlsoOneThatCameBefore() throws IOException {
        epoll.wake();
        assertEquals(1, epoll.await(20_000));
        assertEquals(Epoll.WOKEN, epoll.token(0));
        assertEquals(0, epoll.await(0), "once");
        Thread.ofVirtual().start(epoll::wake);
        assertEquals(1, epoll.await(20_000));
        epoll.remove(west.descriptor());
        assertTrue(send(frame(100), 12));
        assertEquals(0, epoll.await(0));
    }
}
