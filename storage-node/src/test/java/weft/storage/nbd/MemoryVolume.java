package weft.storage.nbd;

import org.jspecify.annotations.Nullable;

import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/// A volume in memory that completes at once, or when it is told to and in an order of its own.
final class MemoryVolume implements BlockVolume {
    private final byte[] bytes;
    private final boolean isReadOnly;
    private final List<Runnable> held = new ArrayList<>();
    private boolean isHolding;
    private boolean isClosed;
    private int flushCount;
    VolumeException.@Nullable Reason failure;

    MemoryVolume(int sizeBytes, boolean isReadOnly) {
        bytes = new byte[sizeBytes];
        this.isReadOnly = isReadOnly;
    }

    byte[] bytes() {
        return bytes;
    }

    synchronized boolean isClosed() {
        return isClosed;
    }

    synchronized int flushCount() {
        return flushCount;
    }

    /// From now on operations wait for [#letGo].
    synchronized void hold() {
        isHolding = true;
    }

    synchronized int heldCount() {
        return held.size();
    }

    /// Completes what waits, shuffled, on this thread.
    void letGo(Random random) {
        List<Runnable> all;
        synchronized (this) {
            isHolding = false;
            all = new ArrayList<>(held);
            held.clear();
        }
        Collections.shuffle(all, random);
        all.forEach(Runnable::run);
    }

    private CompletableFuture<Void> run(Runnable effect) {
        var done = new CompletableFuture<Void>();
        Runnable operation =
                () -> {
                    VolumeException.Reason why = failure;
                    if (why != null) {
                        done.completeExceptionally(new VolumeException(why, "on purpose"));
                        return;
                    }
                    synchronized (this) {
                        effect.run();
                    }
                    done.complete(null);
                };
        synchronized (this) {
            if (isHolding) {
                held.add(operation);
                return done;
            }
        }
        operation.run();
        return done;
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
    }

    @Override
    public boolean isReadOnly() {
        return isReadOnly;
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        return run(() -> destination.put(bytes, (int) offsetBytes, destination.remaining()));
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return run(() -> source.get(bytes, (int) offsetBytes, source.remaining()));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return run(() ->
                java.util.Arrays.fill(
                        bytes, (int) offsetBytes, (int) (offsetBytes + lengthBytes), (byte) 0));
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return writeZeroes(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> flush() {
        return run(() -> flushCount++);
    }

    @Override
    public synchronized void close() {
        isClosed = true;
    }
}
