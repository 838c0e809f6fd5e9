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
    ///
    /// @param inSync it is a member in it, with everything that was committed before; else it is
    ///   catching up and may not become primary by itself
    record VersionTaken(PlacementGroupId pg, long version, boolean inSync)
            implements JournalRecord {}

    /// Catch-up begins: all earlier prepared entries are void, `sequence` and `tables` are what a
    /// primary had; chunks are compared and installed from here on, entries above `sequence` follow
    /// as [Prepared]. The state is whole only once a [VersionTaken] says `inSync`. A checkpoint
    /// with a higher applied sequence wins over `sequence` and `tables`.
    ///
    /// @param tables as `ReplicatedTables` writes itself
    record Adopted(PlacementGroupId pg, long version, long sequence, ByteBuffer tables)
            implements JournalRecord {}

    /// The replica's data are deleted; earlier records of the group are void.
    record Dropped(PlacementGroupId pg, long version) implements JournalRecord {}
}
