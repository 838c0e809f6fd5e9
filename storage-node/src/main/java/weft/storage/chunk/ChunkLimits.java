package weft.storage.chunk;

import weft.fabric.ChunkKey;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// What all groups of one store may hold together: in memory block maps (6.5 KiB each at most) and
/// open files, on the disk space that is kept for large writes to come. A group that needs one more
/// beyond the limit gives up its own least recently used; one that has none to give may exceed it
/// by one. Thread-safe.
public final class ChunkLimits {
    /// Some 2 KiB of memory each.
    private static final int SPARE_CHUNKS_MAX = 2048;

    /// 64 MiB of maps (the maps of 39 GiB) and 512 files.
    public static ChunkLimits defaults() {
        return new ChunkLimits(64 << 20, 512);
    }

    private final int mapsMax;
    private final int filesMax;
    private final AtomicInteger maps = new AtomicInteger();
    private final AtomicInteger files = new AtomicInteger();
    private final AtomicLong spareBytes = new AtomicLong();
    private final AtomicInteger spareChunks = new AtomicInteger();
    private volatile long spareBytesMax;
    private volatile boolean keepsNoSpare;
    private final AtomicInteger filesToLookAt = new AtomicInteger();
    private volatile boolean mayHaveLeftSpace;

    /// @param mapBytesMax memory for block maps
    /// @param filesMax open chunk files
    public ChunkLimits(int mapBytesMax, int filesMax) {
        mapsMax = mapBytesMax / BlockMap.MEMORY_BYTES;
        this.filesMax = filesMax;
    }

    void mapLoaded() {
        maps.incrementAndGet();
    }

    void mapDropped() {
        maps.decrementAndGet();
    }

    void fileOpened() {
        files.incrementAndGet();
    }

    void fileClosed() {
        files.decrementAndGet();
    }

    boolean isOverMaps() {
        return maps.get() > mapsMax;
    }

    boolean isOverFiles() {
        return files.get() > filesMax;
    }

    /// A chunk has so many spare blocks where it had so many.
    void spareChanged(int blocksBefore, int blocks) {
        spareBytes.addAndGet((long) (blocks - blocksBefore) * ChunkKey.BLOCK_BYTES);
        spareChunks.addAndGet(Integer.signum(blocks) - Integer.signum(blocksBefore));
    }

    int spareRoomBlocks() {
        long roomBytes = Math.max(0, spareBytesMax - spareBytes.get());
        if (keepsNoSpare || spareChunks.get() >= SPARE_CHUNKS_MAX) {
            return 0;
        }
        return (int) Math.min(ChunkKey.CHUNK_BLOCKS, roomBytes / ChunkKey.BLOCK_BYTES);
    }

    /// Space that could be given back and is kept.
    public long spareBytes() {
        return spareBytes.get();
    }

    boolean isOverSpare() {
        return keepsNoSpare || spareBytes.get() > spareBytesMax;
    }

    /// What may be kept from now on of space that could be given back; nothing at first. What is
    /// beyond it is given back by the next checkpoint.
    public void keepSpare(long bytesMax) {
        spareBytesMax = bytesMax;
    }

    /// The next checkpoint is the last one: it gives back all of it, whatever else is said.
    public void keepNoSpare() {
        keepsNoSpare = true;
    }

    /// Says before the recovery whether the life before this one gave no space back at its end.
    public void setMayHaveLeftSpace(boolean may) {
        mayHaveLeftSpace = may;
    }

    boolean mayHaveLeftSpace() {
        return mayHaveLeftSpace;
    }

    void filesToLookAtChanged(int by) {
        filesToLookAt.addAndGet(by);
    }

    /// Whether no file is to be looked at any more for what an earlier life left in it.
    public boolean hasLookedAtAll() {
        return filesToLookAt.get() == 0;
    }

    /// Whether so much is loaded that a checkpoint should make maps clean, so that they can be
    /// dropped.
    public boolean wantsCheckpoint() {
        return isOverMaps();
    }
}
