package weft.storage.journal;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/// Writes the bytes that records rely on to their files, in order, while the journal's thread
/// forces and records those before.
///
/// What bytes cost: one copy, to where the device takes them from, and one system call for each 512
/// KiB; opening the file, for each record.
final class DataWriter {
    /// As long as it is written the file is locked, and a loop with a small write to it waits.
    private static final int PART_BYTES = 512 << 10;

    private static final Task END = new Task(null, () -> {});

    private final Disk disk;
    private final Consumer<IOException> onFailure;
    private final ByteBuffer part;
    private final Thread thread;

    // The journal's queue bounds it.
    private final BlockingQueue<Task> queue = new LinkedBlockingQueue<>();

    private record Task(@Nullable DataBytes data, Runnable written) {}

    /// @param onFailure hears of the write that failed, after which nothing is written
    DataWriter(Disk disk, String name, Consumer<IOException> onFailure) {
        this.disk = disk;
        this.onFailure = onFailure;
        part =
                ByteBuffer.allocateDirect(PART_BYTES + Disk.ALIGNMENT_BYTES)
                        .alignedSlice(Disk.ALIGNMENT_BYTES)
                        .slice(0, PART_BYTES);
        thread = Thread.ofPlatform().name("data-" + name).daemon(true).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /// @param written runs on this writer's thread once the bytes are in their file, unforced
    void add(DataBytes data, Runnable written) {
        queue.add(new Task(data, written));
    }

    private void run() {
        try {
            for (Task next = queue.take(); next != END; next = queue.take()) {
                write(next);
            }
        } catch (InterruptedException e) {
            onFailure.accept(new IOException("the thread that writes data was interrupted", e));
        } catch (IOException e) {
            onFailure.accept(e);
        } catch (RuntimeException | Error e) {
            // This thread must not end without a word: everybody would wait for it.
            onFailure.accept(new IOException("data cannot be written: " + e, e));
        }
    }

    /// Writes what waits. For callers that drive the journal themselves; does nothing once started.
    void writeWaiting() throws IOException {
        if (thread.getState() == Thread.State.NEW) {
            for (Task next = queue.poll(); next != null; next = queue.poll()) {
                write(next);
            }
        }
    }

    private void write(Task task) throws IOException {
        DataBytes data = task.data();
        if (data != null) {
            try (DiskFile file = open(disk, data.file())) {
                int end = data.lengthBytes();
                for (int at = 0; at < end; at += part.position()) {
                    part.clear().limit(Math.min(PART_BYTES, end - at));
                    part.put(0, data.bytes(), data.bytes().position() + at, part.limit());
                    file.write(part, data.positionBytes() + at);
                }
            }
        }
        task.written().run();
    }

    /// Opens a file for such bytes, or to force them.
    static DiskFile open(Disk disk, String name) throws IOException {
        try {
            return disk.open(name, Disk.Use.DATA);
        } catch (NoSuchFileException e) {
            // No file is deleted while a record that is to come names it: the disk is gone.
            throw new IOException("chunk file %s is gone".formatted(name), e);
        }
    }

    /// Nothing that waits is written any more.
    void abandon() {
        queue.clear();
        queue.add(END);
    }

    /// Writes what waits, then stops.
    void end() {
        queue.add(END);
    }

    /// After [#end] or [#abandon].
    void awaitEnd() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
