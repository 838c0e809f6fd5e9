package weft.storage.store;

import weft.storage.disk.Disk;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;

/// What a store may still take. New writes are refused while committed ones still fit: the reserve,
/// the journal's growth and every prepared write are kept back. Thread-safe.
///
/// `free = min(capacity − used, disk's free space − reserve) − prepared − journal still to grow`
final class SpaceBudget {
    /// The disk is asked again after so much growth.
    private static final long ASK_AGAIN_BYTES = 4L << 20;

    private final Disk disk;
    private final StoreSettings settings;
    private final AtomicLong chunkBytes = new AtomicLong();
    private final AtomicLong preparedBytes = new AtomicLong();
    private final AtomicLong grownBytes = new AtomicLong();
    private final AtomicLong unwrittenBytes = new AtomicLong();
    private volatile long diskFreeBytes;
    private volatile long journalBytes;

    SpaceBudget(Disk disk, StoreSettings settings) throws IOException {
        this.disk = disk;
        this.settings = settings;
        ask(0);
    }

    /// Asks the disk anew.
    ///
    /// @param journalBytes of all segment files
    void ask(long journalBytes) throws IOException {
        grownBytes.set(0);
        diskFreeBytes = disk.freeBytes();
        this.journalBytes = journalBytes;
    }

    void chunksChanged(long deltaBytes) {
        chunkBytes.addAndGet(deltaBytes);
        if (deltaBytes > 0) {
            grownBytes.addAndGet(deltaBytes);
        }
    }

    /// So many bytes are counted as a chunk's and not on the disk yet, whatever it answers.
    void willWrite(long bytes) {
        unwrittenBytes.addAndGet(bytes);
    }

    /// Now they are. Whether its last answer knew is not known: they count until the next one.
    void written(long bytes) {
        grownBytes.addAndGet(bytes);
        unwrittenBytes.addAndGet(-bytes);
    }

    void preparedChanged(long deltaBytes) {
        preparedBytes.addAndGet(deltaBytes);
    }

    /// Whether so much was written since the disk was asked that its answer is old.
    boolean isStale() {
        return grownBytes.get() > ASK_AGAIN_BYTES;
    }

    long chunkBytes() {
        return chunkBytes.get();
    }

    long usedBytes() {
        return chunkBytes.get() + journalBytes;
    }

    long freeBytes() {
        long journalGrowth = Math.max(0, settings.journal().liveBytesMax() - journalBytes);
        long byCapacity = settings.capacityBytes() - chunkBytes.get() - journalBytes;
        long byDisk =
                diskFreeBytes - grownBytes.get() - unwrittenBytes.get() - settings.reserveBytes();
        return Math.max(0, Math.min(byCapacity, byDisk) - preparedBytes.get() - journalGrowth);
    }
}
