package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.MacAddress;
import weft.fixtures.MemoryVolume;
import weft.runtime.BootClock;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.vmhost.virtio.net.CompletingPort;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// The stock Debian kernel in the machine: boots, uses its disk and NIC, moves, reboots, goes off.
@Tag("long")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DebianBootTest {
    private static final MacAddress MAC = MacAddress.parse("52:54:00:00:00:01");

    private final CountDownLatch off = new CountDownLatch(1);
    private final CountDownLatch rebooted = new CountDownLatch(1);

    private final Machine.Listener listener =
            new Machine.Listener() {
                @Override
                public void powerChanged(PowerState state) {
                    off.countDown();
                }

                @Override
                public void rebooted() {
                    rebooted.countDown();
                }
            };

    private static final class Wire extends CompletingPort {
        private final BlockingQueue<byte[]> frames = new ArrayBlockingQueue<>(100);

        @Override
        public void transmit(byte[] frame, int offset, int lengthBytes) {
            var copy = new byte[lengthBytes];
            System.arraycopy(frame, offset, copy, 0, lengthBytes);
            frames.offer(copy);
        }

        /// The next ARP request's target address, or a failure.
        String nextArpTarget() throws InterruptedException {
            byte[] frame;
            do {
                frame = frames.poll(60, TimeUnit.SECONDS);
                assertTrue(frame != null, "the guest sent no ARP request");
            } while (frame[12] != 0x08 || frame[13] != 0x06);
            return (frame[38] & 0xff)
                    + "."
                    + (frame[39] & 0xff)
                    + "."
                    + (frame[40] & 0xff)
                    + "."
                    + (frame[41] & 0xff);
        }
    }

    private static MachineSpec spec(String name, int harts, MemoryVolume disk) throws IOException {
        return new MachineSpec(
                name,
                256L << 20,
                harts,
                DebianGuest.bootImage("quiet weft.ip=10.0.0.2/24"),
                List.of(new MachineSpec.Disk("root", disk)),
                List.of(new MachineSpec.Nic(MAC, 1450)));
    }

    @Test
    void aDebianGuestBootsUsesItsDevicesRebootsAndGoesOff()
            throws IOException, InterruptedException {
        var disk = new MemoryVolume(16 << 20, false);
        var wire = new Wire();
        try (var machine = new Machine(spec("boot", 1, disk), BootClock.SYSTEM, listener)) {
            var guest = new DebianGuest(machine.console());
            machine.nics().getFirst().plug(wire);
            machine.start();
            guest.awaitShell();

            guest.run("echo hello-disk | dd of=/dev/vda bs=512 seek=5 conv=sync,fsync");
            assertEquals("hello-disk", new String(disk.bytes(), 5 * 512, 10));
            assertTrue(guest.run("dd if=/dev/vda bs=512 skip=5 count=1").contains("hello-disk"));

            assertTrue(guest.run("cat /sys/class/net/eth0/mtu").contains("1450"));
            guest.type("ping -c 1 -W 1 10.0.0.77");
            assertEquals("10.0.0.77", wire.nextArpTarget());

            guest.type("reboot -f");
            assertTrue(rebooted.await(60, TimeUnit.SECONDS));
            guest.awaitShell();
            guest.type("poweroff -f");
            assertTrue(off.await(60, TimeUnit.SECONDS));
            assertInstanceOf(PowerState.Off.class, machine.state());
        }
    }

    /// Forks on all harts, while harts leave and come back.
    @Test
    void fourHartsWorkLeaveAndComeBack() throws IOException, InterruptedException {
        var disk = new MemoryVolume(16 << 20, false);
        try (var machine = new Machine(spec("four", 4, disk), BootClock.SYSTEM, listener)) {
            var guest = new DebianGuest(machine.console());
            machine.start();
            guest.awaitShell();
            assertTrue(guest.run("echo harts=$(nproc)").contains("harts=4"));

            String storm =
                    "for j in 1 2 3 4; do (i=0; while [ $i -lt 50 ]; do i=$((i+1)); sh -c :; done)&"
                            + " done";
            String online = "/sys/devices/system/cpu/cpu%d/online";
            guest.run(storm);
            for (int hart = 1; hart < 4; hart++) {
                guest.run("echo 0 > " + online.formatted(hart));
            }
            assertTrue(guest.run("echo harts=$(nproc)").contains("harts=1"));
            for (int hart = 1; hart < 4; hart++) {
                guest.run("echo 1 > " + online.formatted(hart));
            }
            assertTrue(guest.run("wait; echo harts=$(nproc)").contains("harts=4"));
            guest.type("poweroff -f");
            assertTrue(off.await(60, TimeUnit.SECONDS));
        }
    }

    @Test
    void aBusyGuestGoesOnInAnotherMachine() throws IOException, InterruptedException {
        var disk = new MemoryVolume(16 << 20, false);
        try (var source = new Machine(spec("from", 2, disk), BootClock.SYSTEM, listener);
                var target = new Machine(spec("to", 2, disk), BootClock.SYSTEM, listener)) {
            var before = new DebianGuest(source.console());
            source.start();
            before.awaitShell();
            before.run("secret=swordfish");
            before.type("while true; do cat /proc/uptime; sleep 0.05; done");
            before.await("; done");
            before.await("\n");

            assertInstanceOf(PowerState.Paused.class, source.pause());
            long ticks = source.time().ticks();
            byte[] state = MachineSnapshot.capture(source);
            MachineSnapshot.restore(target, state);
            var page = ByteBuffer.allocate(4096);
            source.memory()
                    .touchedPages()
                    .forEach(address -> {
                        source.memory().read(address, page.clear());
                        target.memory().write(address, page.flip());
                    });
            assertEquals(ticks, target.time().ticks());
            target.resume();

            var after = new DebianGuest(target.console());
            after.await("\n");
            after.await("\n");
            after.interrupt();
            assertTrue(after.run("echo $secret; echo x").contains("swordfish"));
        }
    }
}
