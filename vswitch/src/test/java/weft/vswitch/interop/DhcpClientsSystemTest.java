package weft.vswitch.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// DHCP clients that people have, in namespaces of their own behind two ports of one switch: each
/// gets the address of its port, and they reach each other. Needs root and iproute2.
@Timeout(120)
class DhcpClientsSystemTest {
    private static final NodeId HERE = new NodeId("here");
    private static final MacAddress WEB = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress DB = MacAddress.parse("52:54:00:00:00:0b");

    /// What both clients run: takes the address, and notes what else was given.
    private static final String HOOK =
            """
            #!/bin/sh
            case "$1$reason" in
              bound|renew|BOUND|RENEW|REBOOT)
                address=${ip:-$new_ip_address}
                ip addr flush dev $interface
                ip addr add $address/24 dev $interface
                ip link set $interface up mtu ${mtu:-$new_interface_mtu}
                echo "$address ${mtu:-$new_interface_mtu} ${hostname:-$new_host_name}" \\
                  "${serverid:-$new_dhcp_server_identifier} ${lease:-$new_dhcp_lease_time}" > OUT ;;
              deconfig|PREINIT) ip link set $interface up ;;
            esac
            exit 0
            """;

    @TempDir private Path folder;

    private final String suffix = Long.toString(ProcessHandle.current().pid(), 36);
    private final List<String> namespaces = new ArrayList<>();
    private final List<TapStation> stations = new ArrayList<>();
    private VSwitch vswitch;

    @BeforeEach
    void startSwitch() throws Exception {
        assumeTrue(canMakeNamespaces(), "needs root and `ip` to make network namespaces");
        vswitch =
                new VSwitch(
                        VSwitchSettings.of(HERE, new InetSocketAddress("127.0.0.1", 0)),
                        System::nanoTime,
                        new SimpleMeterRegistry());
        vswitch.applyImage(
                new ForwardingImage(
                        List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                        List.of(
                                new PortBinding(
                                        "web1-0", "blue", WEB, "10.0.0.10/24", HERE, null, 1),
                                new PortBinding("db-0", "blue", DB, "10.0.0.11/24", HERE, null, 1)),
                        Map.of(),
                        Map.of()));
        plug("web1-0", "a", WEB);
        plug("db-0", "b", DB);
    }

    private boolean canMakeNamespaces() throws InterruptedException {
        try {
            for (String name : List.of("a", "b")) {
                if (run("ip netns add " + namespace(name)).exitCode != 0) {
                    return false;
                }
                namespaces.add(namespace(name));
            }
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private String namespace(String name) {
        return "weft-" + name + "-" + suffix;
    }

    private void plug(String port, String name, MacAddress mac) throws Exception {
        String tap = "wd" + name + suffix;
        ip("tuntap add " + tap + " mode tap");
        TapDevice device = TapDevice.open(tap);
        ip("link set " + tap + " address " + mac + " netns " + namespace(name));
        ip("-n " + namespace(name) + " link set " + tap + " name eth0");
        ip("-n " + namespace(name) + " link set eth0 up");
        stations.add(new TapStation(device, vswitch, port, "blue", mac));
    }

    @AfterEach
    void endAll() throws Exception {
        for (TapStation station : stations) {
            station.close();
        }
        if (vswitch != null) {
            vswitch.close();
        }
        for (String namespace : namespaces) {
            run("ip netns del " + namespace);
        }
    }

    private Path hook(String name) throws IOException {
        Path hook = folder.resolve(name + ".sh");
        Files.writeString(hook, HOOK.replace("OUT", folder.resolve(name).toString()));
        assertTrue(hook.toFile().setExecutable(true));
        return hook;
    }

    private void udhcpc(String name) throws Exception {
        Outcome outcome =
                in(name, "udhcpc -i eth0 -f -q -n -t 5 -T 1 -O mtu -O hostname -s " + hook(name));
        assertEquals(0, outcome.exitCode, outcome.output);
    }

    private void dhclient(String name) throws Exception {
        Path config = folder.resolve("dhclient.conf");
        Files.writeString(config, "request subnet-mask, interface-mtu, host-name;\ntimeout 10;\n");
        Path pid = folder.resolve("dhclient.pid");
        Outcome outcome =
                in(
                        name,
                        "dhclient -1 -v -cf %s -lf %s -pf %s -sf %s eth0"
                                .formatted(config, folder.resolve("leases"), pid, hook(name)));
        assertEquals(0, outcome.exitCode, outcome.output);
        // It has gone into the background, to renew its lease, and says later who it is.
        Await.until(
                "dhclient's number is known",
                () -> Files.exists(pid) && !Files.readString(pid).isBlank());
        run("kill " + Files.readString(pid).strip());
    }

    private String given(String name) throws IOException {
        return Files.readString(folder.resolve(name)).strip();
    }

    @Test
    void theirClientsGetWhatTheirPortsHaveAndReachEachOther() throws Exception {
        assumeTrue(run("which udhcpc dhclient").exitCode == 0, "needs udhcpc and dhclient");
        udhcpc("a");
        dhclient("b");
        assertEquals("10.0.0.10 1450 web1 10.0.0.1 86400", given("a"));
        assertEquals("10.0.0.11 1450 db 10.0.0.1 86400", given("b"));
        for (String size : List.of("56", "1422")) {
            Outcome ping = in("a", "ping -n -c 3 -i 0.2 -W 5 -M do -s " + size + " 10.0.0.11");
            assertEquals(0, ping.exitCode, ping.output);
            assertTrue(ping.output.contains(" 0% packet loss"), ping.output);
        }
        assertTrue(in("a", "ip neigh show 10.0.0.11").output.contains(DB.toString()));
        assertEquals(0, vswitch.drops(DropReason.MALFORMED_PACKET));
    }

    /// A guest that takes its neighbour's address is not heard under it.
    @Test
    void aStationThatGivesItselfAnothersAddressIsNotHeard() throws Exception {
        ip("-n " + namespace("a") + " addr add 10.0.0.99/24 dev eth0");
        ip("-n " + namespace("b") + " addr add 10.0.0.11/24 dev eth0");
        Outcome ping = in("a", "ping -n -c 2 -i 0.2 -W 1 10.0.0.11");
        assertEquals(1, ping.exitCode, ping.output);
        assertTrue(vswitch.drops(DropReason.SPOOFED_ADDRESS) >= 1);
        ip("-n " + namespace("a") + " addr add 10.0.0.10/24 dev eth0");
        Outcome own = in("a", "ping -n -c 2 -i 0.2 -W 5 -I 10.0.0.10 10.0.0.11");
        assertEquals(0, own.exitCode, own.output);
    }

    private record Outcome(int exitCode, String output) {}

    private Outcome in(String name, String command) throws IOException, InterruptedException {
        return run("ip netns exec " + namespace(name) + " " + command);
    }

    private static void ip(String arguments) throws IOException, InterruptedException {
        Outcome outcome = run("ip " + arguments);
        assertEquals(0, outcome.exitCode, () -> "ip " + arguments + ": " + outcome.output);
    }

    private static Outcome run(String command) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder(List.of(command.split(" "))).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }
}
