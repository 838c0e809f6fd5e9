package weft.ops.bench.net;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The namespaces of one side, and the processes in them; both end with it.
///
/// Namespaces: `a` and `b`, the stations, and `s`, where what joins them is.
final class Lab implements AutoCloseable {
    private static final int COMMAND_SECONDS_MAX = 30;

    private final String prefix;
    private final Deque<Process> processes = new ArrayDeque<>();
    private final List<String> namespaces = new ArrayList<>();

    /// @param name of the side; a part of the namespaces' names
    /// @throws IOException if namespaces cannot be made, saying what is missing
    Lab(String name) throws IOException, InterruptedException {
        prefix = "weft-net-" + ProcessHandle.current().pid() + "-" + name + "-";
        try {
            for (String which : List.of("a", "b", "s")) {
                run(List.of("ip", "netns", "add", prefix + which));
                namespaces.add(prefix + which);
                ip(which, "link set lo up");
            }
        } catch (IOException e) {
            close();
            throw new IOException(
                    "no network namespaces can be made (that takes root, or CAP_SYS_ADMIN and"
                            + " CAP_NET_ADMIN, and iproute2): "
                            + e.getMessage(),
                    e);
        }
    }

    /// A namespace's name for `ip`.
    String namespace(String which) {
        return prefix + which;
    }

    /// `ip` in a namespace, with these words.
    void ip(String which, String words) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("ip", "-n", prefix + which));
        command.addAll(List.of(words.split(" ")));
        run(command);
    }

    /// The command, in a namespace.
    List<String> inside(String which, List<String> command) {
        var whole = new ArrayList<>(List.of("ip", "netns", "exec", prefix + which));
        whole.addAll(command);
        return List.copyOf(whole);
    }

    /// Starts a process in a namespace whose output is read.
    Process start(String which, List<String> command) throws IOException {
        Process process =
                new ProcessBuilder(inside(which, command))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        synchronized (processes) {
            processes.push(process);
        }
        return process;
    }

    /// Starts one that tells by a line that it is ready.
    Process startAndAwait(String which, List<String> command) throws IOException {
        Process process = start(which, command);
        int first = process.getInputStream().read();
        if (first < 0) {
            throw new IOException("it did not start: " + String.join(" ", command));
        }
        return process;
    }

    /// Runs a command that must succeed, and answers what it says.
    static String run(List<String> command) throws IOException, InterruptedException {
        return run(command, COMMAND_SECONDS_MAX);
    }

    static String run(List<String> command, int secondsMax)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        Thread guard =
                Thread.startVirtualThread(() -> {
                    try {
                        if (!process.waitFor(secondsMax, TimeUnit.SECONDS)) {
                            process.destroyForcibly();
                        }
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        guard.join();
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + ": " + said.strip());
        }
        return said;
    }

    @Override
    public void close() {
        synchronized (processes) {
            while (!processes.isEmpty()) {
                Process process = processes.pop();
                // Of `ip netns exec`, which becomes the command itself.
                process.destroyForcibly().onExit().join();
            }
        }
        for (String namespace : namespaces) {
            try {
                run(List.of("ip", "netns", "del", namespace));
            } catch (IOException e) {
                System.err.println(
                        "network namespace " + namespace + " is left: " + e.getMessage());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        namespaces.clear();
    }
}
