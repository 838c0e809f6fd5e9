package weft.storage.store;

import weft.storage.journal.JournalRecord;
import weft.storage.replica.ReplicatedTables;
import weft.wire.MalformedMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/// Sums up the journal records of one group on top of its saved state. Pure.
///
/// Records up to the saved ordinal have had their effect; of them only prepared entries above the
/// applied sequence count, and truncations of those. Later records count in full.
final class GroupRecovery {
    private final long savedOrdinal;
    private final TreeMap<Long, Found> prepared = new TreeMap<>();
    private ReplicatedTables tables;
    private long version;
    private boolean inSync;
    private long appliedSequence;
    private long ordinal;
    private long voidedOrdinal;
    private boolean chunksVoid;

    /// A prepared entry and the segment it was found in.
    record Found(JournalRecord.OfEntry record, long segmentEpoch) {}

    GroupRecovery(GroupState saved) throws IOException {
        savedOrdinal = saved.ordinal();
        tables = saved.decodeTables();
        version = saved.version();
        inSync = saved.inSync();
        appliedSequence = saved.appliedSequence();
        ordinal = saved.ordinal();
        voidedOrdinal = saved.voidedOrdinal();
    }

    /// Takes the next record, in the order of the journal.
    void record(long recordOrdinal, JournalRecord record, long segmentEpoch)
            throws MalformedMessage {
        ordinal = Math.max(ordinal, recordOrdinal);
        switch (record) {
            case JournalRecord.OfEntry found -> {
                if (recordOrdinal > voidedOrdinal) {
                    prepared.put(found.sequence(), new Found(found, segmentEpoch));
                }
            }
            case JournalRecord.Truncated truncated ->
                    prepared.tailMap(truncated.afterSequence(), false).clear();
            case JournalRecord.VersionTaken taken -> {
                if (recordOrdinal > savedOrdinal) {
                    version = Math.max(version, taken.version());
                    inSync = taken.inSync();
                }
            }
            case JournalRecord.Adopted adopted -> {
                if (recordOrdinal > savedOrdinal) {
                    restart(recordOrdinal, adopted.sequence());
                    tables = ReplicatedTables.decode(adopted.tables());
                }
            }
            case JournalRecord.Dropped _ -> {
                if (recordOrdinal > savedOrdinal) {
                    restart(recordOrdinal, 0);
                    tables = new ReplicatedTables();
                    inSync = false;
                    chunksVoid = true;
                }
            }
        }
    }

    private void restart(long recordOrdinal, long sequence) {
        prepared.clear();
        voidedOrdinal = recordOrdinal;
        appliedSequence = sequence;
    }

    /// Ends the journal: keeps the prepared entries that follow the applied sequence without a gap.
    /// What lies behind a gap was appended by a member that had not caught up; nobody counted on
    /// it.
    ///
    /// @return how many were dropped
    int close() {
        prepared.headMap(appliedSequence, true).clear();
        long next = appliedSequence + 1;
        while (prepared.containsKey(next)) {
            next++;
        }
        int before = prepared.size();
        prepared.tailMap(next, true).clear();
        return before - prepared.size();
    }

    List<Found> prepared() {
        return new ArrayList<>(prepared.values());
    }

    ReplicatedTables tables() {
        return tables;
    }

    long version() {
        return version;
    }

    boolean isInSync() {
        return inSync;
    }

    long appliedSequence() {
        return appliedSequence;
    }

    long ordinal() {
        return ordinal;
    }

    long voidedOrdinal() {
        return voidedOrdinal;
    }

    /// Whether the group's chunks were dropped after its state was saved.
    boolean chunksAreVoid() {
        return chunksVoid;
    }
}
