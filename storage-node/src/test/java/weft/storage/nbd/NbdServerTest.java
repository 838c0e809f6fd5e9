package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.Await;
import weft.fixtures.MemoryVolume;
import weft.storage.nbd.NbdClient.Reply;
import weft.volume.VolumeException;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

@Timeout(60)
class NbdServerTest {
    private static final int MIB = 1 << 20;

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final NbdExports exports = new NbdExports();
    private final MemoryVolume disk = new MemoryVolume(64 * MIB, false);
    private final MemoryVolume image = new MemoryVolume(MIB, true);
    private NbdServer server;

    @BeforeEach
    void start() throws Exception {
        server =
                new NbdServer(
                        new InetSocketAddress("127.0.0.1", 0), exports, Optional.empty(), registry);
        exports.add("disk", () -> CompletableFuture.completedFuture(disk));
        exports.add("image", () -> CompletableFuture.completedFuture(image));
    }

    @AfterEach
    void stop() {
        server.close();
        assertTrue(registry.getMeters().isEmpty(), "a closed server leaves no metric behind");
    }

    private NbdClient client() throws IOException {
        return new NbdClient(server.address());
    }

    private double count(String name) {
        return registry.get(name).counters().stream().mapToDouble(c -> c.count()).sum();
    }

    @Test
    void optionsAreAnsweredAndUnknownOnesDoNotEndTheNegotiation() throws Exception {
        try (var client = client().greeted(3)) {
            client.option(77, new byte[100]);
            assertEquals(NbdProtocol.REP_ERR_UNSUP, client.optionReply().type());
            client.option(NbdProtocol.OPT_LIST, new byte[0]);
            assertArrayEquals(
                    new byte[] {0, 0, 0, 4, 'd', 'i', 's', 'k'}, client.optionReply().body());
            assertEquals(NbdProtocol.REP_SERVER, client.optionReply().type());
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            client.option(NbdProtocol.OPT_LIST, new byte[1]);
            assertEquals(NbdProtocol.REP_ERR_INVALID, client.optionReply().type());
            client.option(NbdProtocol.OPT_GO, NbdClient.wanted("nothing"));
            assertEquals(NbdProtocol.REP_ERR_UNKNOWN, client.optionReply().type());
            client.option(NbdProtocol.OPT_GO, new byte[] {-1, -1, -1, -1, 0, 0});
            assertEquals(NbdProtocol.REP_ERR_INVALID, client.optionReply().type());
            client.option(NbdProtocol.OPT_INFO, NbdClient.wanted("image"));
            ByteBuffer export = ByteBuffer.wrap(client.optionReply().body());
            assertEquals(NbdProtocol.INFO_EXPORT, export.getShort());
            assertEquals(MIB, export.getLong());
            assertEquals(
                    NbdProtocol.HAS_FLAGS
                            | NbdProtocol.READ_ONLY
                            | NbdProtocol.SEND_FLUSH
                            | NbdProtocol.SEND_FUA
                            | NbdProtocol.SEND_CACHE
                            | NbdProtocol.CAN_MULTI_CONN,
                    export.getShort());
            ByteBuffer blocks = ByteBuffer.wrap(client.optionReply().body());
            assertEquals(NbdProtocol.INFO_BLOCK_SIZE, blocks.getShort());
            assertEquals(
                    List.of(1, 4096, 32 * MIB),
                    List.of(blocks.getInt(), blocks.getInt(), blocks.getInt()));
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            client.option(NbdProtocol.OPT_ABORT, new byte[0]);
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            assertTrue(client.isClosedByServer());
        }
        Await.until("the image is closed", image::isClosed);
        assertEquals(0, count("weft_nbd_garbage_connections"));
    }

