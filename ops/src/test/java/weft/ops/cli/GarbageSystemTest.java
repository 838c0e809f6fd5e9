package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// Garbage at every socket that a running fabric listens on: the connection is closed and counted,
/// and whoever writes to the pool meanwhile notices nothing.
final class GarbageSystemTest {
    private static final int ROUNDS = 20;
    private static final int GARBAGE_BYTES_MAX = 64 << 10;
    private static final int CLOSED_MILLIS = 20_000;

    @Test
    @Timeout(value = 3, unit = TimeUnit.MINUTES)
    void garbageIsCutOffAndCountedAndHurtsNobody(@TempDir Path folder) throws Exception {
        long seed = Long.getLong("weft.seed", new Random().nextLong());
        System.out.println("-Dweft.seed=" + seed);
        var random = new Random(seed);
        try (var fabric = LoopbackFabric.start(folder);
                var pool =
                        new PoolSession(
                                fabric.session().records().store(), fabric.session()::image)) {
            Volume volume =
                    new VolumeAdmin(fabric.session().records())
                            .create(
                                    fabric.session().image(),
                                    "data",
                                    4 << 20,
                                    Volume.Access.READ_WRITE);
            List<NodePresence> parts = List.copyOf(fabric.session().image().presences().values());
            double before = garbageCounted(parts);
            int connections = 0;
            try (BlockVolume open =
                    pool.client().open(pool.client().claim(volume, "garbage test"))) {
                for (int round = 0; round < ROUNDS; round++) {
                    for (NodePresence part : parts) {
                        connections += throwAt(part, random);
                    }
                    checkWriteAndRead(open, random);
                }
            }
            double counted = garbageCounted(parts) - before;
            assertTrue(
                    counted >= connections,
                    "%d connections of garbage, %.0f counted".formatted(connections, counted));
            assertEquals(parts.size(), fabric.session().image().presences().size());
        }
    }

    /// At everything that it listens on.
    ///
    /// @return connections that must have been counted
    private static int throwAt(NodePresence part, Random random) throws IOException {
        if (!part.vtep().isEmpty()) {
            byte[] datagram = garbage(random, 1400);
            try (var socket = new DatagramSocket()) {
                socket.send(new DatagramPacket(datagram, datagram.length, address(part.vtep())));
            }
        }
        int connections = 0;
        for (String address : Stream.of(part.address(), part.nbd()).toList()) {
            if (!address.isEmpty()) {
                throwAt(address(address), garbage(random, GARBAGE_BYTES_MAX));
                connections++;
            }
        }
        // Its page is HTTP of the JDK's own server: it must only survive.
        throwAt(address(part.metrics()), garbage(random, 1000));
        return connections;
    }

    private static void throwAt(InetSocketAddress address, byte[] garbage) throws IOException {
        try (var socket = new Socket()) {
            socket.connect(address, CLOSED_MILLIS);
            socket.setSoTimeout(CLOSED_MILLIS);
            try {
                socket.getOutputStream().write(garbage);
                socket.shutdownOutput();
                while (socket.getInputStream().read() >= 0) {
                    // Until the other side closes.
                }
            } catch (java.net.SocketTimeoutException e) {
                throw new AssertionError(address + " keeps a connection of garbage open", e);
            } catch (IOException _) {
                // Cut off while it was still being sent.
            }
        }
    }

    private static byte[] garbage(Random random, int bytesMax) {
        // Long enough not to be the unfinished beginning of something.
        var bytes = new byte[256 + random.nextInt(bytesMax - 256)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static void checkWriteAndRead(BlockVolume volume, Random random) throws Exception {
        var written = new byte[8192];
        random.nextBytes(written);
        long offset = random.nextInt(500) * 4096L;
        volume.write(offset, ByteBuffer.wrap(written)).get(10, TimeUnit.SECONDS);
        var read = ByteBuffer.allocate(written.length);
        volume.read(offset, read).get(10, TimeUnit.SECONDS);
        assertEquals(ByteBuffer.wrap(written), ByteBuffer.wrap(read.array()));
    }

    /// What the metrics pages of all parts count, which must answer all the time.
    private static double garbageCounted(List<NodePresence> parts)
            throws IOException, InterruptedException {
        double sum = 0;
        try (var client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build()) {
            for (NodePresence part : parts) {
                var request =
                        HttpRequest.newBuilder(URI.create("http://" + part.metrics() + "/metrics"))
                                .timeout(Duration.ofSeconds(10))
                                .build();
                String page = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
                sum +=
                        page.lines()
                                .filter(line -> !line.startsWith("#"))
                                .filter(line ->
                                        line.contains("garbage")
                                                || line.contains("handshakes_refused"))
                                .mapToDouble(line ->
                                        Double.parseDouble(
                                                line.substring(line.lastIndexOf(' ') + 1)))
                                .sum();
            }
        }
        return sum;
    }

    private static InetSocketAddress address(String text) {
        int colon = text.lastIndexOf(':');
        return new InetSocketAddress(
                text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }
}
