package weft.vmhost.machine;

import weft.runtime.Loop;
import weft.runtime.WallClock;
import weft.vmhost.device.DeviceTimers;
import weft.vmhost.virtio.VirtioMmio;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.Executor;

/// The host's time and chance.
record HostWorld(Loop deviceLoop, SecureRandom chance) implements DeviceWorld {
    HostWorld(Loop loop) {
        this(loop, new SecureRandom());
    }

    @Override
    public Executor loop() {
        return deviceLoop;
    }

    @Override
    public DeviceTimers alarms() {
        return (nanos, task) -> deviceLoop.schedule(Duration.ofNanos(nanos), task)::cancel;
    }

    @Override
    public DeviceTimers retries() {
        return alarms();
    }

    @Override
    public DeviceTimers refills() {
        return alarms();
    }

    @Override
    public Loop.Timer every(Duration period, Runnable task) {
        return deviceLoop.every(period, task);
    }

    @Override
    public void resume(VirtioMmio device) {
        device.resume();
    }

    @Override
    public void random(byte[] into) {
        chance.nextBytes(into);
    }

    @Override
    public long epochNanos() {
        return WallClock.epochNanos();
    }
}
