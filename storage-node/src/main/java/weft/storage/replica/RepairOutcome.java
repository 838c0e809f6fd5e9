package weft.storage.replica;

/// How the repair of a block ended.
public enum RepairOutcome {
    /// It is good again.
    REPAIRED,
    /// No member has it.
    LOST,
    /// The replica is no member, or stopped being one meanwhile.
    NOT_NOW
}
