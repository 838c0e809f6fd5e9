package weft.ops.system;

import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Machines as network namespaces on one bridge, in a namespace of its own: 192.168.77.1 and up.
/// Everything it makes is removed at [#close].
final class NamespaceLab implements AutoCloseable {
    private static final int COMMAND_SECONDS = 20;

    private final String prefix;
    private final int machines;
    private final boolean isOwner;
    private final Deque<Process> processes = new ArrayDeque<>();

    private NamespaceLab(String prefix, int machines, boolean isOwner) {
        this.prefix = prefix;
        this.machines = machines;
        this.isOwner = isOwner;
    }

    /// The lab that another process has made, for a process on one of its machines. Closing it ends
    /// what was started by it.
    static NamespaceLab joined(String prefix, int machines) {
        return new NamespaceLab(prefix, machines, false);
    }

    /// What others join it by.
    String prefix() {
        return prefix;
    }

    /// Makes machines m1 to mN; skips the test where that is not permitted.
    static NamespaceLab of(int machines) throws IOException, InterruptedException {
        var lab = new NamespaceLab("weft" + ProcessHandle.current().pid() % 10_000, machines, true);
        Assumptions.assumeTrue(
                tryRun(List.of("ip", "netns", "add", lab.net())),
                "network namespaces cannot be made here (not root, or no iproute2)");
        try {
            lab.build();
        } catch (IOException e) {
            lab.close();
            Assumptions.abort("no bridge of namespaces can be made here: " + e.getMessage());
        }
        return lab;
    }

    private void build() throws IOException, InterruptedException {
        inside(net(), "ip", "link", "add", "br0", "type", "bridge");
        inside(net(), "ip", "link", "set", "br0", "up");
        for (int i = 1; i <= machines; i++) {
            run(List.of("ip", "netns", "add", machine(i)));
            inside(net(), "ip", "link", "add", "p" + i, "type", "veth", "peer", "name", "q" + i);
            inside(net(), "ip", "link", "set", "q" + i, "netns", machine(i));
            inside(net(), "ip", "link", "set", "p" + i, "master", "br0");
            inside(net(), "ip", "link", "set", "p" + i, "up");
            inside(machine(i), "ip", "link", "set", "lo", "up");
            inside(machine(i), "ip", "link", "set", "q" + i, "name", "eth0");
            inside(machine(i), "ip", "addr", "add", address(i) + "/24", "dev", "eth0");
            inside(machine(i), "ip", "link", "set", "eth0", "up");
        }
    }

    private String net() {
        return prefix + "net";
    }

    /// The namespace of a machine.
    String machine(int number) {
        return prefix + "m" + number;
    }

    /// A machine's address.
    static String address(int number) {
        return "192.168.77." + number;
    }

    /// The command that takes a machine's cable away, or plugs it in again (`up`).
    List<String> cable(int number, String state) {
        return List.of("ip", "netns", "exec", net(), "ip", "link", "set", "p" + number, state);
    }

    /// Starts a program on a machine; it is killed at the end.
    Process start(int machine, Path log, List<String> command) throws IOException {
        var all = new ArrayList<>(List.of("ip", "netns", "exec", machine(machine)));
        all.addAll(command);
        Process process =
                new ProcessBuilder(all)
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                        .redirectOutput(log.toFile())
                        .redirectErrorStream(true)
                        .start();
        processes.push(process);
        return process;
    }

    private static void inside(String namespace, String... command)
            throws IOException, InterruptedException {
        var all = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        all.addAll(List.of(command));
        run(all);
    }

    /// Runs a command that must succeed.
    static void run(List<String> command) throws IOException, InterruptedException {
        var _ = output(command);
    }

    /// Runs a command that must succeed; answers the lines that it says.
    static List<String> output(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("weft-lab", ".txt");
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(output.toFile())
                            .start();
            if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                process.destroyForcibly();
                throw new IOException(
                        String.join(" ", command) + ": " + Files.readString(output).strip());
            }
            return Files.readAllLines(output);
        } finally {
            Files.delete(output);
        }
    }

    private static boolean tryRun(List<String> command) throws InterruptedException {
        try {
            run(command);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /// Whatever runs on a machine yet, also what was started there by others.
    private void killAll(String namespace) throws InterruptedException {
        try {
            for (String pid : output(List.of("ip", "netns", "pids", namespace))) {
                ProcessHandle.of(Long.parseLong(pid.strip()))
                        .filter(process -> process.pid() != ProcessHandle.current().pid())
                        .ifPresent(process -> {
                            process.destroyForcibly();
                            process.onExit().orTimeout(COMMAND_SECONDS, TimeUnit.SECONDS).join();
                        });
            }
        } catch (IOException e) {
            // It was never made.
        }
    }

    @Override
    public void close() {
        for (Process process : processes) {
            process.destroyForcibly();
        }
        try {
            for (Process process : processes) {
                process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS);
            }
            if (isOwner) {
                for (int i = 1; i <= machines; i++) {
                    killAll(machine(i));
                    tryRun(List.of("ip", "netns", "del", machine(i)));
                }
                tryRun(List.of("ip", "netns", "del", net()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
