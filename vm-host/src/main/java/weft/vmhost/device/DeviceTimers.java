package weft.vmhost.device;

/// Calls back after a delay; given to devices that own an alarm.
@FunctionalInterface
public interface DeviceTimers {
    /// Runs the task once, on the device loop.
    Alarm after(long delayNanos, Runnable task);

    /// An alarm that can be called off.
    @FunctionalInterface
    interface Alarm {
        /// Calls it off; without effect if it has gone off.
        void cancel();
    }
}
