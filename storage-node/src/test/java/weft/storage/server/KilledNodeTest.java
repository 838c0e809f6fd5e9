package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Volume;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/// Storage nodes as processes of their own, killed with -9 while they are written to.
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

    @Test
    void nothingAcknowledgedIsLostWhenAnyNodeIsKilled() throws Exception {
        long seed = Long.getLong("weft.seed", System.nanoTime());
        System.out.println("seed " + seed);
        var random = new Random(seed);
        for (int i = 0; i < BLOCKS; i++) {
            acknowledged[i] = new AtomicLong();
            asked[i] = new AtomicLong();
        }
        var nodes = new StorageNodeProcess[LocalCluster.REPLICAS + 1];
        try (var cluster = new LocalCluster(folder, 4, 2)) {
            try {
                for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
                    nodes[i] = StorageNodeProcess.start(cluster, i);
                }
                cluster.placeGroups();
                PoolClient client = cluster.client("client");
                Volume record = cluster.createVolume("disk", BLOCKS * 4096L);
                try (BlockVolume volume = client.open(record, client.claim(record, "test"))) {
                    Thread[] writers = new Thread[WRITERS];
                    lastCompletionNanos.set(System.nanoTime());
                    for (int w = 0; w < WRITERS; w++) {
                        int writer = w;
                        writers[w] = Thread.ofVirtual().start(() -> write(volume, writer, seed));
                    }
                    awaitCompletions(500);
                    for (int round = 0; round < 4; round++) {
                        int victim = 1 + (round + (int) (seed & 1)) % LocalCluster.REPLICAS;
                        Thread.sleep(random.nextInt(1000));
                        worstGapNanos.set(0);
                        nodes[victim].kill();
                        awaitCompletions(500);
                        long gap = worstGapNanos.get();
                        System.out.printf(
                                "round %d: node%d killed, worst pause %d ms%n",
                                round, victim, gap / 1_000_000);
                        assertTrue(gap < STALL_NANOS_MAX, "a pause of " + gap + " ns");
                        nodes[victim] = StorageNodeProcess.start(cluster, victim);
                        long restarted = System.nanoTime();
                        awaitFullGroups(client);
                        System.out.printf(
                                "round %d: all groups full again after %d ms%n",
                                round, (System.nanoTime() - restarted) / 1_000_000);
                    }
                    writing = false;
                    for (Thread writer : writers) {
                        writer.join();
                    }
                    verify(volume, seed);
                    awaitEqual(client);
                    System.out.println(completions.get() + " writes");
                }
            } finally {
                writing = false;
                for (StorageNodeProcess node : nodes) {
                    if (node != null) {
                        node.kill();
                    }
                }
            }
        }
    }

    private void write(BlockVolume volume, int writer, long seed) {
        var random = new Random(seed + writer);
        while (writing) {
            int block = random.nextInt(BLOCKS / WRITERS) * WRITERS + writer;
            long generation = asked[block].incrementAndGet();
            volume.write(block * 4096L, content(seed, block, generation)).join();
            acknowledged[block].set(generation);
            long now = System.nanoTime();
            long gap = now - lastCompletionNanos.getAndSet(now);
            worstGapNanos.accumulateAndGet(gap, Math::max);
            completions.incrementAndGet();
        }
    }

    private static ByteBuffer content(long seed, int block, long generation) {
        byte[] bytes = new byte[4096];
        new Random(seed * 31 + block * 1_000_003L + generation).nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
    }

    private void awaitCompletions(int more) throws InterruptedException {
        long goal = completions.get() + more;
        while (completions.get() < goal) {
            Thread.sleep(10);
        }
    }

    private static void awaitFullGroups(PoolClient client) throws Exception {
        while (true) {
            try {
                var result = client.replicaComparison().compare();
                if (result.fullGroups() == result.groups()) {
                    return;
                }
            } catch (java.io.IOException e) {
                // The node that returns does not answer yet.
            }
            Thread.sleep(100);
        }
    }

    private static void awaitEqual(PoolClient client) throws Exception {
        while (!client.replicaComparison().compare().differences().isEmpty()) {
            Thread.sleep(100);
        }
    }

    private void verify(BlockVolume volume, long seed) throws Exception {
        for (int block = 0; block < BLOCKS; block++) {
            long generation = acknowledged[block].get();
            assertEquals(generation, asked[block].get());
            ByteBuffer found = ByteBuffer.allocate(4096);
            volume.read(block * 4096L, found).get();
            byte[] expected =
                    generation == 0 ? new byte[4096] : content(seed, block, generation).array();
            assertArrayEquals(
                    expected,
                    found.array(),
                    "block %d, generation %d".formatted(block, generation));
        }
    }
}
