package weft.vmhost.hart;

/// The SBI as a machine offers it that boots a kernel without firmware.
@FunctionalInterface
public interface SupervisorCalls {
    /// An `ecall` from S-mode: arguments in a0..a7 of [Hart#x], results to a0 and a1 by
    /// [Hart#setX]. On the hart's own thread; execution goes on after the `ecall` unless the call
    /// asked the hart to stop.
    void call(Hart hart);
}
