package weft.vmhost.virtio.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.MacAddress;
import weft.runtime.BootClock;
import weft.vmhost.machine.DebianGuest;
import weft.vmhost.machine.EngineKind;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.MachineSpec;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A NIC on a TAP interface, with the host's kernel behind it.
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class TapGuestTest {
    private static final int NUMBERS = 300_000;

    @Test
    void whatCannotBeTakenIsSaidInOneLine() throws Exception {
        OwnNetwork.run(() -> {
            assertEquals(
                    "there is no network interface 'nope'; make it: ip tuntap add nope mode tap",
                    refusal("nope"));
            assertTrue(refusal("lo").startsWith("'lo' is no TAP interface"));
            assertTrue(refusal("sixteen-or-more-").endsWith("is no name of a network interface"));
            OwnNetwork.ip("tuntap add tap0 mode tap");
            try (var _ = TapDevice.open("tap0")) {
                assertEquals("'tap0' is in use by another program", refusal("tap0"));
            }
            TapDevice.open("tap0").close();
        });
    }

    private static String refusal(String name) {
        var refused = assertThrows(IOException.class, () -> TapDevice.open(name).close());
        return String.valueOf(refused.getMessage());
    }

    @Test
    @Tag("long")
    void aDebianGuestSendsAndReceivesThroughTheKernel() throws Exception {
        var image = DebianGuest.bootImage("quiet weft.ip=10.0.0.2/24");
        OwnNetwork.run(() -> talk(image));
    }

    private static void talk(MachineSpec.BootImage image) throws Exception {
        OwnNetwork.ip("tuntap add tap0 mode tap");
        OwnNetwork.ip("addr add 10.0.0.1/24 dev tap0");
        OwnNetwork.ip("link set tap0 up");
        var nic = new MachineSpec.Nic(MacAddress.parse("52:54:00:00:00:01"), 1500);
        var spec = new MachineSpec("tap", 256L << 20, 1, image, List.of(), List.of(nic));
        var listener = new Machine.Listener() {};
        byte[] numbers = numbers();
        try (var tap = TapDevice.open("tap0");
                var machine = new Machine(spec, BootClock.SYSTEM, EngineKind.TRANSLATOR, listener);
                var _ = new TapCable(tap, machine.nics().getFirst(), _ -> {});
                var listening = new ServerSocket(5201)) {
            var guest = new DebianGuest(machine.console());
            machine.start();
            guest.awaitShell();
            // Checksums and super-frames, both ways.
            String features = guest.run("echo f=$(cat /sys/class/net/eth0/device/features)");
            assertTrue(features.contains("f=1101010111011101"), features);

            guest.type("seq 1 " + NUMBERS + " | nc 10.0.0.1 5201");
            try (Socket from = listening.accept()) {
                assertArrayEquals(numbers, from.getInputStream().readAllBytes());
            }
            guest.type("nc 10.0.0.1 5201 </dev/null | md5sum");
            try (Socket to = listening.accept()) {
                to.getOutputStream().write(numbers);
            }
            byte[] md5 = MessageDigest.getInstance("MD5").digest(numbers);
            guest.await(HexFormat.of().formatHex(md5));
            assertEquals(0, machine.nics().getFirst().droppedFrames());
        }
    }

    private static byte[] numbers() {
        return IntStream.rangeClosed(1, NUMBERS)
                .mapToObj(number -> number + "\n")
                .collect(Collectors.joining())
                .getBytes(StandardCharsets.US_ASCII);
    }
}
