package weft.vmhost.virtio;

/// What became of a task of [VirtioMmio#now].
public enum ServiceOutcome {
    /// It ran, or broke off at a driver's breach.
    RAN,
    /// Nothing happens until [VirtioMmio#resume].
    PAUSED,
    /// No driver drives the device.
    NOT_DRIVEN
}
