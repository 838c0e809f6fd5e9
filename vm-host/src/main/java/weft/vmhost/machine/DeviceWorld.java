package weft.vmhost.machine;

import weft.runtime.Loop;
import weft.vmhost.device.DeviceTimers;
import weft.vmhost.virtio.VirtioMmio;

import java.time.Duration;
import java.util.concurrent.Executor;

/// What devices get from outside the machine: a thread, alarms, chance, the wall clock.
interface DeviceWorld {
    /// Where queues are worked on.
    Executor loop();

    /// Alarms of the guest's own time.
    DeviceTimers alarms();

    /// When a request that the host could not answer is tried again.
    DeviceTimers retries();

    /// When a device that gives out something at a bounded rate goes on.
    DeviceTimers refills();

    /// Does this again and again on the loop, until it is called off.
    Loop.Timer every(Duration period, Runnable task);

    /// Lets a device go on after a pause.
    void resume(VirtioMmio device);

    /// Fills the array with random bytes.
    void random(byte[] into);

    /// The wall clock: nanoseconds since 1970, UTC.
    long epochNanos();
}
