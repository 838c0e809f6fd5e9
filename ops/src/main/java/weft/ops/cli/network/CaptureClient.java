package weft.ops.cli.network;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.ops.cli.HostSession;
import weft.wire.WireMessage;
import weft.wire.capture.CaptureFamily;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.Scope;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// Starts captures at the switches of hosts and reads them.
public final class CaptureClient implements AutoCloseable {
    private static final int ANSWER_SECONDS = 10;

    private final Supplier<FabricImage> image;
    private final HostSession hosts;

    public CaptureClient(Supplier<FabricImage> image) {
        this.image = image;
        hosts = new HostSession("capture", new CaptureFamily(), image);
    }

    /// A frame that passed a host's switch.
    ///
    /// @param time by the host's clock
    /// @param where the port's id, or the address of the other end of the tunnel
    /// @param bytes without FCS
    public record SeenFrame(
            Instant time,
            NodeId host,
            CaptureMessage.Direction direction,
            String where,
            byte[] bytes) {}

    /// What one read brought.
    ///
    /// @param lost frames that passed but were not kept, because nobody had read for too long
    public record Batch(long lost, List<SeenFrame> frames) {}

    /// The hosts that are alive, by name.
    public List<NodeId> liveHosts() {
        return image.get().presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.HOST)
                .map(NodePresence::node)
                .sorted(Comparator.comparing(NodeId::name))
                .toList();
    }

    /// Starts a capture; frames that pass from now on are in it.
    public HostCapture start(NodeId host, Scope scope, String name)
            throws IOException, InterruptedException {
        WireMessage answer = await(host, ask(host, new CaptureMessage.Start(scope, name)));
        return switch (answer) {
            case CaptureMessage.Started(long id) -> new HostCapture(host, id);
            default -> throw new IOException(host + " cannot capture: " + reasonOf(answer));
        };
    }

    /// A capture at one host. The host ends it when it is not read for 30 s.
    public final class HostCapture {
        private final NodeId host;
        private final long id;

        private HostCapture(NodeId host, long id) {
            this.host = host;
            this.id = id;
        }

        /// Where it runs.
        public NodeId host() {
            return host;
        }

        /// The frames since the last read; waits for the first, but not longer than asked (2 s at
        /// most). Fails with an IOException if the capture is gone.
        public CompletableFuture<Batch> read(Duration patience) {
            var question = new CaptureMessage.Read(id, (int) patience.toMillis());
            return ask(host, question).thenApply(this::batch);
        }

        /// The frames so far.
        public Batch readNow() throws IOException, InterruptedException {
            return await(host, read(Duration.ZERO));
        }

        /// Ends the capture; brings the frames that were not read.
        public Batch stop() throws IOException, InterruptedException {
            return await(host, ask(host, new CaptureMessage.Stop(id)).thenApply(this::batch));
        }

        private Batch batch(WireMessage answer) {
            if (answer instanceof CaptureMessage.Frames(long lost, var frames)) {
                return new Batch(lost, frames.stream().map(this::seen).toList());
            }
            throw new CompletionException(
                    new IOException("the capture at " + host + " ended: " + reasonOf(answer)));
        }

        private SeenFrame seen(CaptureMessage.CapturedFrame frame) {
            var bytes = new byte[frame.bytes().remaining()];
            frame.bytes().duplicate().get(bytes);
            return new SeenFrame(
                    Instant.ofEpochSecond(0, frame.epochNanos()),
                    host,
                    frame.direction(),
                    frame.where(),
                    bytes);
        }
    }

    private CompletableFuture<WireMessage> ask(NodeId host, CaptureMessage question) {
        return hosts.request(host, question).orTimeout(ANSWER_SECONDS, TimeUnit.SECONDS);
    }

    private static String reasonOf(WireMessage answer) {
        return answer instanceof CaptureMessage.Refused(String reason)
                ? reason
                : "it answers something else";
    }

    private static <T> T await(NodeId host, CompletableFuture<T> answer)
            throws IOException, InterruptedException {
        try {
            return answer.get();
        } catch (ExecutionException e) {
            throw failure(host, e);
        }
    }

    /// Why a question to the host failed, fit for people.
    static IOException failure(NodeId host, ExecutionException e) {
        Throwable root = e;
        while (root instanceof ExecutionException || root instanceof CompletionException) {
            Throwable cause = root.getCause();
            if (cause == null) {
                break;
            }
            root = cause;
        }
        if (root instanceof TimeoutException) {
            return new IOException("host '" + host + "' does not answer", root);
        }
        return new IOException("host '" + host + "': " + root.getMessage(), root);
    }

    @Override
    public void close() {
        hosts.close();
    }
}
