package weft.ops.bench.disk;

import org.jspecify.annotations.Nullable;

import weft.runtime.BootClock;
import weft.volume.BlockVolume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/// One load through our own client, as a VM host has it: each answer brings the next request.
final class NativeRun {
    private static final int SLACK_SECONDS = 60;

    private final BlockVolume volume;
    private final DiskLoad load;
    private final long blocks;
    private final long endNanos;
    private final CountDownLatch running;
    private final AtomicLong nextBlock = new AtomicLong();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    private NativeRun(BlockVolume volume, DiskLoad load, int seconds) {
        this.volume = volume;
        this.load = load;
        blocks = volume.sizeBytes() / load.blockBytes();
        endNanos = BootClock.SYSTEM.nowNanos() + seconds * 1_000_000_000L;
        running = new CountDownLatch(load.depth());
    }

    /// Asks for as much as it can for so long.
    static LoadResult run(BlockVolume volume, DiskLoad load, int seconds)
            throws IOException, InterruptedException {
        return new NativeRun(volume, load, seconds).run(seconds);
    }

    private LoadResult run(int seconds) throws IOException, InterruptedException {
        var slots = new Slot[load.depth()];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new Slot(i);
        }
        long startNanos = BootClock.SYSTEM.nowNanos();
        for (Slot slot : slots) {
            slot.next();
        }
        if (!running.await(seconds + SLACK_SECONDS, TimeUnit.SECONDS)) {
            throw new IOException("requests were not answered within a minute");
        }
        double tookSeconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        Throwable cause = failure.get();
        if (cause != null) {
            throw new IOException("a request failed: " + cause.getMessage(), cause);
        }
        long[] nanos =
                Arrays.stream(slots)
                        .flatMapToLong(slot -> Arrays.stream(slot.nanos, 0, slot.count))
                        .toArray();
        return new LoadResult(nanos.length, tookSeconds, LoadResult.Latency.of(nanos));
    }

    /// One of the requests under way.
    private final class Slot {
        private final SplittableRandom random;
        private final ByteBuffer buffer;
        private long[] nanos = new long[1024];
        private int count;

        Slot(int number) {
            random = new SplittableRandom(number);
            var bytes = new byte[load.blockBytes()];
            random.nextBytes(bytes);
            buffer = ByteBuffer.wrap(bytes);
        }

        void next() {
            long askedNanos = BootClock.SYSTEM.nowNanos();
            if (askedNanos >= endNanos || failure.get() != null) {
                running.countDown();
                return;
            }
            ask().whenComplete((_, trouble) -> {
                if (trouble != null) {
                    failure.compareAndSet(null, trouble);
                } else {
                    add(BootClock.SYSTEM.nowNanos() - askedNanos);
                }
                next();
            });
        }

        private CompletableFuture<Void> ask() {
            long block =
                    load.pattern().isRandom()
                            ? random.nextLong(blocks)
                            : nextBlock.getAndIncrement() % blocks;
            long offsetBytes = block * load.blockBytes();
            buffer.clear();
            return load.pattern().writes()
                    ? volume.write(offsetBytes, buffer)
                    : volume.read(offsetBytes, buffer);
        }

        private void add(long took) {
            if (count == nanos.length) {
                nanos = Arrays.copyOf(nanos, 2 * count);
            }
            nanos[count++] = took;
        }
    }
}
