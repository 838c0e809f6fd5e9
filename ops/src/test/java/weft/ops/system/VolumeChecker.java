package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.jspecify.annotations.Nullable;

import weft.fixtures.Await;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;

/// Writes and reads a volume all the time, and knows what may be read.
///
/// Each block is written by one writer, with a number that grows. A read may find a number from the
/// highest that was acknowledged or read before it began to the highest that was asked for when it
/// ended, except for those that were refused for want of space: these were not written. At the end,
/// when nothing is under way, only the last acknowledged one is left.
final class VolumeChecker implements AutoCloseable {
    private static final int BLOCK = 4096;
    private static final int CHUNK_BLOCKS = 1024;

    /// Of reads and writes: mostly one block; from 16 on a store writes them to their place at
    /// once.
    private static final int[] LENGTHS = {1, 1, 1, 1, 1, 2, 7, 40};

    private static final Executor A_MOMENT_LATER =
            CompletableFuture.delayedExecutor(20, TimeUnit.MILLISECONDS);
    private static final Duration END_PATIENCE = Duration.ofSeconds(120);

    /// How long nothing was completed, and how long the slowest request took, since the last
    /// [#mark].
    record Pause(long gapNanos, long slowestNanos) {}

    private record Numbered(int block, long number) {}

    private final BlockVolume volume;
    private final int blocks;
    private final long seed;
    private final List<Thread> threads = new ArrayList<>();

    /// Of each block: the highest number asked for.
    private final AtomicLongArray asked;

    /// Of each block: the highest number that was acknowledged or read.
    private final AtomicLongArray known;

    private final Set<Numbered> refused = ConcurrentHashMap.newKeySet();
    private final AtomicLong writes = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong lastCompletionNanos = new AtomicLong(System.nanoTime());
    private final AtomicLong gapNanos = new AtomicLong();
    private final AtomicLong slowestNanos = new AtomicLong();
    private final AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();
    private volatile long writesAtRefusal;
    private volatile boolean stopped;

    /// @param writers each gets the same number of whole chunks
    VolumeChecker(BlockVolume volume, int writers, int readers, long seed) {
        this.volume = volume;
        this.seed = seed;
        int chunks = (int) (volume.sizeBytes() / BLOCK / CHUNK_BLOCKS) / writers * writers;
        blocks = chunks * CHUNK_BLOCKS;
        asked = new AtomicLongArray(blocks);
        known = new AtomicLongArray(blocks);
        for (int i = 0; i < writers; i++) {
            int first = blocks / writers * i;
            threads.add(begin(new Random(seed + i), random -> write(first, writers, random)));
        }
        for (int i = 0; i < readers; i++) {
            threads.add(begin(new Random(seed - 1 - i), this::read));
        }
    }

    private interface Turn {
        void take(Random random);
    }

    private Thread begin(Random random, Turn turn) {
        return Thread.ofVirtual()
                .start(() -> {
                    try {
                        while (!stopped) {
                            turn.take(random);
                        }
                    } catch (RuntimeException | AssertionError e) {
                        broken.compareAndSet(null, e);
                        stopped = true;
                    }
                });
    }

