package weft.storage.journal;

import weft.fabric.PlacementGroupId;
import weft.wire.storage.Entry;

import java.nio.ByteBuffer;

/// What a replica makes durable. Records of one group are recovered in the order in which they were
/// appended; what [weft.storage.replica.RecoveredState] says is their sum.
public sealed interface JournalRecord {
    /// The group.
    PlacementGroupId pg();

    /// The configuration version in which the record was made.
    long version();

    /// The entry is prepared. It follows the prepared entry before it without a gap or replaces the
    /// one with its sequence; into an empty list (after [Truncated]) any sequence may come.
    record Prepared(PlacementGroupId pg, long version, Entry entry) implements JournalRecord {}

    /// Prepared entries above `afterSequence` are void.
    record Truncated(PlacementGroupId pg, long version, long afterSequence)
            implements JournalRecord {}

    /// The replica answers in this version, and in no older one any more.
    record VersionTaken(PlacementGroupId pg, long version) implements JournalRecord {}

    /// Catch-up is complete: the chunks hold everything up to `sequence`, these are the replicated
    /// tables there, and prepared entries up to it are void. (Installed chunks are durable before.)
    ///
    /// @param tables as `ReplicatedTables` writes itself
    record Adopted(PlacementGroupId pg, long version, long sequence, ByteBuffer tables)
            implements JournalRecord {}

    /// The replica's data are deleted; earlier records of the group are void.
    record Dropped(PlacementGroupId pg, long version) implements JournalRecord {}
}
