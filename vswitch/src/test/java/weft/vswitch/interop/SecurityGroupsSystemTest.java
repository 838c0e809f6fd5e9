package weft.vswitch.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.port.ConnectionReport;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.TapDevice;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/// The kernel's TCP, UDP and ICMP through two ports with groups, each in a namespace of its own: a
/// client at 10.0.0.10 whom nobody may reach, and a server at 10.0.0.11. Needs root, iproute2 and
/// python3.
@Timeout(120)
class SecurityGroupsSystemTest {
    private static final NodeId HERE = new NodeId("here");
    private static final MacAddress CLIENT = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress SERVER = MacAddress.parse("52:54:00:00:00:0b");
    private static final GroupRule ALL_OUT = GroupRule.of(Direction.OUT, Protocol.ANY, "");
    private static final GroupRule WEB = in(Protocol.TCP, 8080);
    private static final GroupRule ECHO = in(Protocol.UDP, 7);

    /// Sends back what it gets, to everyone who connects.
    private static final String SERVE =
            """
            import socket, threading
            def echo(peer):
                while data := peer.recv(65536):
                    peer.sendall(data)
            def serve(server):
                while True:
                    threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
            servers = [socket.create_server(('10.0.0.11', port)) for port in (8080, 8081)]
            print('listens', flush=True)
            threading.Thread(target=serve, args=(servers[0],), daemon=True).start()
            serve(servers[1])
            """;

    /// Connects to a port; then for each line of a number sends so many bytes and waits for them.
    private static final String TALK =
            """
            import socket, sys
            try:
                peer = socket.create_connection(('10.0.0.11', int(sys.argv[1])), timeout=2)
                print('connected', flush=True)
                for line in sys.stdin:
                    for part in [100_000] * (int(line) // 100_000) + [int(line) % 100_000]:
                        peer.sendall(b'x' * part)
                        while part > 0:
                            part -= len(peer.recv(65536))
                    print('answered', flush=True)
            except OSError as e:
                print(type(e).__name__, flush=True)
            """;

    /// Sends a datagram to a port, and again; says how that ends.
    private static final String ASK =
            """
            import socket, sys
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            asker.settimeout(2)
            asker.connect(('10.0.0.11', int(sys.argv[1])))
            try:
                asker.send(b'x')
                asker.recv(10)
            except OSError as e:
                print(type(e).__name__, flush=True)
            """;

    private final String suffix = Long.toString(ProcessHandle.current().pid(), 36);
    private final List<String> namespaces = new ArrayList<>();
    private final List<TapStation> stations = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private @Nullable VSwitch vswitch;

    private static GroupRule in(Protocol protocol, int port) {
        return new GroupRule(Direction.IN, protocol, port, port, "10.0.0.0/24");
    }

    @BeforeEach
    void startSwitch() throws Exception {
        assumeTrue(canMakeNamespaces(), "needs root and `ip` to make network namespaces");
        assumeTrue(run("which", "python3").exitCode == 0, "needs python3");
        vswitch =
                new VSwitch(
                        VSwitchSettings.of(HERE, new InetSocketAddress("127.0.0.1", 0)),
                        System::nanoTime,
                        new SimpleMeterRegistry());
        serverHas(WEB, ECHO);
        plug("client-0", "a", CLIENT, "10.0.0.10");
        plug("server-0", "b", SERVER, "10.0.0.11");
    }

    private VSwitch vswitch() {
        return Objects.requireNonNull(vswitch);
    }

    private void serverHas(GroupRule... rules) {
        List<GroupRule> all = new ArrayList<>(List.of(rules));
        all.add(ALL_OUT);
        vswitch()
                .applyImage(
                        new ForwardingImage(
                                List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                                List.of(
                                        binding("client-0", CLIENT, 10, "clients"),
                                        binding("server-0", SERVER, 11, "servers")),
                                Map.of(),
                                Map.of(),
                                List.of(
                                        new SecurityGroup("clients", "blue", List.of(ALL_OUT)),
                                        new SecurityGroup("servers", "blue", all))));
    }

    private static PortBinding binding(String port, MacAddress mac, int last, String group) {
        String address = "10.0.0." + last + "/24";
        return new PortBinding(port, "blue", mac, address, HERE, null, 1, List.of(group));
    }

