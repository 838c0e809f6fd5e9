package weft.vmhost.device;

/// A level-triggered wire from a device to whatever collects interrupts. May be driven from any
/// thread.
@FunctionalInterface
public interface InterruptLine {
    /// Drives the wire high or low; driving the present level again has no effect.
    void drive(boolean high);
}
