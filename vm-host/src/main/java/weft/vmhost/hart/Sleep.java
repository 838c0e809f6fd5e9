package weft.vmhost.hart;

/// Whether a hart executes, or sleeps until an interrupt is pending that is enabled. In the order
/// of the numbers that a snapshot has for them.
public enum Sleep {
    AWAKE,
    /// In `wfi`.
    WAITING,
    /// In a retentive suspend (SBI 2.0, 9.4), which hart_get_status tells.
    SUSPENDED
}
