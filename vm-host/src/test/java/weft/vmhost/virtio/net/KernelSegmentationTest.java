package weft.vmhost.virtio.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fixtures.Await;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// The same packets through [weft.vswitch.packet.Segmenter] and through the Linux kernel, which
/// cuts them where it passes them on from a TAP interface that brings super-frames to one that
/// takes none: the frames are equal to the byte.
@Timeout(60)
class KernelSegmentationTest {
    private static final int PACKETS = 300;
    private static final int MTU = 1500;

    private final long seed = Long.getLong("weft.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final MemorySegment buffer = Arena.ofAuto().allocate(TapDevice.PACKET_BYTES_MAX, 16);

    @Test
    void theKernelCutsThemIntoTheSameFrames() throws Exception {
        System.out.println("theKernelCutsThemIntoTheSameFrames: -Dweft.seed=" + seed);
        OwnNetwork.run(this::compare);
    }

    private void compare() throws Exception {
        OwnNetwork.ip("link add br0 type bridge mcast_snooping 0");
        OwnNetwork.ip("link set br0 up");
        for (String name : List.of("in0", "out0")) {
            OwnNetwork.ip("tuntap add " + name + " mode tap");
            OwnNetwork.ip("link set " + name + " master br0 up");
        }
        try (var in = TapDevice.open("in0");
                var out = TapDevice.open("out0")) {
            assertEquals(MTU, in.mtuBytes());
            assertEquals(PacketHeader.BYTES, in.headerBytes());
            awaitBridge(in, out);
            for (int i = 0; i < PACKETS; i++) {
                int segment = 28 + random.nextInt(1300);
                int payload = segment + 1 + random.nextInt(63_000 - segment);
                var packet = new TcpSuperFrame(random, random.nextBoolean(), payload, segment);
                assertTrue(write(in, packet.header(), packet.bytes), "packet " + i);
                compare(ours(packet), out, i);
            }
        }
    }

    /// A port of the bridge forwards a moment after its interface is up.
    private void awaitBridge(TapDevice in, TapDevice out) throws Exception {
        byte[] probe = new byte[60];
        probe[0] = 0x02;
        probe[6] = 0x06;
        probe[12] = (byte) 0x88;
        probe[13] = (byte) 0xb5;
        MemorySegment header = MemorySegment.ofArray(new byte[PacketHeader.BYTES]);
        Await.until(
                "the bridge passes a frame on",
                () -> {
                    assertTrue(write(in, header, probe));
                    return isAmongNext(probe, out);
                });
    }

    private boolean isAmongNext(byte[] probe, TapDevice out) throws IOException {
        boolean found = false;
        for (byte[] seen = read(out); seen.length > 0; seen = read(out)) {
            found |= Arrays.equals(seen, probe);
        }
        return found;
    }

    private static List<byte[]> ours(TcpSuperFrame packet) {
        List<byte[]> frames = new ArrayList<>();
        var header = new PacketHeader();
        var all = new Offloads(true, true, true, true);
        assertTrue(header.parse(packet.header(), all, packet.bytes.length));
        var port =
                new CompletingPort(MTU + 18) {
                    @Override
                    public void transmit(byte[] frame, int offset, int lengthBytes) {
                        frames.add(Arrays.copyOfRange(frame, offset, offset + lengthBytes));
                    }
                };
        var both = new byte[PacketHeader.BYTES + packet.bytes.length];
        System.arraycopy(packet.bytes, 0, both, PacketHeader.BYTES, packet.bytes.length);
        header.store(java.lang.foreign.MemorySegment.ofArray(both));
        port.transmitPacket(both, PacketHeader.BYTES, packet.bytes.length);
        assertEquals(0, port.dropped());
        return frames;
    }

    private void compare(List<byte[]> ours, TapDevice out, int index) throws IOException {
        // The interface's queue may be shorter than a packet of tiny segments.
        for (int i = 0; i < Math.min(ours.size(), 500); i++) {
            byte[] theirs = read(out);
            while (!isOurs(theirs)) {
                theirs = read(out);
            }
            assertArrayEquals(ours.get(i), theirs, "packet %d, frame %d".formatted(index, i));
        }
        while (read(out).length > 0) {
            // The rest of a packet of tiny segments.
        }
    }

    /// The kernel's own stack has things to say on a new bridge, too.
    private static boolean isOurs(byte[] frame) {
        assertTrue(frame.length > 0, "the kernel has passed nothing on");
        return (frame[0] & 0xff) == 0x02 && !(frame[12] == (byte) 0x88 && frame[13] == (byte) 0xb5);
    }

    private boolean write(TapDevice tap, MemorySegment header, byte[] frame) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(PacketHeader.BYTES + frame.length);
            MemorySegment.copy(header, 0, bytes, 0, PacketHeader.BYTES);
            MemorySegment.copy(
                    frame, 0, bytes, ValueLayout.JAVA_BYTE, PacketHeader.BYTES, frame.length);
            MemorySegment vector = arena.allocate(16, 8);
            vector.set(ValueLayout.JAVA_LONG, 0, bytes.address());
            vector.set(ValueLayout.JAVA_LONG, 8, bytes.byteSize());
            return tap.write(vector, 1);
        }
    }

    /// A complete frame; an empty one if there is none now.
    private byte[] read(TapDevice tap) throws IOException {
        int length = tap.read(buffer);
        if (length == 0) {
            return new byte[0];
        }
        assertTrue(PacketHeader.isPlain(buffer), "the kernel left something to do");
        return buffer.asSlice(PacketHeader.BYTES, length - PacketHeader.BYTES)
                .toArray(ValueLayout.JAVA_BYTE);
    }
}
