package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/// Storage nodes as processes of their own, killed or stopped while they are written to.
@Tag("long")
@Timeout(300)
class KilledNodeTest {
    private static final int BLOCKS = 4096;
    private static final int WRITERS = 8;
    private static final long STALL_NANOS_MAX = 5_000_000_000L;

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    /// The last generation acknowledged, and the last asked for, of each block; a block belongs to
    /// one writer.
    private final AtomicLong[] acknowledged = new AtomicLong[BLOCKS];

    private final AtomicLong[] asked = new AtomicLong[BLOCKS];
    private final AtomicLong lastCompletionNanos = new AtomicLong();
    private final AtomicLong worstGapNanos = new AtomicLong();
    private final AtomicLong completions = new AtomicLong();
    private volatile boolean writing = true;

    private final StorageNodeProcess[] nodes = new StorageNodeProcess[LocalCluster.REPLICAS + 1];
    private final long seed = Long.getLong("weft.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final Thread[] writers = new Thread[WRITERS];
    private LocalCluster cluster;
    private PoolClient client;
    private BlockVolume volume;

    @BeforeEach
    void start() throws Exception {
        System.out.println("seed " + seed);
        for (int i = 0; i < BLOCKS; i++) {
            acknowledged[i] = new AtomicLong();
            asked[i] = new AtomicLong();
        }
        cluster = new LocalCluster(folder, 4, 2);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            nodes[i] = StorageNodeProcess.start(cluster, i);
        }
        cluster.placeGroups();
        client = cluster.client("client");
        Volume record = cluster.createVolume("disk", BLOCKS * 4096L);
        volume = client.open(client.claim(record, "test"));
        lastCompletionNanos.set(System.nanoTime());
        for (int w = 0; w < WRITERS; w++) {
            int writer = w;
            writers[w] = Thread.ofVirtual().start(() -> write(writer));
        }
        awaitCompletions(500);
    }

    @AfterEach
    void stop() throws Exception {
        writing = false;
        for (StorageNodeProcess node : nodes) {
            if (node != null) {
                node.kill();
            }
        }
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void nothingAcknowledgedIsLostWhenAnyNodeIsKilled() throws Exception {
        for (int round = 0; round < 4; round++) {
            int victim = 1 + (round + (int) (seed & 1)) % LocalCluster.REPLICAS;
            awaitCompletions(random.nextInt(1000));
            worstGapNanos.set(0);
            nodes[victim].kill();
            awaitCompletions(500);
            long gap = worstGapNanos.get();
            System.out.printf("node%d killed: pause %d ms%n", victim, gap / 1_000_000);
            assertTrue(gap < STALL_NANOS_MAX, "a pause of " + gap + " ns");
            nodes[victim] = StorageNodeProcess.start(cluster, victim);
            awaitFullGroups();
        }
        endAndVerify();
    }

    @Test
    void nothingAcknowledgedIsLostWhenAllNodesAreKilledAtOnce() throws Exception {
        for (int round = 0; round < 2; round++) {
            awaitCompletions(random.nextInt(1000));
            for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
                nodes[i].kill();
            }
            for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
                nodes[i] = StorageNodeProcess.start(cluster, i);
            }
            awaitCompletions(500);
            awaitFullGroups();
        }
        endAndVerify();
    }

    @Test
    void aNodeThatHangsIsReplacedAndLearnsOfItWhenItWakes() throws Exception {
        for (int victim = 1; victim <= 2; victim++) {
            worstGapNanos.set(0);
            nodes[victim].signal("STOP");
            awaitCompletions(500);
            long gap = worstGapNanos.get();
            System.out.printf("node%d stopped: pause %d ms%n", victim, gap / 1_000_000);
            assertTrue(gap < 2 * STALL_NANOS_MAX, "a pause of " + gap + " ns");
            // The others have taken over: it must not believe that it is still the primary.
            awaitCompletions(random.nextInt(3000));
            nodes[victim].signal("CONT");
            awaitFullGroups();
        }
        endAndVerify();
    }

    private void endAndVerify() throws Exception {
        writing = false;
        for (Thread writer : writers) {
            writer.join();
        }
        verify();
        cluster.awaitWhole(client);
        System.out.println(completions.get() + " writes");
    }

    private void write(int writer) {
        var choices = new Random(seed + writer);
        while (writing) {
            int block = choices.nextInt(BLOCKS / WRITERS) * WRITERS + writer;
            long generation = asked[block].incrementAndGet();
            volume.write(block * 4096L, content(block, generation)).join();
            acknowledged[block].set(generation);
            long now = System.nanoTime();
            long gap = now - lastCompletionNanos.getAndSet(now);
            worstGapNanos.accumulateAndGet(gap, Math::max);
            completions.incrementAndGet();
        }
    }

    private ByteBuffer content(int block, long generation) {
        byte[] bytes = new byte[4096];
        new Random(seed * 31 + block * 1_000_003L + generation).nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
    }

    private void awaitCompletions(int more) throws Exception {
        long goal = completions.get() + more;
        Await.until(more + " more writes are done", () -> completions.get() >= goal);
    }

    private void awaitFullGroups() throws Exception {
        Await.until(
                "all groups have all their members",
                () -> {
                    try {
                        var result = client.replicaComparison().compare();
                        return result.fullGroups() == result.groups();
                    } catch (IOException e) {
                        return false; // The node that returns does not answer yet.
                    }
                });
    }

    private void verify() throws Exception {
        for (int block = 0; block < BLOCKS; block++) {
            long generation = acknowledged[block].get();
            assertEquals(generation, asked[block].get());
            ByteBuffer found = ByteBuffer.allocate(4096);
            volume.read(block * 4096L, found).get();
            byte[] expected = generation == 0 ? new byte[4096] : content(block, generation).array();
            assertArrayEquals(
                    expected,
                    found.array(),
                    "block %d, generation %d".formatted(block, generation));
        }
    }
}
