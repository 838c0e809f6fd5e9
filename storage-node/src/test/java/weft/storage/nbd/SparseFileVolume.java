package weft.storage.nbd;

import weft.volume.BlockVolume;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// A volume in a file that grows as it is written; operations run in parallel on a few threads. As
/// big as anyone likes: zeroing what was never written costs nothing.
final class SparseFileVolume implements BlockVolume {
    private final FileChannel file;
    private final long sizeBytes;
    private final ExecutorService threads = Executors.newFixedThreadPool(2);

    SparseFileVolume(Path path, long sizeBytes) throws IOException {
        file =
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        this.sizeBytes = sizeBytes;
    }

    @FunctionalInterface
    private interface FileOperation {
        void run() throws IOException;
    }

    private CompletableFuture<Void> run(FileOperation operation) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        operation.run();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                threads);
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        return run(() -> {
            long at = offsetBytes;
            while (destination.hasRemaining()) {
                int count = file.read(destination, at);
                if (count < 0) {
                    while (destination.hasRemaining()) {
                        destination.put((byte) 0); // beyond what was ever written
                    }
                }
                at += Math.max(0, count);
            }
        });
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return run(() -> {
            long at = offsetBytes;
            while (source.hasRemaining()) {
                at += file.write(source, at);
            }
        });
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return run(() -> {
            // Only what the file has: the rest is a hole already.
            long end = Math.min(offsetBytes + lengthBytes, file.size());
            for (long at = offsetBytes; at < end; ) {
                at += file.write(ByteBuffer.allocate((int) Math.min(1 << 20, end - at)), at);
            }
        });
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return writeZeroes(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> flush() {
        return run(() -> file.force(false));
    }

    @Override
    public void close() {
        threads.close();
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
