package weft.storage.replica;

/// How the repair of a block ended.
public enum RepairOutcome {
    /// It is good again.
    REPAIRED,
    /// It is damaged on all members.
    LOST,
    /// The replica is no member, or no copy that fits came.
    NOT_NOW
}
