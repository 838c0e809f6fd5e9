package weft.vswitch.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fixtures.Await;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.PortCounters;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Two stacks of the Linux kernel on TAP interfaces that a switch reads and writes itself, with
/// everything that a stack leaves to others. Needs root and iproute2.
@Timeout(120)
class TapPortsSystemTest {
    private static final NodeId HERE = new NodeId("here");
    private static final MacAddress A = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress B = MacAddress.parse("52:54:00:00:00:0b");
    private static final int FILE_BYTES = 24 << 20;
    private static final int FRAME_BYTES = 1514;

    @TempDir private Path folder;

    private final List<TapStation> stations = new ArrayList<>();
    private NamespacePair pair;
    private VSwitch vswitch;
    private Path file;

    @BeforeEach
    void start() throws Exception {
        pair = new NamespacePair();
        file = folder.resolve("file");
        var bytes = new byte[FILE_BYTES];
        new Random(1).nextBytes(bytes);
        Files.write(file, bytes);
        vswitch =
                new VSwitch(
                        VSwitchSettings.of(HERE, new InetSocketAddress("127.0.0.1", 0)),
                        System::nanoTime,
                        new SimpleMeterRegistry());
        vswitch.applyImage(
                new ForwardingImage(
                        List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                        List.of(
                                new PortBinding("a-0", "blue", A, "10.0.0.10/24", HERE, null, 1),
                                new PortBinding("b-0", "blue", B, "10.0.0.11/24", HERE, null, 1)),
                        Map.of(),
                        Map.of()));
    }

    @AfterEach
    void end() throws Exception {
        for (TapStation station : stations) {
            station.close();
        }
        if (vswitch != null) {
            vswitch.close();
        }
        pair.close();
    }

    private void copyAndCompare(String from, String to, String address) throws Exception {
        Path copy = folder.resolve("copy");
        pair.copy(from, file, to, address, copy);
        assertEquals(-1, Files.mismatch(file, copy));
    }

    private static long meanBytes(long bytes, long frames) {
        return bytes / Math.max(1, frames);
    }

    @Test
    void superFramesPassBetweenInterfacesAsTheyAre() throws Exception {
        vswitch.plugTap("a-0", "blue", A, pair.tap("a", A, "10.0.0.10"));
        vswitch.plugTap("b-0", "blue", B, pair.tap("b", B, "10.0.0.11"));
        copyAndCompare("a", "b", "10.0.0.11");
        PortCounters from = vswitch.counters("a-0");
        PortCounters to = vswitch.counters("b-0");
        assertTrue(
                meanBytes(from.bytesFromDevice(), from.framesFromDevice()) > 2 * FRAME_BYTES,
                from::toString);
        assertTrue(
                meanBytes(to.bytesToDevice(), to.framesToDevice()) > 2 * FRAME_BYTES, to::toString);
        assertEquals(0, vswitch.drops(DropReason.BAD_OFFLOAD));
    }

    @Test
    void superFramesAreCutForAStackThatTakesFramesOnly() throws Exception {
        vswitch.plugTap("a-0", "blue", A, pair.tap("a", A, "10.0.0.10"));
        TapDevice plain = pair.tap("b", B, "10.0.0.11");
        stations.add(TapStation.onlyPlug(plain, vswitch, "b-0", "blue", B, FRAME_BYTES));
        copyAndCompare("a", "b", "10.0.0.11");
        PortCounters from = vswitch.counters("a-0");
        assertTrue(
                meanBytes(from.bytesFromDevice(), from.framesFromDevice()) > 2 * FRAME_BYTES,
                from::toString);
        copyAndCompare("b", "a", "10.0.0.10");
        assertEquals(0, stations.getFirst().tooLong(), "longer than the MTU");
    }

    @Test
    void aLostInterfaceEndsItsPortOnly() throws Exception {
        vswitch.plugTap("a-0", "blue", A, pair.tap("a", A, "10.0.0.10"));
        vswitch.plugTap("b-0", "blue", B, pair.tap("b", B, "10.0.0.11"));
        assertEquals(0, pair.in("a", "ping -n -c 2 -i 0.2 -W 5 10.0.0.11").exitCode());
        assertEquals(0, pair.in("b", "ip link del eth0").exitCode());
        var _ = pair.in("a", "ping -n -c 1 -W 1 10.0.0.11");
        Await.until(
                "the port is in standby",
                () ->
                        vswitch.ports("", 10).join().stream()
                                .anyMatch(port ->
                                        port.id().equals("b-0")
                                                && "STANDBY".equals(port.state().name())));
        vswitch.unplug("b-0");
        TapDevice again = pair.tap("b", B, "10.0.0.11");
        vswitch.plugTap("b-0", "blue", B, again);
        assertEquals(0, pair.in("a", "ping -n -c 2 -i 0.2 -W 5 10.0.0.11").exitCode());
    }

    @Test
    void anIdThatIsPluggedIsRefusedAndNothingChanges() throws Exception {
        TapDevice tap = pair.tap("a", A, "10.0.0.10");
        vswitch.plugTap("a-0", "blue", A, tap);
        TapDevice other = pair.tap("b", B, "10.0.0.11");
        var refusal =
                assertThrows(
                        IllegalStateException.class,
                        () -> vswitch.plugTap("a-0", "blue", B, other));
        assertTrue(refusal.toString().contains("a-0"), refusal::toString);
        vswitch.plugTap("b-0", "blue", B, other);
        assertEquals(0, pair.in("a", "ping -n -c 2 -i 0.2 -W 5 10.0.0.11").exitCode());
    }

    @Test
    void whatIsNoInterfaceIsSaid() {
        var said = assertThrows(IOException.class, () -> TapDevice.open("weft-none"));
        assertTrue(said.toString().contains("weft-none"), said::toString);
    }
}
