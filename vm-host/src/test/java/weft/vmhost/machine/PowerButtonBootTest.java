package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.runtime.BootClock;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// The power button under the stock Debian kernel: its driver, evdev, and acpid of busybox.
@Tag("long")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class PowerButtonBootTest {
    private final CountDownLatch ended = new CountDownLatch(1);

    private Machine machine() throws IOException {
        var spec =
                new MachineSpec(
                        "button",
                        256L << 20,
                        1,
                        DebianGuest.bootImage("quiet"),
                        List.of(),
                        List.of(),
                        MachineSpec.Options.POWER_BUTTON);
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        ended.countDown();
                    }
                };
        return new Machine(spec, BootClock.SYSTEM, EngineKind.best(), listener);
    }

    @Test
    void aPressArrivesAsKeyPowerAndTheGuestSwitchesItselfOff()
            throws IOException, InterruptedException {
        try (Machine machine = machine()) {
            machine.start();
            var guest = new DebianGuest(machine.console());
            guest.awaitShell();
            Assumptions.assumeTrue(
                    guest.run("modprobe virtio_input || echo mis''sing").indexOf("missing") < 0,
                    "this image is of a version without the button's driver");
            String devices = guest.run("cat /proc/bus/input/devices");
            assertTrue(devices.contains("Name=\"Power Button\""), devices);
            guest.run("until pidof acpid; do usleep 100000; done");
            guest.run("(hexdump -n 24 -v -e '12/2 \"%04x \"' /dev/input/event0 &)");
            guest.run(
                    "until ls -l /proc/$(pidof hexdump)/fd | grep event0; do usleep 100000; done");
            assertTrue(machine.powerButton().orElseThrow().press());
            // Behind the time, of 16 bytes: type, code, value.
            guest.await("0001 0074 0001 0000");
            assertTrue(ended.await(60, TimeUnit.SECONDS), "the guest did not switch itself off");
            assertEquals(new PowerState.Off(), machine.state());
        }
    }
}
