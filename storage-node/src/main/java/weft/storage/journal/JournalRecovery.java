package weft.storage.journal;

import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.StoreIdentity;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/// Reads the live part of a journal after a start, and tells a torn tail from corruption.
///
/// The live segments have epochs `startEpoch, startEpoch + 1, …` without a gap and their groups
/// carry sequences without a gap. The journal ends at the first group that is not intact. Nothing
/// intact may follow it: not in its segment, not in a later one (a later segment begins exactly
/// with the next sequence, which is how a journal goes on after a crash).
final class JournalRecovery {
    private static final int SEGMENT_BYTES_MAX = 1 << 30;

    private final Disk disk;
    private final StoreIdentity identity;
    private final TreeMap<Long, JournalSegment> byEpoch = new TreeMap<>();
    private final List<Integer> freeFiles = new ArrayList<>();

    private JournalRecovery(Disk disk, StoreIdentity identity) {
        this.disk = disk;
        this.identity = identity;
    }

    /// What a journal goes on with.
    ///
    /// @param live segments still needed, oldest first
    /// @param freeFiles segment files that may be recycled
    /// @param nextEpoch the epoch of the next use of a segment
    /// @param nextSequence the sequence of the next group
    record Scan(
            List<JournalSegment> live,
            List<Integer> freeFiles,
            long nextEpoch,
            long nextSequence) {}

    /// Reads everything from `startEpoch` on.
    ///
    /// @throws JournalCorruptException if something durable is missing or damaged
    static Scan scan(Disk disk, StoreIdentity identity, long startEpoch, JournalVisitor visitor)
            throws IOException {
        var recovery = new JournalRecovery(disk, identity);
        recovery.sortSegments(startEpoch);
        return recovery.readLive(startEpoch, visitor);
    }

    private void sortSegments(long startEpoch) throws IOException {
        for (String name : disk.list(JournalSegment.FOLDER)) {
            Optional<Integer> fileNumber = JournalSegment.fileNumberOf(name);
            if (fileNumber.isEmpty()) {
                continue;
            }
            Optional<JournalSegment> found = JournalSegment.read(disk, identity, fileNumber.get());
            if (found.isEmpty() || found.get().epoch() < startEpoch) {
                freeFiles.add(fileNumber.get());
                continue;
            }
            JournalSegment twin = byEpoch.put(found.get().epoch(), found.get());
            if (twin != null) {
                throw new JournalCorruptException(
                        "journal files %s and %s both claim epoch %d"
                                .formatted(twin.fileName(), found.get().fileName(), twin.epoch()));
            }
        }
    }

    private Scan readLive(long startEpoch, JournalVisitor visitor) throws IOException {
        if (byEpoch.isEmpty() && startEpoch > JournalSegment.FIRST_EPOCH) {
            throw new JournalCorruptException(
                    "journal segment of epoch %d is missing".formatted(startEpoch));
        }
        long epoch = startEpoch;
        long sequence = byEpoch.isEmpty() ? 1 : byEpoch.firstEntry().getValue().firstSequence();
        for (JournalSegment segment : byEpoch.values()) {
            if (segment.epoch() != epoch) {
                throw new JournalCorruptException(
                        "journal segment of epoch %d is missing, there is one of epoch %d"
                                .formatted(epoch, segment.epoch()));
            }
            if (segment.firstSequence() != sequence) {
                throw new JournalCorruptException(
                        "journal file %s begins at group %d, expected %d"
                                .formatted(segment.fileName(), segment.firstSequence(), sequence));
            }
            epoch++;
            JournalSegment next = byEpoch.get(epoch);
            long end = next == null ? Long.MAX_VALUE : next.firstSequence();
            sequence = readSegment(segment, end, visitor);
        }
        refuseGroupsInFreeFiles(epoch);
        return new Scan(List.copyOf(byEpoch.values()), freeFiles, epoch, sequence);
    }

    /// Visits the intact groups and answers the sequence after them.
    private long readSegment(JournalSegment segment, long endSequence, JournalVisitor visitor)
            throws IOException {
        ByteBuffer bytes = read(segment);
        long expected = segment.firstSequence();
        int offset = RecordGroup.ALIGNMENT_BYTES;
        while (offset < bytes.limit() && expected < endSequence) {
            var place = RecordGroup.placeAt(bytes, offset, segment.epoch(), identity.store());
            if (place == null || place.sequence() != expected) {
                break;
            }
            byte[][] records = RecordGroup.recordsAt(bytes, offset);
            if (records == null) {
                throw new JournalCorruptException(
                        "journal file %s: the group at %d has malformed records"
                                .formatted(segment.fileName(), offset));
            }
            for (byte[] record : records) {
                visitor.record(record, segment.epoch());
            }
            expected++;
            offset += RecordGroup.sizeBytesAt(bytes, offset);
        }
        refuseIntactGroupBehind(segment, bytes, offset, expected);
        return expected;
    }

    private void refuseIntactGroupBehind(
            JournalSegment segment, ByteBuffer bytes, int from, long expected) throws IOException {
        for (int at = from; at < bytes.limit(); at += RecordGroup.ALIGNMENT_BYTES) {
            var place = RecordGroup.placeAt(bytes, at, segment.epoch(), identity.store());
            if (place != null && place.sequence() > expected) {
                throw new JournalCorruptException(
                        ("journal file %s: group %d at offset %d is damaged, but group %d at offset"
                                        + " %d is intact")
                                .formatted(
                                        segment.fileName(), expected, from, place.sequence(), at));
            }
        }
    }

    /// A damaged header of the last segment looks like one torn while recycling, and one that an
    /// older header was written over like a file that is free; its groups betray it. So do those of
    /// a later segment, where even more is gone: else the journal would go on and come to that
    /// epoch.
    private void refuseGroupsInFreeFiles(long nextEpoch) throws IOException {
        for (int fileNumber : freeFiles) {
            JournalSegment segment = JournalSegment.spare(fileNumber);
            ByteBuffer bytes = read(segment);
            for (int at = RecordGroup.ALIGNMENT_BYTES;
                    at < bytes.limit();
                    at += RecordGroup.ALIGNMENT_BYTES) {
                var place = RecordGroup.placeFrom(bytes, at, nextEpoch, identity.store());
                if (place != null) {
                    throw new JournalCorruptException(
                            "journal file %s: its header is damaged or another's, but it holds groups of epoch %d"
                                    .formatted(segment.fileName(), place.segmentEpoch()));
                }
            }
        }
    }

    private ByteBuffer read(JournalSegment segment) throws IOException {
        try (DiskFile file = disk.open(segment.fileName(), Disk.Use.READ)) {
            ByteBuffer bytes =
                    ByteBuffer.allocate((int) Math.min(file.sizeBytes(), SEGMENT_BYTES_MAX));
            file.read(bytes, 0);
            return bytes.flip();
        }
    }
}
