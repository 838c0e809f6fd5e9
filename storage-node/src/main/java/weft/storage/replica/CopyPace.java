package weft.storage.replica;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import weft.fabric.ChunkKey;

/// How fast chunks are copied to one store, for all of its groups that catch up together: the disks
/// are there for clients, and unpaced copying took more than half of their writes (docs/scale.md).
/// The more the two disks of a copy do for writers, the slower.
///
/// A chunk is paid for with time when it is asked for, as if all of it were to come, and what did
/// not come is given back. Whoever asks first goes on, so some groups are whole before others
/// begin.
///
/// Thread-safe.
public final class CopyPace {
    /// Where the disks have nothing else to do.
    private static final long BYTES_PER_SECOND_MAX = 128L << 20;

    /// In any case.
    private static final long BYTES_PER_SECOND_MIN = 8L << 20;

    @GuardedBy("this")
    private long freeNanos = Long.MIN_VALUE / 2;

    /// Whether a chunk may be asked for now; if so, it is paid for.
    ///
    /// @param busyPercent of the busier of the two disks; see [ReplicaDisk#busyPercent]
    synchronized boolean begin(int busyPercent, long nowNanos) {
        if (nowNanos < freeNanos) {
            return false;
        }
        freeNanos = nowNanos + nanosOf(ChunkKey.CHUNK_BYTES, busyPercent);
        return true;
    }

    /// A chunk that was asked for has come, with so many bytes.
    synchronized void came(long bytes, int busyPercent) {
        freeNanos -= nanosOf(ChunkKey.CHUNK_BYTES - bytes, busyPercent);
    }

    private static long nanosOf(long bytes, int busyPercent) {
        return bytes * 1_000_000_000 / bytesPerSecond(busyPercent);
    }

    /// From the greatest to the least by the square of what is left of the disks' time.
    static long bytesPerSecond(int busyPercent) {
        long left = 100 - Math.clamp(busyPercent, 0, 100);
        long span = BYTES_PER_SECOND_MAX - BYTES_PER_SECOND_MIN;
        return BYTES_PER_SECOND_MIN + span * left * left / 10_000;
    }
}
