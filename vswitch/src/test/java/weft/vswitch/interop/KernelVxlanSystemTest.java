package weft.vswitch.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Our switch at one end of a VXLAN tunnel, the Linux kernel's vxlan device at the other, each in a
/// network namespace of its own. Needs root and iproute2; skipped where there is neither.
@Timeout(120)
class KernelVxlanSystemTest {
    private static final int VNI = 4711;
    private static final int UNDERLAY_MTU = 9000;
    private static final int INNER_MTU = UNDERLAY_MTU - 50;

    private final String ours = "weft-sw-" + ProcessHandle.current().pid();
    private final String kernels = "weft-vx-" + ProcessHandle.current().pid();

    @BeforeEach
    void makeNamespaces() throws Exception {
        assumeTrue(canMakeNamespaces(), "needs root and `ip` to make network namespaces");
        ip("netns add " + kernels);
        ip("-n " + ours + " link add u0 type veth peer name u1 netns " + kernels);
        ip("-n " + ours + " addr add 10.9.0.1/24 dev u0");
        ip("-n " + kernels + " addr add 10.9.0.2/24 dev u1");
        for (String device : List.of(ours + " u0", kernels + " u1")) {
            String[] part = device.split(" ");
            ip("-n " + part[0] + " link set lo up");
            ip("-n " + part[0] + " link set " + part[1] + " mtu " + UNDERLAY_MTU + " up");
        }
        var made =
                run(
                        "ip -n "
                                + kernels
                                + " link add vx0 type vxlan id "
                                + VNI
                                + " local 10.9.0.2 remote 10.9.0.1 dstport 4789 dev u1");
        assumeTrue(made.exitCode == 0, "this kernel makes no vxlan device: " + made.output);
        ip("-n " + kernels + " addr add 10.77.0.2/24 dev vx0");
        ip("-n " + kernels + " link set vx0 mtu " + INNER_MTU + " up");
    }

    private boolean canMakeNamespaces() throws InterruptedException {
        try {
            return run("ip netns add " + ours).exitCode == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @AfterEach
    void removeNamespaces() throws Exception {
        try {
            run("ip netns del " + ours);
            run("ip netns del " + kernels);
        } catch (IOException e) {
            Assumptions.abort("no `ip` here: " + e.getMessage());
        }
    }

    @Test
    void theKernelsStackAndAPortOfOursPingEachOtherWithSmallAndBigFrames() throws Exception {
        try (var station = new Station()) {
            for (int payload : List.of(56, 1472, INNER_MTU - 28)) {
                Outcome ping =
                        run(
                                "ip netns exec "
                                        + kernels
                                        + " ping -n -c 3 -i 0.2 -W 5 -M do -s "
                                        + payload
                                        + " 10.77.0.1");
                assertEquals(0, ping.exitCode, ping.output);
                assertTrue(ping.output.contains(" 0% packet loss"), ping.output);
            }
            for (int payload : List.of(0, 56, INNER_MTU - 28)) {
                assertEquals("reply " + payload + " true", station.ping(payload));
            }
            Outcome fdb =
                    run(
                            "ip netns exec "
                                    + kernels
                                    + " cat /sys/class/net/vx0/statistics/rx_errors");
            assertEquals("0", fdb.output.strip());
        }
    }

    @Test
    void anotherVniIsNotHeard() throws Exception {
        ip("-n " + kernels + " link del vx0");
        ip(
                "-n "
                        + kernels
                        + " link add vx0 type vxlan id "
                        + (VNI + 1)
                        + " local 10.9.0.2 remote 10.9.0.1 dstport 4789 dev u1");
        ip("-n " + kernels + " addr add 10.77.0.2/24 dev vx0");
        ip("-n " + kernels + " link set vx0 up");
        try (var station = new Station()) {
            Outcome ping = run("ip netns exec " + kernels + " ping -n -c 2 -i 0.2 -W 1 10.77.0.1");
            assertEquals(1, ping.exitCode, ping.output);
            assertTrue(station.process.isAlive());
        }
    }

    /// Our switch and the station behind it, as a process in its namespace.
    private final class Station implements AutoCloseable {
        final Process process;
        private final BufferedReader out;
        private final BufferedWriter in;

        Station() throws IOException {
            String java = ProcessHandle.current().info().command().orElse("java");
            process =
                    new ProcessBuilder(
                                    "ip",
                                    "netns",
                                    "exec",
                                    ours,
                                    java,
                                    "-ea",
                                    "-Xmx128m",
                                    "-XX:+UseSerialGC",
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    EchoStation.class.getName(),
                                    "10.9.0.1",
                                    "10.9.0.2",
                                    String.valueOf(VNI),
                                    String.valueOf(INNER_MTU + 14),
                                    "10.77.0.2")
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            out =
                    new BufferedReader(
                            new InputStreamReader(
                                    process.getInputStream(), StandardCharsets.US_ASCII));
            in =
                    new BufferedWriter(
                            new OutputStreamWriter(
                                    process.getOutputStream(), StandardCharsets.US_ASCII));
            assertEquals("ready", out.readLine());
        }

        String ping(int payloadBytes) throws IOException {
            in.write(payloadBytes + "\n");
            in.flush();
            String answer = out.readLine();
            assertNotNull(answer);
            return answer;
        }

        @Override
        public void close() throws IOException {
            in.close();
            process.onExit()
                    .completeOnTimeout(process, 10, TimeUnit.SECONDS)
                    .join()
                    .destroyForcibly();
        }
    }

    private record Outcome(int exitCode, String output) {}

    private static void ip(String arguments) throws IOException, InterruptedException {
        Outcome outcome = run("ip " + arguments);
        assertEquals(0, outcome.exitCode, () -> "ip " + arguments + ": " + outcome.output);
    }

    private static Outcome run(String command) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }
}
