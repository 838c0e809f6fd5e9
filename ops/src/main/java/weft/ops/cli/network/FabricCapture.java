package weft.ops.cli.network;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;
import weft.ops.cli.network.CaptureClient.Batch;
import weft.ops.cli.network.CaptureClient.HostCapture;
import weft.ops.cli.network.CaptureClient.SeenFrame;
import weft.wire.capture.CaptureMessage.Scope;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/// The same capture at several hosts, read as one. Each host has one read under way, so what is
/// held here is bounded by what the hosts keep; who reads slowly loses frames at the hosts, where
/// they are counted.
final class FabricCapture implements AutoCloseable {
    /// Below the hosts' limit; an answer without frames says that the host is alive.
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final List<Part> parts = new ArrayList<>();
    private final Consumer<String> complaints;
    private long lost;

    /// A host's share and the read that is under way.
    private static final class Part {
        final HostCapture capture;
        @Nullable CompletableFuture<Batch> reading;

        Part(HostCapture capture) {
            this.capture = capture;
        }
    }

    /// @param complaints told of each host that fails while others go on
    private FabricCapture(Consumer<String> complaints) {
        this.complaints = complaints;
    }

    static FabricCapture start(
            CaptureClient client,
            List<NodeId> hosts,
            Scope scope,
            String name,
            Consumer<String> complaints)
            throws IOException, InterruptedException {
        var capture = new FabricCapture(complaints);
        try {
            for (NodeId host : hosts) {
                capture.parts.add(new Part(client.start(host, scope, name)));
            }
        } catch (IOException | InterruptedException e) {
            capture.close();
            throw e;
        }
        return capture;
    }

    /// Frames that passed but were not kept.
    long lost() {
        return lost;
    }

    /// The next frames, by time; empty if none came for so long.
    ///
    /// @throws IOException if no host is left
    List<SeenFrame> next(int waitMillis) throws IOException, InterruptedException {
        for (Part part : parts) {
            if (part.reading == null) {
                part.reading = part.capture.read(PATIENCE);
            }
        }
        var any =
                CompletableFuture.anyOf(
                        parts.stream().map(part -> part.reading).toArray(CompletableFuture[]::new));
        try {
            any.get(waitMillis, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return List.of();
        } catch (ExecutionException _) {
            // Told below, with the host's name.
        }
        List<SeenFrame> frames = new ArrayList<>();
        for (Part part : List.copyOf(parts)) {
            if (part.reading != null && part.reading.isDone()) {
                take(part, part.reading, frames);
            }
        }
        return byTime(frames);
    }

    private void take(Part part, CompletableFuture<Batch> reading, List<SeenFrame> frames)
            throws IOException, InterruptedException {
        try {
            add(reading.get(), frames);
            part.reading = null;
        } catch (ExecutionException e) {
            IOException failure = CaptureClient.failure(part.capture.host(), e);
            parts.remove(part);
            if (parts.isEmpty()) {
                throw failure;
            }
            complaints.accept(failure.getMessage() + "; going on without it");
        }
    }

    private void add(Batch batch, List<SeenFrame> frames) {
        lost += batch.lost();
        frames.addAll(batch.frames());
    }

    private static List<SeenFrame> byTime(List<SeenFrame> frames) {
        frames.sort(Comparator.comparing(SeenFrame::time));
        return frames;
    }

    /// Ends the capture everywhere; the frames that were not read yet.
    List<SeenFrame> finish() throws IOException, InterruptedException {
        List<SeenFrame> frames = new ArrayList<>();
        for (Part part : List.copyOf(parts)) {
            CompletableFuture<Batch> rest = CompletableFuture.completedFuture(stop(part));
            if (part.reading != null) {
                // Its end has answered the read.
                take(part, part.reading, frames);
            }
            add(rest.join(), frames);
        }
        parts.clear();
        return byTime(frames);
    }

    private Batch stop(Part part) throws InterruptedException {
        try {
            return part.capture.stop();
        } catch (IOException e) {
            complaints.accept(e.getMessage());
            return new Batch(0, List.of());
        }
    }

    /// Ends what still runs, without its frames.
    @Override
    public void close() {
        for (Part part : parts) {
            try {
                var _ = stop(part);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return; // The host ends it soon.
            }
        }
        parts.clear();
    }
}