    private void write(int first, int writers, Random random) {
        int at = first + random.nextInt(blocks / writers);
        int count = countWithinChunk(at, random);
        ByteBuffer bytes = ByteBuffer.allocate(count * BLOCK);
        for (int block = at; block < at + count; block++) {
            put(bytes, block, asked.incrementAndGet(block));
        }
        long startNanos = System.nanoTime();
        try {
            volume.write((long) at * BLOCK, bytes.flip()).join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof VolumeException v
                    && v.reason() == VolumeException.Reason.NO_SPACE) {
                for (int block = at; block < at + count; block++) {
                    refused.add(new Numbered(block, asked.get(block)));
                }
                writesAtRefusal = writes.get();
                CompletableFuture.runAsync(() -> {}, A_MOMENT_LATER).join();
                return;
            }
            throw e;
        }
        for (int block = at; block < at + count; block++) {
            known.accumulateAndGet(block, asked.get(block), Math::max);
        }
        completed(startNanos);
        writes.incrementAndGet();
    }

    private int countWithinChunk(int at, Random random) {
        int count = LENGTHS[random.nextInt(LENGTHS.length)];
        return Math.min(count, CHUNK_BLOCKS - at % CHUNK_BLOCKS);
    }

    private void read(Random random) {
        int at = random.nextInt(blocks);
        read(at, countWithinChunk(at, random));
        reads.incrementAndGet();
    }

    private void read(int at, int count) {
        long[] lowest = new long[count];
        for (int i = 0; i < count; i++) {
            lowest[i] = known.get(at + i);
        }
        ByteBuffer found = ByteBuffer.allocate(count * BLOCK);
        volume.read((long) at * BLOCK, found).join();
        found.flip();
        for (int i = 0; i < count; i++) {
            int block = at + i;
            long number = numberOf(block, found.slice(i * BLOCK, BLOCK));
            if (number < lowest[i] || number > asked.get(block)) {
                throw new AssertionError(
                        "seed %d: block %d has number %d, which is not in %d..%d"
                                .formatted(seed, block, number, lowest[i], asked.get(block)));
            }
            if (refused.contains(new Numbered(block, number))) {
                throw new AssertionError(
                        "seed %d: block %d has number %d, which was refused"
                                .formatted(seed, block, number));
            }
            known.accumulateAndGet(block, number, Math::max);
        }
    }

    private void completed(long startNanos) {
        long now = System.nanoTime();
        gapNanos.accumulateAndGet(now - lastCompletionNanos.getAndSet(now), Math::max);
        slowestNanos.accumulateAndGet(now - startNanos, Math::max);
    }

    // Each long of a block is made of all that identifies it; a block never written is zero.

    private long word(int block, long number, int index) {
        long mixed = (seed * 31 + block) * 0x9e3779b97f4a7c15L + number;
        return index == 0 ? number : mixed * 0xbf58476d1ce4e5b9L + index;
    }

    private void put(ByteBuffer bytes, int block, long number) {
        for (int i = 0; i < BLOCK / Long.BYTES; i++) {
            bytes.putLong(word(block, number, i));
        }
    }

    private long numberOf(int block, ByteBuffer found) {
        long number = found.getLong(0);
        for (int i = 1; i < BLOCK / Long.BYTES; i++) {
            long expected = number == 0 ? 0 : word(block, number, i);
            if (found.getLong(i * Long.BYTES) != expected) {
                throw new AssertionError(
                        "seed %d: block %d is of number %d, but not from byte %d on"
                                .formatted(seed, block, number, i * Long.BYTES));
            }
        }
        return number;
    }

    // For who does harm.

    long writes() {
        return writes.get();
    }

    long reads() {
        return reads.get();
    }

    long refusals() {
        return refused.size();
    }

    /// Fails if something was wrong up to now.
    void check() {
        Throwable wrong = broken.get();
        if (wrong != null) {
            throw new AssertionError(String.valueOf(wrong.getMessage()), wrong);
        }
    }

    /// Measures pauses anew.
    void mark() {
        gapNanos.set(0);
        slowestNanos.set(0);
    }

    Pause pause() {
        return new Pause(gapNanos.get(), slowestNanos.get());
    }

    void awaitWrites(int more, Duration patience) throws Exception {
        long goal = writes.get() + more;
        Await.until(
                more + " more writes are done",
                patience,
                () -> {
                    check();
                    return writes.get() >= goal;
                });
    }

    void awaitRefusal(Duration patience) throws Exception {
        int before = refused.size();
        Await.until("a write is refused", patience, () -> refused.size() > before);
    }

    /// Waits until so many writes in turn were not refused.
    void awaitNoRefusal(int writesInTurn, Duration patience) throws Exception {
        Await.until(
                "writes are not refused any more",
                patience,
                () -> {
                    check();
                    return writes.get() >= writesAtRefusal + writesInTurn;
                });
    }

    /// Stops, and compares everything.
    void finish() throws Exception {
        stopped = true;
        for (Thread thread : threads) {
            assertTrue(thread.join(END_PATIENCE), "a request does not end");
        }
        check();
        for (int block = 0; block < blocks; block++) {
            assertTrue(
                    known.get(block) == asked.get(block)
                            || refused.contains(new Numbered(block, asked.get(block))),
                    "block " + block + " was written, and not known of");
        }
        for (int at = 0; at < blocks; at += CHUNK_BLOCKS / 4) {
            read(at, CHUNK_BLOCKS / 4);
        }
    }

    @Override
    public void close() {
        stopped = true;
    }
}
