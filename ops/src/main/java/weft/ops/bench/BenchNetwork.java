package weft.ops.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/// The far end of a guest's NIC: a network namespace with one TAP interface, and in it a process of
/// this program that serves TCP ([#main]). Emulators run in the namespace too, so that nothing of
/// it is seen outside.
final class BenchNetwork implements AutoCloseable {
    static final String TAP = "weft0";

    /// Bytes of a repetition, as in guest-net.c.
    private static final int BYTES = 4 << 20;

    private static final int PORT = 5201;

    /// The host's address.
    static final String ADDRESS = "10.99.0.1";

    /// Debian's program and package.
    static final String IPERF3 = "iperf3";

    /// Where [#serveIperf3] listens.
    static final String IPERF3_PORT = "5202";

    private final String namespace;

    /// Also read by [#remover].
    private final List<Process> servers = new CopyOnWriteArrayList<>();

    /// Also when we are ended ourselves: nobody would remove the namespace.
    private final Thread remover = Thread.ofPlatform().unstarted(this::remove);

    /// Makes it.
    ///
    /// @return nothing if this user may not, or there is no `ip`
    static Optional<BenchNetwork> make() throws IOException, InterruptedException {
        String namespace = "weft-bench-" + ProcessHandle.current().pid();
        if (!run(List.of("ip", "netns", "add", namespace))) {
            return Optional.empty();
        }
        try {
            for (String words :
                    List.of(
                            "link set lo up",
                            "tuntap add " + TAP + " mode tap",
                            "addr add " + ADDRESS + "/24 dev " + TAP,
                            "link set " + TAP + " up")) {
                var command = new ArrayList<>(List.of("ip", "-n", namespace));
                command.addAll(List.of(words.split(" ")));
                if (!run(command)) {
                    throw new IOException("ip " + words + " failed");
                }
            }
            return Optional.of(new BenchNetwork(namespace));
        } catch (IOException e) {
            run(List.of("ip", "netns", "del", namespace));
            throw e;
        }
    }

    private BenchNetwork(String namespace) throws IOException {
        this.namespace = namespace;
        var command =
                List.of(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        BenchNetwork.class.getName());
        Process server =
                new ProcessBuilder(inside(command))
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        if (server.getInputStream().read() != '\n') {
            server.destroyForcibly();
            throw new IOException("the server of the namespace " + namespace + " did not start");
        }
        servers.add(server);
        Runtime.getRuntime().addShutdownHook(remover);
    }

    /// Serves guests' iperf3 with the host's.
    void serveIperf3() throws IOException {
        servers.add(
                new ProcessBuilder(inside(List.of(IPERF3, "-s", "-B", ADDRESS, "-p", IPERF3_PORT)))
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start());
    }

    /// The command, in the namespace.
    List<String> inside(List<String> command) {
        var whole = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        whole.addAll(command);
        return List.copyOf(whole);
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(remover);
        remove();
    }

    private void remove() {
        for (Process server : servers) {
            server.destroyForcibly().onExit().join();
        }
        try {
            run(List.of("ip", "netns", "del", namespace));
        } catch (IOException e) {
            System.err.println("network namespace " + namespace + " is left: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean run(List<String> command) throws IOException, InterruptedException {
        if (!Host.isInstalled(command.getFirst())) {
            return false;
        }
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            return false;
        }
        return process.exitValue() == 0;
    }

    /// Serves guests until it is ended; a line tells that it is ready. A guest that was ended in
    /// the middle says nothing more, so the next one is not to wait for it.
    ///
    /// @param arguments none
    public static void main(String[] arguments) throws IOException {
        byte[] stream = stream();
        try (var listening = new ServerSocket(PORT, 1, InetAddress.getByName(ADDRESS))) {
            System.out.println();
            while (true) {
                Socket guest = listening.accept();
                Thread.ofVirtual().start(() -> serve(guest, stream));
            }
        }
    }

    private static void serve(Socket guest, byte[] stream) {
        try (guest) {
            serve(guest.getInputStream(), guest.getOutputStream(), stream);
        } catch (IOException e) {
            // The guest was ended in the middle: as usual.
            System.err.println(e.getMessage());
        }
    }

    /// What is sent: each byte tells which KiB of the stream it is in.
    private static byte[] stream() {
        var stream = new byte[BYTES];
        for (int at = 0; at < BYTES; at++) {
            stream[at] = (byte) (at >>> 10);
        }
        return stream;
    }

    /// A guest that begins with 'r' wants the stream for each byte it sends; another one sends.
    private static void serve(InputStream in, OutputStream out, byte[] stream) throws IOException {
        var buffer = new byte[1 << 20];
        int mode = in.read();
        if (mode == 'r') {
            while (mode >= 0) {
                out.write(stream);
                mode = in.read();
            }
            return;
        }
        byte[] answer = "k".getBytes(StandardCharsets.US_ASCII);
        while (mode >= 0) {
            for (int left = BYTES; left > 0; ) {
                int count = in.read(buffer, 0, Math.min(left, buffer.length));
                if (count < 0) {
                    return;
                }
                answer[0] |= (byte) (isExpected(buffer, BYTES - left, count) ? 0 : 0x80);
                left -= count;
            }
            out.write(answer);
        }
    }

    /// A byte in each KiB is looked at: the sender's is 31 times its place in 64 KiB.
    private static boolean isExpected(byte[] bytes, int first, int count) {
        for (int at = 0; at < count; at += 1024) {
            if (bytes[at] != (byte) ((first + at & 0xffff) * 31)) {
                return false;
            }
        }
        return true;
    }
}
