package weft.storage.store;

import weft.storage.journal.GroupCommit;

/// What the groups of a store share.
///
/// @param reads how long clients' reads take
/// @param servingBytes of groups that serve
/// @param catchingUpBytes of groups that catch up
record StoreShared(
        GroupCommit journal,
        SpaceBudget space,
        SlowReads reads,
        OpenBytes servingBytes,
        OpenBytes catchingUpBytes,
        StoreSettings settings,
        StoreEvents events) {}
