package weft.volume;

import weft.fabric.ChunkKey;
import weft.wire.CountedMemory;
import weft.wire.storage.BlockState;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;

/// A virtual disk as its users see it: VM disks, the NBD server, image import.
///
/// All operations are asynchronous, may run in parallel and may complete in any order, on any
/// thread; a completion must not block. A write is durable on all in-sync replicas when its future
/// completes, so [#flush()] only orders. Offsets and lengths are in bytes and need no alignment.
///
/// Expected failures complete the future with a [VolumeException]: its reason tells fencing from
/// the end of the disk from a full pool. A fenced or unreachable volume is never an I/O error to a
/// guest: the caller freezes.
public interface BlockVolume extends AutoCloseable {
    /// The longest range of a [#map].
    long MAP_BYTES_MAX = 256L << 20;

    /// Size in bytes, now.
    long sizeBytes();

    /// Has the listener called after each change of the size, on any thread; it must not block.
    default void onResize(Runnable listener) {}

    /// Whether writes are refused.
    boolean isReadOnly();

    /// Fills `destination` from its position to its limit with the bytes at `offsetBytes`. The
    /// buffer belongs to the volume until the future completes; position is then at the limit.
    CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination);

    /// Whether [#readNow] is worth a try.
    default boolean readsNow() {
        return false;
    }

    /// Reads what needs no waiting for anything, into memory outside of the heap, before it
    /// returns. Called by one thread at a time.
    ///
    /// @param vectors an array of `struct iovec` (address 8, length 8), valid during the call
    /// @param count of its elements
    /// @return how many bytes were read, from the first one on; for the rest there is [#read]
    default long readNow(long offsetBytes, MemorySegment vectors, int count) {
        return 0;
    }

    /// Writes `source` from its position to its limit. The buffer belongs to the volume until the
    /// future completes.
    CompletableFuture<Void> write(long offsetBytes, ByteBuffer source);

    /// The same of a buffer whose bytes do not change as long as its memory is held: they need no
    /// copy, and may still be sent after the write failed.
    ///
    /// @param memory in which it lies; the caller holds it until the future completes
    default CompletableFuture<Void> writeGiven(
            long offsetBytes, ByteBuffer source, CountedMemory memory) {
        return write(offsetBytes, source);
    }

    /// Makes the range read as zeroes and gives its space back where whole blocks are covered.
    /// `lengthBytes` may be as large as the disk: no buffer of that size is made.
    CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes);

    /// Gives the range's space back; it reads as zeroes afterwards (whole blocks only; the rest of
    /// the range is left as it is).
    CompletableFuture<Void> discard(long offsetBytes, long lengthBytes);

    /// Finds out what is there: for each block of 4 KiB that the range touches, a code of
    /// [BlockState]. A volume that cannot tell says that all is data.
    ///
    /// @param lengthBytes at most [#MAP_BYTES_MAX]
    default CompletableFuture<byte[]> map(long offsetBytes, long lengthBytes) {
        long first = offsetBytes / ChunkKey.BLOCK_BYTES;
        long end = (offsetBytes + lengthBytes + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
        byte[] states = new byte[(int) (end - first)];
        Arrays.fill(states, BlockState.DATA.code());
        return CompletableFuture.completedFuture(states);
    }

    /// Completes when every write completed before the call is durable.
    CompletableFuture<Void> flush();

    /// Lets go of the volume; operations in flight complete or fail first.
    @Override
    void close();
}
