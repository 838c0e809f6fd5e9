package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.storage.journal.JournalSettings;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.StoreSettings;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/// Failures that need no process of its own.
@Timeout(120)
class PoolFailuresTest {
    private static final int CHUNK = 4 << 20;

    @TempDir Path folder;

    private static LocalCluster started(LocalCluster cluster) throws Exception {
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            cluster.startNode(i);
        }
        cluster.placeGroups();
        return cluster;
    }

    private static byte[] random(int lengthBytes, long seed) {
        byte[] bytes = new byte[lengthBytes];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static byte[] read(BlockVolume volume, long offset, int length) throws Exception {
        ByteBuffer into = ByteBuffer.allocate(length);
        volume.read(offset, into).get();
        return into.array();
    }

    @Test
    void aFullPoolRefusesWritesAndTakesThemAgainWhenSpaceIsGivenBack() throws Exception {
        var journal =
                new JournalSettings(8 << 20, 1 << 20, (4 << 20) + (64 << 10), 16L << 20, 64L << 20);
        var cluster = new LocalCluster(folder, 2, 2);
        cluster.storeSettings =
                new StoreSettings(
                        journal, 96L << 20, 1 << 20, 16L << 20, 1000, 1 << 20, 64, 64 << 10);
        try (var _ = started(cluster)) {
            Volume record = cluster.createVolume("large", 64 * CHUNK);
            PoolClient client = cluster.client("client");
            try (BlockVolume volume = client.open(client.claim(record, "test"))) {
                int written = 0;
                VolumeException.Reason refused = null;
                while (refused == null) {
                    try {
                        volume.write(
                                        written * (long) CHUNK,
                                        ByteBuffer.wrap(random(CHUNK, written)))
                                .join();
                        written++;
                    } catch (CompletionException e) {
                        refused = assertInstanceOf(VolumeException.class, e.getCause()).reason();
                    }
                }
                assertEquals(VolumeException.Reason.NO_SPACE, refused);
                for (int i = 0; i < written; i++) {
                    assertArrayEquals(
                            random(CHUNK, i), read(volume, i * (long) CHUNK, CHUNK), "chunk " + i);
                }
                volume.discard(0, written * (long) CHUNK).get();
                // The nodes tell each other of their space with beats.
                Await.until(
                        "the space that was given back is there",
                        () ->
                                volume.write(0, ByteBuffer.wrap(random(CHUNK, 99)))
                                        .handle((_, failure) -> failure == null)
                                        .get());
                assertArrayEquals(random(CHUNK, 99), read(volume, 0, CHUNK));
            }
        }
    }

    @Test
    void anOperationOnADeadPoolEndsAtItsDeadline() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 1, 2))) {
            Volume record = cluster.createVolume("disk", CHUNK);
            PoolClient client = cluster.client("client");
            var claimed = client.claim(record, "test");
            var patience = Optional.of(Duration.ofMillis(700));
            try (BlockVolume volume = client.open(claimed, patience)) {
                volume.write(0, ByteBuffer.wrap(random(4096, 1))).get();
                for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
                    cluster.stopNode(i);
                }
                var failed =
                        volume.write(0, ByteBuffer.wrap(random(4096, 2)))
                                .handle((_, failure) -> failure)
                                .get(20, TimeUnit.SECONDS);
                assertEquals(
                        VolumeException.Reason.TIMED_OUT,
                        assertInstanceOf(VolumeException.class, failed).reason());
            }
        }
    }

    /// A node that is stopped says so when it is done: nobody waits for its leases.
    @Test
    void aNodeThatStopsInOrderIsNotWaitedFor() throws Exception {
        var cluster = new LocalCluster(folder, 2, 2);
        cluster.replicaSettings =
                new ReplicaSettings(250, 100_000, 110_000, 500, 500, 60_000, 1024, 64L << 20, 1024);
        try (var _ = started(cluster)) {
            Volume record = cluster.createVolume("disk", 8 * CHUNK);
            PoolClient client = cluster.client("client");
            try (BlockVolume volume = client.open(client.claim(record, "test"))) {
                for (int stopped = 1; stopped <= LocalCluster.REPLICAS; stopped++) {
                    writeAll(volume, stopped);
                    cluster.stopNode(stopped);
                    writeAll(volume, 10 + stopped);
                    cluster.startNode(stopped);
                    cluster.awaitWhole(client);
                }
            }
        }
    }

    /// Or whoever is stopped last would be the only member, and the others had to copy from it.
    @Test
    void nodesThatAreAllStoppedStayMembers() throws Exception {
        var cluster = new LocalCluster(folder, 2, 2);
        cluster.replicaSettings =
                new ReplicaSettings(250, 100_000, 110_000, 500, 500, 60_000, 1024, 64L << 20, 1024);
        try (var _ = started(cluster)) {
            Volume record = cluster.createVolume("disk", 8 * CHUNK);
            PoolClient client = cluster.client("client");
            var patience = Optional.of(Duration.ofMillis(1_500));
            try (BlockVolume volume = client.open(client.claim(record, "test"), patience)) {
                writeAll(volume, 1);
                cluster.stopNode(1);
                cluster.stopNode(2);
                // All that time the last one could do without them.
                assertThrows(CompletionException.class, () -> volume.write(0, block(7)).join());
                cluster.stopNode(3);
                for (int pg = 0; pg < 4; pg++) {
                    assertTrue(cluster.configuration(pg).members().size() >= 2);
                }
                for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
                    cluster.startNode(node);
                }
                cluster.awaitWhole(client);
                for (int i = 1; i < 8; i++) {
                    assertArrayEquals(random(4096, 100 + i), read(volume, i * (long) CHUNK, 4096));
                }
            }
        }
    }

    private static ByteBuffer block(int seed) {
        return ByteBuffer.wrap(random(4096, seed));
    }

    private static void writeAll(BlockVolume volume, int seed) throws Exception {
        for (int i = 0; i < 8; i++) {
            byte[] bytes = random(4096, 100L * seed + i);
            long offset = i * (long) CHUNK;
            volume.write(offset, ByteBuffer.wrap(bytes)).get(20, TimeUnit.SECONDS);
            ByteBuffer into = ByteBuffer.allocate(bytes.length);
            volume.read(offset, into).get(20, TimeUnit.SECONDS);
            assertArrayEquals(bytes, into.array());
        }
    }

    @Test
    void ioGoesOnWhileTheCoordinationIsAwayAndAfterItReturns() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 2, 2))) {
            Volume record = cluster.createVolume("disk", 8 * CHUNK);
            PoolClient client = cluster.client("client");
            try (BlockVolume volume = client.open(client.claim(record, "test"))) {
                // Each group once, so that the client knows all configurations. A primary reads
                // only when its leases and its version are settled.
                for (int i = 0; i < 8; i++) {
                    volume.write(i * (long) CHUNK, ByteBuffer.wrap(random(4096, i))).get();
                    assertArrayEquals(random(4096, i), read(volume, i * (long) CHUNK, 4096));
                }
                cluster.stopZooKeeper();
                for (int i = 0; i < 200; i++) {
                    long offset = i % 8 * (long) CHUNK + 4096;
                    volume.write(offset, ByteBuffer.wrap(random(4096, 100 + i)))
                            .get(20, TimeUnit.SECONDS);
                    assertArrayEquals(random(4096, 100 + i), read(volume, offset, 4096));
                }
                cluster.startZooKeeper();
                // A failure after the return needs the coordination: the others take over.
                cluster.stopNode(1);
                for (int i = 0; i < 8; i++) {
                    volume.write(i * (long) CHUNK, ByteBuffer.wrap(random(4096, 300 + i))).get();
                    assertArrayEquals(random(4096, 300 + i), read(volume, i * (long) CHUNK, 4096));
                }
            }
        }
    }

    @Test
    void aStoreThatFailsIsReplacedByTheOthersAndItsProcessLives() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 2, 2))) {
            Volume record = cluster.createVolume("disk", 8 * CHUNK);
            PoolClient client = cluster.client("client");
            try (BlockVolume volume = client.open(client.claim(record, "test"))) {
                for (int i = 0; i < 8; i++) {
                    volume.write(i * (long) CHUNK, ByteBuffer.wrap(random(4096, i))).get();
                }
                // Its folder of chunks turns into a file: no new one can be made, none forced.
                Path chunks = cluster.folderOf(2).resolve("chunks");
                Path aside = cluster.folderOf(2).resolve("aside");
                Files.move(chunks, aside);
                Files.createFile(chunks);
                Await.until(
                        "node 2 is out of all groups",
                        () -> {
                            for (int i = 0; i < 8; i++) {
                                byte[] bytes = random(4096, 100 + i);
                                long offset = i * (long) CHUNK + 4096;
                                volume.write(offset, ByteBuffer.wrap(bytes))
                                        .get(20, TimeUnit.SECONDS);
                                assertArrayEquals(bytes, read(volume, offset, 4096));
                            }
                            boolean in = false;
                            for (int pg = 0; pg < 4; pg++) {
                                in |= cluster.isMember(pg, 2);
                            }
                            return !in;
                        });
                assertTrue(cluster.registry.counter("weft.storage.replica.failures").count() > 0);
                assertEquals(1, cluster.registry.counter("weft.storage.store.failures").count());
                cluster.stopNode(2);
                Files.delete(chunks);
                Files.move(aside, chunks);
                cluster.startNode(2);
                cluster.awaitWhole(client);
                for (int i = 0; i < 8; i++) {
                    long offset = i * (long) CHUNK;
                    assertArrayEquals(random(4096, i), read(volume, offset, 4096));
                    assertArrayEquals(random(4096, 100 + i), read(volume, offset + 4096, 4096));
                }
            }
        }
    }

    @Test
    void aReadThatBeginsWhileTheCoordinationIsAwayIsDoneWhenItReturns() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 1, 2))) {
            Volume record = cluster.createVolume("disk", CHUNK);
            PoolClient writer = cluster.client("writer");
            try (BlockVolume volume = writer.open(writer.claim(record, "test"))) {
                volume.write(0, ByteBuffer.wrap(random(4096, 1))).get();
            }
            // This client knows no configuration yet.
            BlockVolume volume = cluster.client("reader").openReadOnly(record);
            cluster.stopZooKeeper();
            ByteBuffer into = ByteBuffer.allocate(4096);
            var read = volume.read(0, into);
            cluster.startZooKeeper();
            read.get(60, TimeUnit.SECONDS);
            assertArrayEquals(random(4096, 1), into.array());
        }
    }

    @Test
    void aRequestEndsOrIsRetriedWhateverGoesWrongOnItsWay() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 1, 2))) {
            Volume record = cluster.createVolume("disk", CHUNK);
            var failing = new FailingView(cluster.store, 3);
            BlockVolume volume = cluster.client("client", failing).openReadOnly(record);
            assertArrayEquals(new byte[4096], read(volume, 0, 4096));
            assertEquals(0, failing.failuresLeft());
            // The answer does not fit into what the caller gave.
            var readOnly = ByteBuffer.allocate(4096).asReadOnlyBuffer();
            var failed =
                    volume.read(0, readOnly)
                            .handle((_, failure) -> failure)
                            .get(20, TimeUnit.SECONDS);
            assertInstanceOf(ReadOnlyBufferException.class, failed);
        }
    }

    @Test
    void aNodeThatMissedWritesHasThemWhenItIsBack() throws Exception {
        try (var cluster = started(new LocalCluster(folder, 2, 2))) {
            Volume record = cluster.createVolume("disk", 8 * CHUNK);
            PoolClient client = cluster.client("client");
            try (BlockVolume volume = client.open(client.claim(record, "test"))) {
                volume.write(0, ByteBuffer.wrap(random(8 * CHUNK, 1))).get();
                cluster.stopNode(2);
                for (int i = 0; i < 8; i++) {
                    volume.write(i * (long) CHUNK + 8192, ByteBuffer.wrap(random(4096, i))).get();
                }
                volume.discard(4 * CHUNK, CHUNK).get();
                cluster.startNode(2);
                cluster.awaitWhole(client);
                // What it has now is all there is.
                cluster.stopNode(1);
                for (int i = 0; i < 8; i++) {
                    byte[] expected = i == 4 ? new byte[4096] : random(4096, i);
                    assertArrayEquals(
                            expected, read(volume, i * (long) CHUNK + 8192, 4096), "chunk " + i);
                }
            }
        }
    }
}
