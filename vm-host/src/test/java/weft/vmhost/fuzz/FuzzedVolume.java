package weft.vmhost.fuzz;

import weft.fixtures.MemoryVolume;
import weft.volume.BlockVolume;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/// A disk that tells when it is called, and has a part of its content at hand.
final class FuzzedVolume implements BlockVolume {
    private final MemoryVolume disk;
    private final Runnable called;
    private final long atHandBytes;

    /// @param atHandBytes what [#readNow] reads at most; none if negative
    FuzzedVolume(MemoryVolume disk, Runnable called, long atHandBytes) {
        this.disk = disk;
        this.called = called;
        this.atHandBytes = atHandBytes;
    }

    @Override
    public long sizeBytes() {
        return disk.sizeBytes();
    }

    @Override
    public boolean isReadOnly() {
        return disk.isReadOnly();
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        called.run();
        return disk.read(offsetBytes, destination);
    }

    @Override
    public boolean readsNow() {
        return atHandBytes >= 0;
    }

    @Override
    @SuppressWarnings("restricted")
    public long readNow(long offsetBytes, MemorySegment vectors, int count) {
        called.run();
        long done = 0;
        for (int i = 0; i < count; i++) {
            long address = vectors.get(ValueLayout.JAVA_LONG, 16L * i);
            long length = vectors.get(ValueLayout.JAVA_LONG, 16L * i + 8);
            if (length <= 0 || done + length > atHandBytes) {
                break;
            }
            MemorySegment.copy(
                    disk.bytes(),
                    Math.toIntExact(offsetBytes + done),
                    MemorySegment.ofAddress(address).reinterpret(length),
                    ValueLayout.JAVA_BYTE,
                    0,
                    Math.toIntExact(length));
            done += length;
        }
        return done;
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        called.run();
        return disk.write(offsetBytes, source);
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        called.run();
        return disk.writeZeroes(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        called.run();
        return disk.discard(offsetBytes, lengthBytes);
    }

    @Override
    public CompletableFuture<Void> flush() {
        called.run();
        return disk.flush();
    }

    @Override
    public void close() {
        disk.close();
    }
}
