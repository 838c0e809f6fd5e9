package weft.vmhost.agent;

import org.jspecify.annotations.Nullable;

import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/// A disk that is known before it may be used: the destination of a migration builds its machine
/// with it, and binds it to the pool's volume once it holds the token. Until then requests are not
/// done; the virtio disk keeps them and tries again.
final class HandoverVolume implements BlockVolume {
    private final long sizeBytesBefore;
    private final List<Runnable> resizeListeners = new CopyOnWriteArrayList<>();
    private volatile @Nullable BlockVolume bound;

    /// @param sizeBytes until it is bound
    HandoverVolume(long sizeBytes) {
        sizeBytesBefore = sizeBytes;
    }

    /// From here on requests go to the volume, which is closed with this one.
    void bind(BlockVolume volume) {
        assert bound == null;
        bound = volume;
        volume.onResize(this::resized);
        if (volume.sizeBytes() != sizeBytesBefore) {
            resized();
        }
    }

    @Override
    public long sizeBytes() {
        BlockVolume volume = bound;
        return volume == null ? sizeBytesBefore : volume.sizeBytes();
    }

    @Override
    public void onResize(Runnable listener) {
        resizeListeners.add(listener);
    }

    private void resized() {
        resizeListeners.forEach(Runnable::run);
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    private <T> CompletableFuture<T> through(Function<BlockVolume, CompletableFuture<T>> request) {
        BlockVolume volume = bound;
        return volume != null
                ? request.apply(volume)
                : CompletableFuture.failedFuture(
                        new VolumeException(
                                VolumeException.Reason.TIMED_OUT, "the disk is not here yet"));
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        return through(volume -> volume.read(offsetBytes, destination));
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return through(volume -> volume.write(offsetBytes, source));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return through(volume -> volume.writeZeroes(offsetBytes, lengthBytes));
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return through(volume -> volume.discard(offsetBytes, lengthBytes));
    }

    @Override
    public CompletableFuture<Void> flush() {
        return through(BlockVolume::flush);
    }

    @Override
    public void close() {
        BlockVolume volume = bound;
        if (volume != null) {
            volume.close();
        }
    }
}
