package weft.storage.chunk;

import java.util.concurrent.atomic.AtomicInteger;

/// What all groups of one store may hold in memory together: block maps (6.5 KiB each at most) and
/// open files. A group that needs one more beyond the limit gives up its own least recently used;
/// one that has none to give may exceed it by one. Thread-safe.
public final class ChunkLimits {
    /// 64 MiB of maps (the maps of 39 GiB) and 512 files.
    public static ChunkLimits defaults() {
        return new ChunkLimits(64 << 20, 512);
    }

    private final int mapsMax;
    private final int filesMax;
    private final AtomicInteger maps = new AtomicInteger();
    private final AtomicInteger files = new AtomicInteger();

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

    /// Whether so much is loaded that a checkpoint should make maps clean, so that they can be
    /// dropped.
    public boolean wantsCheckpoint() {
        return isOverMaps();
    }
}
