package weft.storage.store;

import weft.storage.journal.JournalSettings;

/// Sizes and times of one store.
///
/// @param journal of its journal
/// @param capacityBytes what the store may take of the disk at most, journal included;
///   Long.MAX_VALUE if only the disk limits it
/// @param reserveBytes of the disk's free space that new writes never get: what committed writes,
///   deletes and the metadata may still need
/// @param checkpointJournalBytes journal since the last checkpoint after which the next one waits
///   for nothing, with the large writes that it names: what a recovery reads, and holds in memory.
///   From half of it on the files are written back ([WriteBack])
/// @param checkpointMillis after so long a checkpoint is due if anything changed
/// @param mapBytesMax block maps in memory
/// @param filesMax open chunk files
/// @param placedBytesMin a write with so many bytes in whole blocks, or more, is written once: to
///   its place in the chunk's file, before the journal names it
public record StoreSettings(
        JournalSettings journal,
        long capacityBytes,
        long reserveBytes,
        long checkpointJournalBytes,
        long checkpointMillis,
        int mapBytesMax,
        int filesMax,
        int placedBytesMin) {
    /// 1 GiB in reserve, a checkpoint every 64 to 128 MiB of journal or 15 s, maps of 39 GiB in 64
    /// MiB, writes from 64 KiB on once.
    public static final StoreSettings DEFAULT =
            new StoreSettings(
                    JournalSettings.DEFAULT,
                    Long.MAX_VALUE,
                    1L << 30,
                    128L << 20,
                    15_000,
                    64 << 20,
                    512,
                    64 << 10);

    public StoreSettings {
        if (capacityBytes <= 0 || reserveBytes < 0) {
            throw new IllegalArgumentException(
                    "store settings: capacity %d, reserve %d bytes"
                            .formatted(capacityBytes, reserveBytes));
        }
        if (checkpointJournalBytes < journal.segmentBytes()
                || checkpointJournalBytes > journal.liveBytesMax() / 2) {
            throw new IllegalArgumentException(
                    "store settings: checkpointJournalBytes is not between a segment and half of"
                            + " the live journal");
        }
        if (checkpointMillis < 100 || mapBytesMax < 1 << 16 || filesMax < 8 || placedBytesMin < 1) {
            throw new IllegalArgumentException("store settings: a limit is too small");
        }
    }

    /// The same with another capacity.
    public StoreSettings withCapacityBytes(long bytes) {
        return new StoreSettings(
                journal,
                bytes,
                reserveBytes,
                checkpointJournalBytes,
                checkpointMillis,
                mapBytesMax,
                filesMax,
                placedBytesMin);
    }
}
