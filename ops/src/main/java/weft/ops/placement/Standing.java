package weft.ops.placement;

/// What a plan may do with a store.
public enum Standing {
    /// It has copies and gets more.
    TARGET,
    /// It is away for a moment: it keeps what it has and gets nothing.
    KEPT,
    /// Its copies are to go elsewhere: drained, removed, or away for good.
    LEAVING
}
