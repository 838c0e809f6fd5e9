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

    /// Switched off by a test program that failed.
    record Failed(int code) implements PowerState {}
}
