package weft.volume;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/// A virtual disk in one raw file of this machine, for a guest that runs outside of any fabric.
///
/// Weaker than the pool in one point: a write is durable when a later [#flush()] completes, not
/// before, as with any disk that has a cache. Guests know such disks.
public final class FileVolume implements BlockVolume {
    private static final int THREADS = 4;
    private static final int ZEROES_BYTES = 1 << 20;

    private final Path file;
    private final FileChannel channel;
    private final PageCacheReads cached;
    private final long sizeBytes;
    private final boolean readOnly;
    private final ExecutorService workers;

    private FileVolume(
            Path file,
            FileChannel channel,
            PageCacheReads cached,
            long sizeBytes,
            boolean readOnly) {
        this.file = file;
        this.channel = channel;
        this.cached = cached;
        this.sizeBytes = sizeBytes;
        this.readOnly = readOnly;
        workers =
                Executors.newFixedThreadPool(
                        THREADS,
                        Thread.ofPlatform().daemon(true).name("disk-" + file.getFileName() + "-", 0)
                                ::unstarted);
    }

    /// Opens a file for this process alone; for reading only if it cannot be written.
    ///
    /// @throws IOException if there is no such file, it is empty, or another process has it open
    public static FileVolume open(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IOException("disk '" + file + "' is not a file");
        }
        boolean readOnly = !Files.isWritable(file);
        FileChannel channel =
                readOnly
                        ? FileChannel.open(file, StandardOpenOption.READ)
                        : FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            if (!readOnly) {
                lock(file, channel);
            }
            long sizeBytes = channel.size() / 512 * 512;
            if (sizeBytes == 0) {
                throw new IOException("disk '" + file + "' is smaller than a sector");
            }
            return new FileVolume(file, channel, PageCacheReads.open(file), sizeBytes, readOnly);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    @SuppressWarnings("resource") // The lock lives as long as the channel.
    private static void lock(Path file, FileChannel channel) throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            throw new IOException("disk '" + file + "' is in use by this process", e);
        }
        if (lock == null) {
            throw new IOException("disk '" + file + "' is in use by another process");
        }
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean isReadOnly() {
        return readOnly;
    }

    @FunctionalInterface
    private interface Operation {
        void run() throws IOException;
    }

    private CompletableFuture<Void> submit(long offset, long length, Operation operation) {
        if (offset < 0 || length < 0 || offset > sizeBytes || length > sizeBytes - offset) {
            return refused(VolumeException.Reason.OUT_OF_RANGE, "range ends beyond the disk");
        }
        if (workers.isShutdown()) {
            return refused(VolumeException.Reason.CLOSED, "closed");
        }
        var done = new CompletableFuture<Void>();
        workers.execute(() -> {
            try {
                operation.run();
                done.complete(null);
            } catch (IOException | RuntimeException e) {
                done.completeExceptionally(e);
            }
        });
        return done;
    }

    private CompletableFuture<Void> change(long offset, long length, Operation operation) {
        return readOnly
                ? refused(VolumeException.Reason.READ_ONLY, "open for reading only")
                : submit(offset, length, operation);
    }

    private CompletableFuture<Void> refused(VolumeException.Reason reason, String what) {
        return CompletableFuture.failedFuture(
                new VolumeException(reason, "disk '" + file + "': " + what));
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        return submit(
                offsetBytes, destination.remaining(), () -> readFully(offsetBytes, destination));
    }

    @Override
    public boolean readsNow() {
        return true;
    }

    @Override
    public long readNow(long offsetBytes, MemorySegment vectors, int count) {
        return workers.isShutdown() ? 0 : cached.read(offsetBytes, vectors, count);
    }

    private void readFully(long offsetBytes, ByteBuffer destination) throws IOException {
        long position = offsetBytes;
        while (destination.hasRemaining()) {
            int count = channel.read(destination, position);
            if (count < 0) {
                throw new VolumeException(
                        VolumeException.Reason.CORRUPT,
                        "disk '%s' has been cut while in use: %d bytes of %d are left"
                                .formatted(file, channel.size(), sizeBytes));
            }
            position += count;
        }
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return change(offsetBytes, source.remaining(), () -> writeFully(offsetBytes, source));
    }

    private void writeFully(long offsetBytes, ByteBuffer source) throws IOException {
        long position = offsetBytes;
        while (source.hasRemaining()) {
            position += channel.write(source, position);
        }
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return change(offsetBytes, lengthBytes, () -> clear(offsetBytes, lengthBytes));
    }

    /// Writes only where there is something, so that a sparse file stays sparse.
    private void clear(long offsetBytes, long lengthBytes) throws IOException {
        ByteBuffer present = ByteBuffer.allocate((int) Math.min(ZEROES_BYTES, lengthBytes));
        ByteBuffer zeroes = ByteBuffer.allocate(present.capacity());
        for (long done = 0; done < lengthBytes; done += present.capacity()) {
            int length = (int) Math.min(present.capacity(), lengthBytes - done);
            readFully(offsetBytes + done, present.clear().limit(length));
            if (present.flip().mismatch(zeroes.clear().limit(length)) >= 0) {
                writeFully(offsetBytes + done, zeroes);
            }
        }
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return writeZeroes(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> flush() {
        return submit(0, 0, () -> channel.force(false));
    }

    @Override
    public void close() {
        workers.shutdown();
        try {
            workers.awaitTermination(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        cached.close();
        try {
            channel.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException("disk '" + file + "' cannot be closed", e);
        }
    }
}