    private boolean canMakeNamespaces() throws InterruptedException {
        try {
            for (String name : List.of("a", "b")) {
                if (run("ip", "netns", "add", namespace(name)).exitCode != 0) {
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
        return "weft-g" + name + "-" + suffix;
    }

    private void plug(String port, String name, MacAddress mac, String address) throws Exception {
        String tap = "wg" + name + suffix;
        ip("tuntap add " + tap + " mode tap");
        TapDevice device = TapDevice.open(tap);
        ip("link set " + tap + " address " + mac + " netns " + namespace(name));
        ip("-n " + namespace(name) + " link set " + tap + " name eth0 mtu 1450");
        ip("-n " + namespace(name) + " addr add " + address + "/24 dev eth0");
        ip("-n " + namespace(name) + " link set eth0 up");
        stations.add(new TapStation(device, vswitch(), port, "blue", mac));
    }

    @AfterEach
    void endAll() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly();
            assertTrue(process.waitFor(10, TimeUnit.SECONDS));
        }
        for (TapStation station : stations) {
            station.close();
        }
        if (vswitch != null) {
            vswitch.close();
        }
        for (String namespace : namespaces) {
            var _ = run("ip", "netns", "del", namespace);
        }
    }

    /// A program in a namespace, and its lines.
    private final class Program {
        final BufferedReader out;
        final PrintStream in;

        Program(String name, String script, String... arguments) throws IOException {
            List<String> command =
                    new ArrayList<>(
                            List.of("ip", "netns", "exec", namespace(name), "python3", "-c"));
            command.add(script);
            command.addAll(List.of(arguments));
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            processes.add(process);
            out = process.inputReader(StandardCharsets.UTF_8);
            in = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        }

        String line() throws IOException {
            return String.valueOf(out.readLine());
        }

        String talk(int bytes) throws IOException {
            in.println(bytes);
            return line();
        }
    }

    private void serve() throws IOException {
        var server = new Program("b", SERVE);
        assertEquals("listens", server.line());
    }

    @Test
    void tcpIsLetInByItsPortAndCutWithTheRule() throws Exception {
        serve();
        var talk = new Program("a", TALK, "8080");
        assertEquals("connected", talk.line());
        assertEquals("answered", talk.talk(1));
        assertEquals("answered", talk.talk(3_000_000), "more than any window");
        assertEquals(0, vswitch().drops(DropReason.NO_CONNECTION), "all of TCP belongs to it");
        assertEquals(List.of("in established", "out established"), connections());

        assertEquals("TimeoutError", new Program("a", TALK, "8081").line());
        assertTrue(vswitch().drops(DropReason.DENIED_IN) > 0);
        assertEquals("connected", new Program("a", TALK, "8080").line());

        serverHas(ECHO);
        assertEquals("TimeoutError", talk.talk(1), "the connection went with its rule");
        serverHas(WEB, ECHO);
        assertEquals("connected", new Program("a", TALK, "8080").line());
    }

    /// Of the server's port, then the client's.
    private List<String> connections() {
        List<String> all = new ArrayList<>();
        for (String port : List.of("server-0", "client-0")) {
            for (ConnectionReport one : vswitch().connections(port, 0, 10).join()) {
                String way = one.initiator() == Direction.IN ? "in" : "out";
                all.add(way + " " + one.state());
            }
        }
        return all;
    }

    /// Nobody may reach the client, but what it is told of its own packets comes to it.
    @Test
    void anIcmpErrorComesBackToWhoCausedIt() throws Exception {
        assertEquals("ConnectionRefusedError", new Program("a", ASK, "7").line());
        assertEquals("TimeoutError", new Program("a", ASK, "8").line(), "denied, so not told");
        var ping = run("ip", "netns", "exec", namespace("b"), "ping", "-c1", "-W1", "10.0.0.10");
        assertEquals(1, ping.exitCode, ping.output);
        assertTrue(ping.output.contains("100% packet loss"), ping.output);
    }

    private record Outcome(int exitCode, String output) {}

    private static void ip(String arguments) throws IOException, InterruptedException {
        Outcome outcome = run(("ip " + arguments).split(" "));
        assertEquals(0, outcome.exitCode, () -> "ip " + arguments + ": " + outcome.output);
    }

    private static Outcome run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }
}
