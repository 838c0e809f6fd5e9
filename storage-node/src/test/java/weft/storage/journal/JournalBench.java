package weft.storage.journal;

import weft.storage.disk.FileDisk;
import weft.storage.disk.StoreIdentity;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/// Measures journal appends on a real disk: `JournalBench FOLDER [SECONDS]` prints, for 4 KiB
/// records at depth 1 and 32, records per second, mean and 99th percentile latency, and records per
/// device write.
public final class JournalBench {
    private static final int RECORD_BYTES = 4096;
    private static final int SAMPLES_MAX = 1 << 20;

    private JournalBench() {}

    /// Runs the measurement.
    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory(Path.of(arguments[0]), "journal-bench");
        int seconds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
        var identity = new StoreIdentity(UUID.randomUUID(), UUID.randomUUID());
        var journal =
                GroupCommit.open(
                        new FileDisk(folder),
                        identity,
                        JournalSettings.DEFAULT,
                        1,
                        (record, epoch) -> {},
                        e -> {
                            throw new IllegalStateException(e);
                        });
        journal.start();
        for (int depth : new int[] {1, 32, 1, 32}) {
            measure(journal, depth, seconds);
        }
        journal.close();
        try (var files = Files.walk(folder)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private static void measure(GroupCommit journal, int depth, int seconds) throws Exception {
        var free = new ArrayBlockingQueue<ByteBuffer>(depth);
        for (int i = 0; i < depth; i++) {
            free.add(ByteBuffer.allocate(RECORD_BYTES));
        }
        long[] latencies = new long[SAMPLES_MAX];
        var count = new AtomicLong();
        long groupsBefore = journal.groupsWritten();
        long start = System.nanoTime();
        long end = start + seconds * 1_000_000_000L;
        long recycled = journal.currentEpoch();
        while (System.nanoTime() < end) {
            ByteBuffer record = free.take();
            long began = System.nanoTime();
            journal.append(
                    List.of(record),
                    () -> {
                        int index = (int) (count.getAndIncrement() % SAMPLES_MAX);
                        latencies[index] = System.nanoTime() - began;
                        free.add(record);
                    });
            if (journal.currentEpoch() > recycled) {
                recycled = journal.currentEpoch();
                journal.recycleBefore(recycled, 0);
            }
        }
        journal.flush();
        double elapsed = (System.nanoTime() - start) / 1e9;
        int samples = (int) Math.min(count.get(), SAMPLES_MAX);
        long[] sorted = Arrays.copyOf(latencies, samples);
        Arrays.sort(sorted);
        System.out.printf(
                "depth %2d: %,9.0f records/s, mean %6.0f us, p50 %6.0f us, p99 %6.0f us, %5.1f"
                        + " records per device write%n",
                depth,
                count.get() / elapsed,
                Arrays.stream(sorted).average().orElse(0) / 1e3,
                sorted[samples / 2] / 1e3,
                sorted[(int) (samples * 0.99)] / 1e3,
                (double) count.get() / (journal.groupsWritten() - groupsBefore));
    }
}
