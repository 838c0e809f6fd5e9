package weft.vswitch.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;

import weft.fabric.MacAddress;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Two network namespaces, `a` and `b`, whose stacks a test joins; removed when it is closed.
final class NamespacePair implements AutoCloseable {
    private static final int PORT = 5000;
    private static final int SECONDS_MAX = 60;

    private final String suffix = Long.toString(ProcessHandle.current().pid(), 36);
    private final List<String> namespaces = new ArrayList<>();
    private final List<TapDevice> taps = new ArrayList<>();

    /// Makes them; skips the test where that is not permitted.
    NamespacePair() throws Exception {
        try {
            for (String name : List.of("a", "b")) {
                Outcome made = run("ip netns add " + namespace(name));
                Assumptions.assumeTrue(
                        made.exitCode == 0, "needs root to make namespaces: " + made.output);
                namespaces.add(namespace(name));
                ip("-n " + namespace(name) + " link set lo up");
            }
        } catch (IOException e) {
            Assumptions.abort("no `ip` here: " + e.getMessage());
        }
    }

    String namespace(String name) {
        return "weft-" + name + "p-" + suffix;
    }

    /// The stack's interface `eth0`, which is ours to read and write.
    TapDevice tap(String name, MacAddress mac, String address) throws Exception {
        String tap = "wt" + name + suffix;
        ip("tuntap add " + tap + " mode tap");
        TapDevice device = TapDevice.open(tap);
        taps.add(device);
        ip("link set " + tap + " address " + mac + " netns " + namespace(name));
        ip("-n " + namespace(name) + " link set " + tap + " name eth0");
        ip("-n " + namespace(name) + " addr add " + address + "/24 dev eth0");
        ip("-n " + namespace(name) + " link set eth0 up");
        return device;
    }

    /// Sends a file by TCP from one stack to the other. What takes it has an input that does not
    /// end: it would end with that.
    void copy(String from, Path file, String to, String address, Path copy) throws Exception {
        Process taker =
                new ProcessBuilder(inside(to, "busybox nc -l -p " + PORT))
                        .redirectOutput(copy.toFile())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        try {
            awaitListener(to);
            Process giver =
                    new ProcessBuilder(inside(from, "busybox nc -w 20 " + address + " " + PORT))
                            .redirectInput(file.toFile())
                            .redirectErrorStream(true)
                            .start();
            try {
                assertTrue(
                        taker.waitFor(SECONDS_MAX, TimeUnit.SECONDS), "the file does not arrive");
            } finally {
                giver.destroyForcibly().waitFor();
            }
        } finally {
            taker.destroyForcibly().waitFor();
        }
    }

    private void awaitListener(String name) throws Exception {
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        String port = ":%04X ".formatted(PORT);
        while (run(inside(name, "cat /proc/net/tcp /proc/net/tcp6"))
                .output
                .lines()
                .noneMatch(line -> line.contains(port) && line.contains(" 0A "))) {
            assertTrue(System.nanoTime() < endNanos, "nc does not listen");
        }
    }

    private List<String> inside(String name, String command) {
        var words = new ArrayList<>(List.of("ip", "netns", "exec", namespace(name)));
        words.addAll(List.of(command.split(" ")));
        return words;
    }

    /// Runs a command in a namespace.
    Outcome in(String name, String command) throws IOException, InterruptedException {
        return run(inside(name, command));
    }

    record Outcome(int exitCode, String output) {}

    private static void ip(String arguments) throws IOException, InterruptedException {
        Outcome outcome = run("ip " + arguments);
        assertEquals(0, outcome.exitCode, () -> "ip " + arguments + ": " + outcome.output);
    }

    private static Outcome run(String command) throws IOException, InterruptedException {
        return run(List.of(command.split(" ")));
    }

    private static Outcome run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }

    @Override
    public void close() throws IOException {
        taps.forEach(TapDevice::close);
        try {
            for (String namespace : namespaces) {
                var _ = run("ip netns del " + namespace);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
