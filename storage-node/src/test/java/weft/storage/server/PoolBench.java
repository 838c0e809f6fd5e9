package weft.storage.server;

import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.volume.BlockVolume;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;

/// Measures a pool of three nodes in this process through the client, by hand: `java …
/// weft.storage.server.PoolBench <empty folder> [seconds]`. Prints IOPS.
final class PoolBench {
    private static final int VOLUME_BYTES = 256 << 20;

    private PoolBench() {}

    public static void main(String[] args) throws Exception {
        int seconds = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        try (var cluster = new LocalCluster(Path.of(args[0]), 4, 2)) {
            for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
                cluster.startNode(i);
            }
            cluster.placeGroups();
            letPass(5);
            long idleStart = cpuNanos();
            letPass(10);
            System.out.printf(
                    "node-idle-cpu  %.2f %% of a core for three nodes, ZooKeeper and a client%n",
                    (cpuNanos() - idleStart) / 1e8);
            var client = cluster.client("client");
            Volume record = cluster.createVolume("bench", VOLUME_BYTES);
            try (BlockVolume volume = client.open(client.claim(record, "bench"))) {
                for (long at = 0; at < VOLUME_BYTES; at += 1 << 20) {
                    volume.write(at, random(1 << 20, at)).get();
                }
                for (int round = 0; round < 2; round++) {
                    run("write4k-qd1", volume, true, 1, 4096, seconds);
                    run("write4k-qd32", volume, true, 32, 4096, seconds);
                    run("read4k-qd1", volume, false, 1, 4096, seconds);
                    run("read4k-qd32", volume, false, 32, 4096, seconds);
                    run("write1m-qd8", volume, true, 8, 1 << 20, seconds);
                    run("read1m-qd8", volume, false, 8, 1 << 20, seconds);
                }
            }
        }
        System.exit(0);
    }

    private static void letPass(int seconds) throws Exception {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        Await.until(seconds + " s have passed", () -> System.nanoTime() >= end);
    }

    private static ByteBuffer random(int lengthBytes, long seed) {
        byte[] bytes = new byte[lengthBytes];
        new Random(seed).nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
    }

    private static long cpuNanos() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .map(java.time.Duration::toNanos)
                .orElse(0L);
    }

    private static void run(
            String name, BlockVolume volume, boolean write, int depth, int bytes, int seconds)
            throws Exception {
        var slots = new Semaphore(depth);
        var done = new AtomicLong();
        var choices = new Random(1);
        ByteBuffer source = random(bytes, 2);
        long start = System.nanoTime();
        long cpuStart = cpuNanos();
        long end = start + seconds * 1_000_000_000L;
        while (System.nanoTime() < end) {
            slots.acquire();
            long offset = (long) choices.nextInt(VOLUME_BYTES / bytes) * bytes;
            var operation =
                    write
                            ? volume.write(offset, source.duplicate())
                            : volume.read(offset, ByteBuffer.allocate(bytes));
            operation.whenComplete((_, failure) -> {
                if (failure != null) {
                    failure.printStackTrace();
                }
                done.incrementAndGet();
                slots.release();
            });
        }
        slots.acquire(depth);
        double elapsed = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                "%-14s %8.0f IOPS %8.1f MB/s %8.0f µs of CPU each, servers and client%n",
                name,
                done.get() / elapsed,
                done.get() / elapsed * bytes / 1e6,
                (cpuNanos() - cpuStart) / 1e3 / done.get());
    }
}
