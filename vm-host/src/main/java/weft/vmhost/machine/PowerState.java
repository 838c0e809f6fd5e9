package weft.vmhost.machine;

/// What a machine is doing.
///
/// ```
/// Off ──start──► Running ◄─resume── Paused          reboot: Running ─► Running
///  ▲                │  └────pause────► │
///  └─ guest poweroff, powerOff ────────┘            Failed: as Off, by the test device
/// ```
public sealed interface PowerState {
    /// Nothing runs; RAM is void.
    record Off() implements PowerState {}

    /// Harts execute.
    record Running() implements PowerState {}

    /// All harts stand at an instruction boundary; devices and time stand still.
    record Paused() implements PowerState {}

    /// Switched off by a test program that failed; or, with a code of -1, because a hart could not
    /// go on, which is a fault of ours.
    record Failed(int code) implements PowerState {}
}
