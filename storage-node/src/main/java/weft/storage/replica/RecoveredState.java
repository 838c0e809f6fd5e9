package weft.storage.replica;

import weft.fabric.PlacementGroupId;
import weft.wire.storage.Entry;

import java.util.List;

/// What a store found of one group when it started.
///
/// @param version the highest version taken; 0 if the group is new here
/// @param inSync what the last [weft.storage.journal.JournalRecord.VersionTaken] said; false if
///   none, or after a drop
/// @param appliedSequence everything up to it is in the chunks; at least what the last checkpoint
///   covered
/// @param prepared entries above `appliedSequence` from the journal, ascending, without gaps:
///   committed or not, the replica finds out
/// @param tables at `appliedSequence`
public record RecoveredState(
        PlacementGroupId pg,
        long version,
        boolean inSync,
        long appliedSequence,
        List<Entry> prepared,
        ReplicatedTables tables) {
    public RecoveredState {
        prepared = List.copyOf(prepared);
        long expected = appliedSequence;
        for (Entry entry : prepared) {
            expected++;
            if (entry.sequence() != expected) {
                throw new IllegalArgumentException(
                        "%s: prepared entry %d where %d should be"
                                .formatted(pg, entry.sequence(), expected));
            }
        }
    }

    /// A group this store has never seen.
    public static RecoveredState empty(PlacementGroupId pg) {
        return new RecoveredState(pg, 0, false, 0, List.of(), new ReplicatedTables());
    }
}
