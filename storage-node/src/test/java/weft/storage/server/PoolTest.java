package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.VolumeException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/// Three storage nodes, ZooKeeper and a client, over real sockets and disks.
@Timeout(120)
class PoolTest {
    private static final int CHUNK = 4 << 20;

    @TempDir static Path folder;
    private static LocalCluster cluster;
    private static PoolClient client;

    @BeforeAll
    static void start() throws Exception {
        cluster = new LocalCluster(folder, 3, 2);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            cluster.startNode(i);
        }
        cluster.placeGroups();
        client = cluster.client("client");
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    private static BlockVolume open(String name, long sizeBytes) throws IOException {
        Volume volume = cluster.createVolume(name, sizeBytes);
        return client.open(client.claim(volume, "test"));
    }

    private static byte[] random(int lengthBytes, long seed) {
        byte[] bytes = new byte[lengthBytes];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static byte[] read(BlockVolume volume, long offset, int length) throws Exception {
        ByteBuffer into = ByteBuffer.allocate(length);
        volume.read(offset, into).get();
        assertEquals(length, into.position());
        return into.array();
    }

    private static VolumeException.Reason reasonOf(CompletableFuture<Void> operation) {
        var failure = assertThrows(ExecutionException.class, operation::get);
        return assertInstanceOf(VolumeException.class, failure.getCause()).reason();
    }

    @Test
    void whatWasWrittenIsReadWhereverItBeginsAndEnds() throws Exception {
        int size = 5 * CHUNK;
        var model = new byte[size];
        long seed = Long.getLong("weft.seed", System.nanoTime());
        System.out.println("seed " + seed);
        var random = new Random(seed);
        try (BlockVolume volume = open("model", size)) {
            for (int step = 0; step < 150; step++) {
                int length =
                        switch (random.nextInt(4)) {
                            case 0 -> 1 + random.nextInt(100);
                            case 1 -> 4096 * (1 + random.nextInt(8));
                            case 2 -> 1 + random.nextInt(3 * 4096);
                            default -> 1 + random.nextInt(6 << 20);
                        };
                int offset = random.nextInt(size - length);
                if (random.nextBoolean()) {
                    offset &= -4096;
                }
                String what = "seed %d step %d: %d+%d".formatted(seed, step, offset, length);
                switch (random.nextInt(5)) {
                    case 0, 1 -> {
                        byte[] bytes = random(length, step);
                        System.arraycopy(bytes, 0, model, offset, length);
                        volume.write(offset, ByteBuffer.wrap(bytes)).get();
                    }
                    case 2 -> {
                        Arrays.fill(model, offset, offset + length, (byte) 0);
                        volume.writeZeroes(offset, length).get();
                    }
                    case 3 -> {
                        int from = (offset + 4095) & -4096;
                        int to = Math.max(from, (offset + length) & -4096);
                        Arrays.fill(model, from, to, (byte) 0);
                        volume.discard(offset, length).get();
                    }
                    default -> {
                        byte[] expected = Arrays.copyOfRange(model, offset, offset + length);
                        assertArrayEquals(expected, read(volume, offset, length), what);
                    }
                }
            }
            assertArrayEquals(model, read(volume, 0, size), "seed " + seed);
        }
    }

    @Test
    void requestsBeyondTheEndOrOfNoLengthBehaveAsOnADisk() throws Exception {
        try (BlockVolume volume = open("edges", 8192)) {
            assertEquals(
                    VolumeException.Reason.OUT_OF_RANGE,
                    reasonOf(volume.read(8191, ByteBuffer.allocate(2))));
            assertEquals(
                    VolumeException.Reason.OUT_OF_RANGE,
                    reasonOf(volume.write(Long.MAX_VALUE, ByteBuffer.allocate(1))));
            assertEquals(VolumeException.Reason.OUT_OF_RANGE, reasonOf(volume.writeZeroes(-1, 1)));
            assertEquals(
                    VolumeException.Reason.OUT_OF_RANGE,
                    reasonOf(volume.discard(1, Long.MAX_VALUE)));
            volume.read(8192, ByteBuffer.allocate(0)).get();
            volume.write(0, ByteBuffer.allocate(0)).get();
            volume.flush().get();
            assertArrayEquals(new byte[8192], read(volume, 0, 8192));
        }
    }

    @Test
    void manyWritesInParallelAllTakeEffect() throws Exception {
        int count = 2000;
        try (BlockVolume volume = open("parallel", count * 4096L)) {
            var writes = new CompletableFuture<?>[count];
            for (int i = 0; i < count; i++) {
                writes[i] = volume.write(i * 4096L, ByteBuffer.wrap(random(4096, i)));
            }
            CompletableFuture.allOf(writes).get();
            for (int i = 0; i < count; i++) {
                assertArrayEquals(random(4096, i), read(volume, i * 4096L, 4096), "block " + i);
            }
        }
    }

    @Test
    void aNewHolderFencesTheOld() throws Exception {
        Volume record = cluster.createVolume("fenced", 4 * CHUNK);
        PoolClient other = cluster.client("other");
        BlockVolume first = client.open(client.claim(record, "first"));
        first.write(0, ByteBuffer.wrap(random(4096, 1))).get();
        BlockVolume second = other.open(other.claim(record, "second"));
        assertEquals(
                VolumeException.Reason.FENCED,
                reasonOf(first.write(0, ByteBuffer.wrap(random(4096, 2)))));
        assertEquals(VolumeException.Reason.FENCED, reasonOf(first.flush()));
        assertArrayEquals(random(4096, 1), read(second, 0, 4096));
        second.write(0, ByteBuffer.wrap(random(4096, 3))).get();
        assertArrayEquals(random(4096, 3), read(client.openReadOnly(record), 0, 4096));
        first.close();
        second.close();
    }

    @Test
    void aReadOnlyVolumeTakesNoWrites() throws Exception {
        Volume record = cluster.createVolume("image", CHUNK);
        try (BlockVolume volume = client.openReadOnly(record)) {
            assertEquals(
                    VolumeException.Reason.READ_ONLY,
                    reasonOf(volume.write(0, ByteBuffer.allocate(1))));
            assertArrayEquals(new byte[4096], read(volume, 0, 4096));
        }
    }

    @Test
    void replicasAreEqualWhenNothingIsWritten() throws Exception {
        try (BlockVolume volume = open("equal", 20 * CHUNK)) {
            for (int i = 0; i < 20; i++) {
                volume.write(i * (long) CHUNK + i * 5000, ByteBuffer.wrap(random(70_000, i))).get();
            }
        }
        cluster.awaitWhole(client);
    }

    @Test
    void theSpaceOfADeletedVolumeComesBack() throws Exception {
        Volume record = cluster.createVolume("deleted", 2 * CHUNK);
        try (BlockVolume volume = client.open(client.claim(record, "test"))) {
            volume.write(0, ByteBuffer.wrap(random(2 * CHUNK, 1))).get();
        }
        cluster.records.delete(FabricPaths.volume("deleted"));
        BlockVolume ghost = client.openReadOnly(record);
        Await.until(
                "both chunks read as zeroes",
                () ->
                        Arrays.equals(new byte[4096], read(ghost, 0, 4096))
                                && Arrays.equals(new byte[4096], read(ghost, CHUNK, 4096)));
    }
}
