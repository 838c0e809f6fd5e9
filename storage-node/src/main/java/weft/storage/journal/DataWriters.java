package weft.storage.journal;

import weft.runtime.BootClock;
import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.SlowShare;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/// Writes and forces the bytes that records rely on, those of several records at once: a device is
/// fast by what it has to do at the same time, and journal groups go on meanwhile.
///
/// What a record's bytes cost: a file opened, one copy to where the device takes it from, a system
/// call for each 512 KiB and one that forces them.
final class DataWriters {
    /// For each disk. Few of them have two cores busy already.
    private static final int THREADS = 4;

    /// Large writes together take their time; only what is stuck says something of the disk.
    private static final long SLOW_NANOS = 500_000_000;

    /// As long as it is written the file is locked, and a loop with a small write to it waits.
    private static final int PART_BYTES_MAX = 512 << 10;

    private final Disk disk;
    private final ThreadPoolExecutor threads;
    private volatile boolean isAbandoned;
    private final ConcurrentLinkedQueue<Place> places = new ConcurrentLinkedQueue<>();
    private final List<SlowShare> slow = new CopyOnWriteArrayList<>();

    /// What a write needs, for one at a time.
    ///
    /// @param buffer aligned as the device wants it
    private record Place(ByteBuffer buffer, SlowShare slow) {}

    /// @param name of the store, for its threads
    DataWriters(Disk disk, String name) {
        this.disk = disk;
        var count = new AtomicInteger();
        threads =
                new ThreadPoolExecutor(
                        THREADS,
                        THREADS,
                        0,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        task ->
                                Thread.ofPlatform()
                                        .name("data-" + name + "-" + count.incrementAndGet())
                                        .daemon(true)
                                        .unstarted(task));
    }

    /// Starts the threads and makes their buffers (2 MiB): later, in the midst of an append, that
    /// might fail.
    void start() {
        int started = threads.prestartAllCoreThreads();
        for (int i = 0; i < started; i++) {
            places.add(newPlace());
        }
    }

    private Place newPlace() {
        var place =
                new Place(
                        ByteBuffer.allocateDirect(PART_BYTES_MAX + Disk.ALIGNMENT_BYTES)
                                .alignedSlice(Disk.ALIGNMENT_BYTES),
                        new SlowShare(SLOW_NANOS));
        slow.add(place.slow());
        return place;
    }

    /// See [GroupCommit#slowPercent].
    int slowPercent(long nowNanos) {
        return slow.stream().mapToInt(share -> share.percent(nowNanos)).max().orElse(0);
    }

    /// See [GroupCommit#busyPercent]: of the busiest.
    int busyPercent(long nowNanos) {
        return slow.stream().mapToInt(share -> share.busyPercent(nowNanos)).max().orElse(0);
    }

    /// Writes and forces them soon.
    ///
    /// @param done hears of it, or of the failure, on another thread
    void begin(DataBytes data, Runnable done, Consumer<IOException> failed) {
        Runnable task =
                () -> {
                    try {
                        if (isAbandoned) {
                            return;
                        }
                        write(data);
                    } catch (IOException e) {
                        failed.accept(e);
                        return;
                    } catch (RuntimeException | Error e) {
                        // Without a word everybody would wait for it.
                        failed.accept(new IOException("large writes cannot be written: " + e, e));
                        return;
                    }
                    done.run();
                };
        try {
            threads.execute(task);
        } catch (RejectedExecutionException e) {
            // Closed meanwhile: the record is dropped, too.
            assert threads.isShutdown();
        }
    }

    /// Writes and forces them before it returns.
    void write(DataBytes data) throws IOException {
        Place free = places.poll();
        Place place = free == null ? newPlace() : free;
        ByteBuffer buffer = place.buffer();
        place.slow().begin(BootClock.SYSTEM.nowNanos());
        try (DiskFile file = disk.open(data.file(), Disk.Use.DATA)) {
            ByteBuffer bytes = data.bytes();
            for (int at = 0; at < bytes.remaining(); at += buffer.limit()) {
                buffer.clear().limit(Math.min(PART_BYTES_MAX, bytes.remaining() - at));
                buffer.put(0, bytes, bytes.position() + at, buffer.limit());
                file.write(buffer, data.positionBytes() + at);
            }
            file.force();
        } catch (NoSuchFileException e) {
            // No file is deleted while a record that is to come names it: the disk is gone.
            throw new IOException("chunk file %s is gone".formatted(data.file()), e);
        } finally {
            place.slow().end(BootClock.SYSTEM.nowNanos());
            places.add(place);
        }
        for (String folder : data.folders()) {
            disk.forceFolder(folder);
        }
    }

    /// What was not begun is left.
    void abandon() {
        isAbandoned = true;
    }

    /// Takes no more, and waits for what it has: whoever opens the files next must not find them
    /// written to.
    void close() {
        threads.shutdown();
        boolean interrupted = false;
        while (!threads.isTerminated()) {
            try {
                var _ = threads.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