    @Test
    void theOldWayToAnExportHasItsZeroes() throws Exception {
        try (var client = client().greeted(1)) {
            client.option(
                    NbdProtocol.OPT_EXPORT_NAME,
                    "disk".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            assertEquals(64L * MIB, client.in.readLong());
            client.in.readShort();
            assertArrayEquals(new byte[124], client.in.readNBytes(124));
            client.request(NbdProtocol.CMD_FLUSH, 0, 5, 0, 0);
            assertEquals(new Reply(5, NbdProtocol.OK), client.reply());
        }
        try (var client = client().greeted(3)) {
            client.option(NbdProtocol.OPT_EXPORT_NAME, new byte[] {'x'});
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void garbageEndsItsConnectionIsCountedAndHurtsNobodyElse() throws Exception {
        try (var honest = client().going("disk")) {
            byte[][] garbage = {
                new byte[64],
                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        .getBytes(java.nio.charset.StandardCharsets.US_ASCII),
                ByteBuffer.allocate(20)
                        .putInt(3)
                        .putLong(NbdProtocol.IHAVEOPT)
                        .putInt(3)
                        .putInt(-1)
                        .array(),
                ByteBuffer.allocate(4).putInt(0x8000_0000).array(),
            };
            garbage[0][3] = 1;
            for (byte[] bytes : garbage) {
                try (var client = client()) {
                    client.out.write(bytes);
                    client.out.flush();
                    assertTrue(client.isClosedByServer());
                }
            }
            try (var client = client().going("disk")) {
                client.out.write(new byte[NbdRequest.SIZE_BYTES]);
                client.out.flush();
                assertTrue(client.isClosedByServer());
            }
            try (var client = client().going("disk")) {
                client.request(NbdProtocol.CMD_WRITE, 0, 1, 0, 0xffff_ffffL);
                assertTrue(client.isClosedByServer());
            }
            Await.until(
                    "the connection was counted",
                    () -> count("weft_nbd_garbage_connections") == garbage.length + 2);
            honest.request(NbdProtocol.CMD_READ, 0, 9, 0, 4096);
            assertEquals(new Reply(9, NbdProtocol.OK), honest.reply());
            honest.in.readNBytes(4096);
            assertFalse(disk.isClosed());
        }
    }

    @Test
    void randomBytesNeverBreakTheServer() throws Exception {
        long seed = Long.getLong("weft.seed", new Random().nextLong());
        System.out.println("NbdServerTest -Dweft.seed=" + seed);
        var random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            try (var client = client()) {
                if (random.nextBoolean()) {
                    client.going("disk");
                }
                byte[] bytes = new byte[random.nextInt(200)];
                random.nextBytes(bytes);
                if (bytes.length > 4 && random.nextBoolean()) {
                    ByteBuffer.wrap(bytes).putInt(NbdProtocol.REQUEST_MAGIC);
                }
                client.out.write(bytes);
                client.out.flush();
            } catch (java.net.SocketException e) {
                assertTrue(String.valueOf(e.getMessage()).length() > 0); // it closed on us first
            }
        }
        try (var client = client().going("disk")) {
            client.request(NbdProtocol.CMD_FLUSH, 0, 1, 0, 0);
            assertEquals(new Reply(1, NbdProtocol.OK), client.reply());
        }
        Await.until(
                "all connections are closed",
                () -> registry.get("weft_nbd_open_connections").gauge().value() == 0);
        Await.until(
                "nothing is in flight",
                () -> registry.get("weft_nbd_in_flight_bytes").gauge().value() == 0);
    }

    @Test
    void illegalRequestsAreRefusedAndTheConnectionGoesOn() throws Exception {
        long size = 64L * MIB;
        try (var client = client().going("disk")) {
            record Bad(int type, int flags, long offset, long length, int error) {}
            for (Bad bad :
                    List.of(
                            new Bad(NbdProtocol.CMD_READ, 0, size, 1, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_READ, 0, -4096, 4096, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_READ, 0, 0, 33L * MIB, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_READ, 0x8000, 0, 1, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_WRITE_ZEROES, 0, 1, size, NbdProtocol.ENOSPC),
                            new Bad(NbdProtocol.CMD_WRITE_ZEROES, 32, 0, 1, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_TRIM, 0, size, 1, NbdProtocol.EINVAL),
                            new Bad(NbdProtocol.CMD_FLUSH, 0, 1, 0, NbdProtocol.EINVAL),
                            new Bad(99, 0, 0, 0, NbdProtocol.EINVAL))) {
                client.request(bad.type, bad.flags, 7, bad.offset, bad.length);
                assertEquals(new Reply(7, bad.error), client.reply(), bad::toString);
            }
            client.request(NbdProtocol.CMD_WRITE, 0, 8, size - 2, 4);
            client.out.write(new byte[] {1, 2, 3, 4});
            client.request(NbdProtocol.CMD_READ, 0, 9, size - 2, 2);
            assertEquals(new Reply(8, NbdProtocol.ENOSPC), client.reply());
            assertEquals(new Reply(9, NbdProtocol.OK), client.reply());
            assertArrayEquals(new byte[2], client.in.readNBytes(2), "nothing was written");
        }
        try (var client = client().going("image")) {
            client.request(NbdProtocol.CMD_WRITE, 0, 1, 0, 3);
            client.out.write(new byte[] {1, 2, 3});
            client.request(NbdProtocol.CMD_TRIM, 0, 2, 0, 3);
            assertEquals(new Reply(1, NbdProtocol.EPERM), client.reply());
            assertEquals(new Reply(2, NbdProtocol.EPERM), client.reply());
        }
        assertEquals(0, image.bytes()[0]);
    }

    @Test
    void zeroesAndTrimsReachAcrossFourGibibytes(@TempDir Path folder) throws IOException {
        exports.add(
                "big",
                () -> {
                    try {
                        return CompletableFuture.completedFuture(
                                new SparseFileVolume(folder.resolve("big"), 1L << 40));
                    } catch (IOException e) {
                        return CompletableFuture.failedFuture(e);
                    }
                });
        long longest = 0xffff_ffffL;
        try (var client = client().going("big")) {
            client.request(NbdProtocol.CMD_WRITE, 0, 1, 100, 1);
            client.out.write(9);
            client.request(NbdProtocol.CMD_TRIM, 0, 2, 1L << 39, longest);
            assertEquals(NbdProtocol.OK, client.reply().error());
            assertEquals(NbdProtocol.OK, client.reply().error());
            int fast = NbdProtocol.CMD_FLAG_FAST_ZERO;
            client.request(NbdProtocol.CMD_WRITE_ZEROES, fast, 3, 0, longest);
            assertEquals(new Reply(3, NbdProtocol.OK), client.reply());
            client.request(NbdProtocol.CMD_READ, 0, 4, 100, 1);
            assertEquals(new Reply(4, NbdProtocol.OK), client.reply());
            assertEquals(0, client.in.read());
        }
    }

    @Test
    void repliesComeInTheOrderOfTheVolumeAndEveryRequestHasOne() throws Exception {
        disk.hold();
        try (var client = client().going("disk")) {
            for (int i = 0; i < 100; i++) {
                client.request(NbdProtocol.CMD_WRITE, 0, i, i * 4096L, 4096);
                byte[] block = new byte[4096];
                Arrays.fill(block, (byte) (i + 1));
                client.out.write(block);
            }
            client.out.flush();
            Await.until("operations are held", () -> disk.heldCount() == 100);
            disk.release(new Random(3));
            Set<Long> answered = new HashSet<>();
            long first = client.reply().cookie();
            answered.add(first);
            for (int i = 1; i < 100; i++) {
                Reply reply = client.reply();
                assertEquals(NbdProtocol.OK, reply.error());
                answered.add(reply.cookie());
            }
            assertEquals(100, answered.size());
            assertTrue(first != 0, "the volume's order, not the client's");
        }
        for (int i = 0; i < 100; i++) {
            assertEquals((byte) (i + 1), disk.bytes()[i * 4096 + 4095]);
        }
    }

    @Test
    void aClientThatSendsMoreThanThereIsRoomForIsNotReadFrom() throws Exception {
        disk.hold();
        int requests = 6; // of 32 MiB: a connection may have two in flight
        try (var client = client().going("disk")) {
            Thread sender =
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    for (int i = 0; i < requests; i++) {
                                        client.request(NbdProtocol.CMD_WRITE, 0, i, 0, 32L * MIB);
                                        client.out.write(new byte[32 * MIB]);
                                    }
                                    client.out.flush();
                                } catch (IOException e) {
                                    throw new java.io.UncheckedIOException(e);
                                }
                            });
            Await.until("operations are held", () -> disk.heldCount() == 2);
            assertEquals(64.0 * MIB, registry.get("weft_nbd_in_flight_bytes").gauge().value());
            assertTrue(sender.isAlive(), "the sender feels it");
            disk.release(new Random(1));
            for (int i = 0; i < requests; i++) {
                assertEquals(NbdProtocol.OK, client.reply().error());
            }
            sender.join();
        }
    }

    @Test
    void aForcedWriteIsFlushedBeforeItIsAnswered() throws Exception {
        try (var client = client().going("disk")) {
            client.request(NbdProtocol.CMD_WRITE, NbdProtocol.CMD_FLAG_FUA, 1, 0, 1);
            client.out.write(1);
            client.out.flush();
            assertEquals(NbdProtocol.OK, client.reply().error());
            assertEquals(1, disk.flushCount());
        }
    }

    @Test
    void failuresOfTheVolumeHaveTheirErrorNumbers() throws Exception {
        try (var client = client().going("disk")) {
            int[][] expected = {
                {VolumeException.Reason.NO_SPACE.ordinal(), NbdProtocol.ENOSPC},
                {VolumeException.Reason.READ_ONLY.ordinal(), NbdProtocol.EPERM},
                {VolumeException.Reason.CORRUPT.ordinal(), NbdProtocol.EIO},
                {VolumeException.Reason.CLOSED.ordinal(), NbdProtocol.ESHUTDOWN},
            };
            for (int[] pair : expected) {
                disk.failWith(VolumeException.Reason.values()[pair[0]]);
                client.request(NbdProtocol.CMD_READ, 0, 4, 0, 512);
                assertEquals(new Reply(4, pair[1]), client.reply());
            }
        }
    }

    @Test
    void aFencedVolumeEndsEveryConnectionOfItsExportWithoutAnIoError() throws Exception {
        try (var one = client().going("disk");
                var other = client().going("disk");
                var elsewhere = client().going("image")) {
            disk.failWith(VolumeException.Reason.FENCED);
            one.request(NbdProtocol.CMD_READ, 0, 1, 0, 512);
            assertTrue(one.in.read() < 0, "no reply at all");
            assertTrue(other.in.read() < 0);
            Await.until("the disk is closed", disk::isClosed);
            assertEquals(List.of("image"), exports.names());
            elsewhere.request(NbdProtocol.CMD_FLUSH, 0, 2, 0, 0);
            assertEquals(new Reply(2, NbdProtocol.OK), elsewhere.reply());
        }
    }

    @Test
    void aRemovedExportAnswersWhatIsInFlightThenCloses() throws Exception {
        disk.hold();
        try (var client = client().going("disk")) {
            client.request(NbdProtocol.CMD_READ, 0, 1, 0, 512);
            Await.until("operations are held", () -> disk.heldCount() == 1);
            assertTrue(exports.remove("disk"));
            assertFalse(disk.isClosed());
            client.request(NbdProtocol.CMD_FLUSH, 0, 2, 0, 0);
            assertEquals(new Reply(2, NbdProtocol.ESHUTDOWN), client.reply());
            disk.release(new Random(1));
            assertEquals(new Reply(1, NbdProtocol.OK), client.reply());
            client.in.readNBytes(512);
            assertTrue(client.in.read() < 0);
        }
        Await.until("the disk is closed", disk::isClosed);
        assertFalse(exports.remove("disk"));
    }

    @Test
    void aVolumeThatCannotBeOpenedIsRefusedAndTriedAgain() throws Exception {
        exports.remove("disk");
        boolean[] isBroken = {true};
        exports.add(
                "disk",
                () ->
                        isBroken[0]
                                ? CompletableFuture.failedFuture(new IOException("on purpose"))
                                : CompletableFuture.completedFuture(disk));
        try (var client = client().greeted(3)) {
            client.option(NbdProtocol.OPT_GO, NbdClient.wanted("disk"));
            assertEquals(NbdProtocol.REP_ERR_SHUTDOWN, client.optionReply().type());
            isBroken[0] = false;
            client.option(NbdProtocol.OPT_INFO, NbdClient.wanted("disk"));
            assertEquals(NbdProtocol.REP_INFO, client.optionReply().type());
        }
        assertThrows(
                IllegalStateException.class,
                () -> exports.add("disk", () -> CompletableFuture.completedFuture(disk)));
    }

    @Test
    void anAddressInUseIsNamedInTheError() {
        var refused =
                assertThrows(
                        IOException.class,
                        () ->
                                new NbdServer(server.address(), exports, Optional.empty(), registry)
                                        .close());
        assertTrue(
                String.valueOf(refused.getMessage())
                        .contains("127.0.0.1:" + server.address().getPort()),
                refused::toString);
    }
}
