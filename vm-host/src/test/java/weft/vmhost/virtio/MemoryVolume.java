package weft.vmhost.virtio;

import org.jspecify.annotations.Nullable;

import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;

/// A disk in memory that answers when told to, or fails as told.
public final class MemoryVolume implements BlockVolume {
    private final byte[] bytes;
    private final Queue<Runnable> waiting = new ArrayDeque<>();
    private boolean holding;
    private VolumeException.@Nullable Reason failure;
    private int flushes;

    public MemoryVolume(int sizeBytes) {
        bytes = new byte[sizeBytes];
    }

    public byte[] bytes() {
        return bytes;
    }

    public int flushes() {
        return flushes;
    }

    public int waiting() {
        return waiting.size();
    }

    public void hold() {
        holding = true;
    }

    public void failWith(VolumeException.@Nullable Reason reason) {
        failure = reason;
    }

    public void release() {
        holding = false;
        while (!waiting.isEmpty()) {
            waiting.remove().run();
        }
    }

    private CompletableFuture<Void> perform(Runnable work) {
        var done = new CompletableFuture<Void>();
        Runnable task =
                () -> {
                    VolumeException.Reason reason = failure;
                    if (reason != null) {
                        done.completeExceptionally(new VolumeException(reason, "as told"));
                    } else {
                        work.run();
                        done.complete(null);
                    }
                };
        if (holding) {
            waiting.add(task);
        } else {
            task.run();
        }
        return done;
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        return perform(() -> destination.put(bytes, (int) offsetBytes, destination.remaining()));
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return perform(() -> source.get(bytes, (int) offsetBytes, source.remaining()));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return perform(() ->
                java.util.Arrays.fill(
                        bytes, (int) offsetBytes, (int) (offsetBytes + lengthBytes), (byte) 0));
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return writeZeroes(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> flush() {
        return perform(() -> flushes++);
    }

    @Override
    public void close() {}
}
