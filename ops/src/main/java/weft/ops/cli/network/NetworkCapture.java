package weft.ops.cli.network;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.ops.admin.NetworkAdmin;
import weft.ops.admin.Refusal;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;
import weft.ops.cli.network.CaptureClient.SeenFrame;
import weft.runtime.BootClock;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.PcapStream;
import weft.wire.capture.CaptureMessage;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

@Command(
        name = "capture",
        description = {
            "Show a network's frames as the hosts' switches pass them, until Ctrl-C.",
            "A frame is shown at each place it passes: from a port, into a tunnel, out of the"
                    + " tunnel, to a port. --port shows one place only."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  weft network capture blue --seconds 10",
            "  weft network capture blue --port web1-0 --write web1.pcap",
            "  weft network capture blue --write - | tcpdump -n -r -"
        })
final class NetworkCapture extends OneNetworkCommand {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS", Locale.ROOT)
                    .withZone(ZoneId.systemDefault());
    private static final int WAIT_MILLIS = 100;
    private static final int FAREWELL_SECONDS = 5;
    private static final Path STDOUT = Path.of("-");

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Only what this port of the network sends and receives: web1-0.")
    private @Nullable String port;

    @Option(
            names = "--host",
            paramLabel = "HOST",
            description = "Only at this host (default: at all that are alive).")
    private @Nullable String host;

    @Option(names = "--seconds", paramLabel = "N", description = "End after so many seconds.")
    private @Nullable Integer seconds;

    @Option(names = "--count", paramLabel = "N", description = "End after so many frames.")
    private @Nullable Long count;

    @Option(
            names = "--write",
            paramLabel = "FILE",
            description = "Write a pcap file for tcpdump or Wireshark; '-' is stdout.")
    private @Nullable Path file;

    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean interrupted;
    private long shown;

    /// A frame as `--json` prints it.
    record Row(
            String time,
            String host,
            String direction,
            String where,
            String source,
            String destination,
            int etherType,
            String summary,
            int lengthBytes) {}

    @Override
    protected void checkOptions() {
        if ((seconds != null && seconds <= 0) || (count != null && count <= 0)) {
            throw CliFailure.usage("--seconds and --count must be positive");
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        FabricImage image = session.image();
        var _ = NetworkAdmin.find(image, name());
        checkPort(image);
        try (var client = new CaptureClient(session::image);
                FramePrinter printer = printer()) {
            capture(client, hosts(client), printer);
        } finally {
            ended.countDown();
        }
    }

    private void checkPort(FabricImage image) {
        if (port == null) {
            return;
        }
        PortBinding binding = image.ports().get(port);
        if (binding == null || !binding.network().equals(name())) {
            throw Refusal.badRequest(
                    "network '%s' has no port '%s': see weft network list", name(), port);
        }
    }

    private List<NodeId> hosts(CaptureClient client) {
        List<NodeId> alive = client.liveHosts();
        if (host == null) {
            if (alive.isEmpty()) {
                throw Refusal.state("no host is alive");
            }
            return alive;
        }
        var wanted = new NodeId(host);
        if (!alive.contains(wanted)) {
            throw Refusal.badRequest("host '%s' is not alive: see weft status", host);
        }
        return List.of(wanted);
    }

    private void capture(CaptureClient client, List<NodeId> hosts, FramePrinter printer)
            throws IOException, InterruptedException {
        var scope = port == null ? CaptureMessage.Scope.NETWORK : CaptureMessage.Scope.PORT;
        String scopeName = port == null ? name() : port;
        try (var capture = FabricCapture.start(client, hosts, scope, scopeName, this::complain)) {
            endWellOnInterrupt();
            complain("capturing %s at %s".formatted(scopeName, hosts));
            long startNanos = BootClock.SYSTEM.nowNanos();
            while (!interrupted && !isEnough() && !isOver(startNanos)) {
                show(capture.next(WAIT_MILLIS), printer);
            }
            show(capture.finish(), printer);
            complain("%d frames shown, %d lost".formatted(shown, capture.lost()));
        }
    }

    /// Ctrl-C: the JVM ends when this hook does, so it waits until the file is whole and the hosts
    /// know that the capture is over.
    private void endWellOnInterrupt() {
        Runtime.getRuntime()
                .addShutdownHook(
                        Thread.ofPlatform()
                                .name("farewell")
                                .unstarted(() -> {
                                    interrupted = true;
                                    try {
                                        var _ = ended.await(FAREWELL_SECONDS, TimeUnit.SECONDS);
                                    } catch (InterruptedException e) {
                                        Thread.currentThread().interrupt();
                                    }
                                }));
    }

    private boolean isEnough() {
        return count != null && shown >= count;
    }

    private boolean isOver(long startNanos) {
        return seconds != null
                && BootClock.SYSTEM.nowNanos() - startNanos >= TimeUnit.SECONDS.toNanos(seconds);
    }

    private void show(List<SeenFrame> frames, FramePrinter printer) throws IOException {
        for (SeenFrame frame : frames) {
            if (isEnough()) {
                return;
            }
            printer.print(frame);
            shown++;
        }
        printer.flush();
    }

    private void complain(String line) {
        output().err().println("weft: " + line);
        output().err().flush();
    }

    private FramePrinter printer() throws IOException {
        if (file == null) {
            return new Lines(output());
        }
        OutputStream out = file.equals(STDOUT) ? System.out : Files.newOutputStream(file);
        return new Pcap(new BufferedOutputStream(out, 64 << 10));
    }

    /// Where frames go.
    private sealed interface FramePrinter extends AutoCloseable {
        void print(SeenFrame frame) throws IOException;

        /// After a batch: whoever watches sees all of it.
        void flush() throws IOException;

        @Override
        void close() throws IOException;
    }

    private record Lines(Output output) implements FramePrinter {
        @Override
        public void print(SeenFrame frame) {
            FrameSummary summary = FrameSummary.of(frame.bytes());
            String where =
                    frame.where().startsWith("/") ? frame.where().substring(1) : frame.where();
            String direction = frame.direction().name().toLowerCase(Locale.ROOT).replace('_', '-');
            output.result(
                    new Row(
                            frame.time().toString(),
                            frame.host().name(),
                            direction,
                            where,
                            summary.source().toString(),
                            summary.destination().toString(),
                            summary.type(),
                            summary.text(),
                            frame.bytes().length),
                    "%s %s %-11s %s  %s > %s  %s, length %d"
                            .formatted(
                                    TIME.format(frame.time()),
                                    frame.host(),
                                    direction,
                                    where,
                                    summary.source(),
                                    summary.destination(),
                                    summary.text(),
                                    frame.bytes().length));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }

    private static final class Pcap implements FramePrinter {
        private final OutputStream out;
        private final PcapStream pcap;
        private Instant time = Instant.EPOCH;

        Pcap(OutputStream out) throws IOException {
            this.out = out;
            pcap = new PcapStream(out, () -> time);
        }

        @Override
        public void print(SeenFrame frame) {
            time = frame.time();
            var direction = FrameSink.Direction.valueOf(frame.direction().name());
            pcap.frame(direction, frame.where(), frame.bytes(), 0, frame.bytes().length);
        }

        @Override
        public void flush() throws IOException {
            out.flush();
        }

        @Override
        public void close() throws IOException {
            pcap.close();
        }
    }
}
