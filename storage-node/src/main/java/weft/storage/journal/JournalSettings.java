package weft.storage.journal;

/// Sizes of a store's journal, in bytes.
///
/// @param segmentBytes length of a segment file; a multiple of 4096
/// @param groupBytesMax where one device write stops to take further records: 1 MiB keeps it below
///   a millisecond or two on an SSD
/// @param recordBytesMax the largest single record: a chunk (4 MiB) and its frame
/// @param queueBytesMax records waiting for the device; beyond it appending threads wait
/// @param liveBytesMax journal that no checkpoint has freed yet; beyond it appending threads wait
public record JournalSettings(
        int segmentBytes,
        int groupBytesMax,
        int recordBytesMax,
        long queueBytesMax,
        long liveBytesMax) {
    /// 32 MiB segments; at most 512 MiB live, the most that a recovery has to read.
    public static final JournalSettings DEFAULT =
            new JournalSettings(32 << 20, 1 << 20, (4 << 20) + (64 << 10), 64L << 20, 512L << 20);

    public JournalSettings {
        check(segmentBytes % RecordGroup.ALIGNMENT_BYTES == 0, "segmentBytes is not aligned");
        check(
                segmentBytes >= RecordGroup.ALIGNMENT_BYTES + RecordGroup.sizeBytes(recordBytesMax),
                "segmentBytes is less than one record needs");
        check(groupBytesMax > 0 && groupBytesMax <= 64 << 20, "groupBytesMax out of range");
        check(queueBytesMax >= recordBytesMax, "queueBytesMax is less than one record");
        check(liveBytesMax >= 3L * segmentBytes, "liveBytesMax is less than three segments");
    }

    private static void check(boolean holds, String complaint) {
        if (!holds) {
            throw new IllegalArgumentException("journal settings: " + complaint);
        }
    }
}
