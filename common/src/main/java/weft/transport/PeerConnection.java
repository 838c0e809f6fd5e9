package weft.transport;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;
import weft.wire.WireMessage;

import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// The way to one peer: connected at first use, again after it broke.
///
/// ```text
///   IDLE ──use──► CONNECTING ──handshake──► OPEN ──broke──► IDLE
///     ▲               │ failed
///     └──back-off─────┘ (uses fail at once; 20 ms doubling to 500 ms)
/// ```
///
/// Used from any thread. The lock is held for a few field accesses only.
public final class PeerConnection implements AutoCloseable {
    private static final int BACKOFF_MILLIS_MIN = 20;
    private static final int BACKOFF_MILLIS_MAX = 500;

    /// Uses that may wait for one connection attempt; more fail at once.
    private static final int WAITING_MAX = 4096;

    private final Transport transport;
    private final InetSocketAddress address;
    private final @Nullable NodeId expected;
    private final Map<Integer, Endpoint> endpoints;

    /// Set while open; read without the lock, as the fast path.
    private volatile @Nullable MessageChannel open;

    @GuardedBy("this")
    private @Nullable CompletableFuture<MessageChannel> connecting;

    @GuardedBy("this")
    private int waitingCount;

    @GuardedBy("this")
    private int backoffMillis = BACKOFF_MILLIS_MIN;

    @GuardedBy("this")
    private @Nullable String backingOffFor;

    @GuardedBy("this")
    private boolean closed;

    PeerConnection(
            Transport transport,
            InetSocketAddress address,
            @Nullable NodeId expected,
            Map<Integer, Endpoint> endpoints) {
        this.transport = transport;
        this.address = address;
        this.expected = expected;
        this.endpoints = endpoints;
    }

    /// Where the peer is.
    public InetSocketAddress address() {
        return address;
    }

    /// Whether a message would leave at once.
    public boolean isOpen() {
        MessageChannel channel = open;
        return channel != null && channel.isOpen();
    }

    /// Sends a one-way message. It is dropped if there is no connection to be had.
    public void send(WireMessage message) {
        MessageChannel channel = open;
        if (channel != null && channel.isOpen()) {
            channel.send(message);
        } else {
            message.memory().retain();
            connected()
                    .whenComplete((fresh, failure) -> {
                        if (failure == null) {
                            fresh.send(message);
                        }
                        message.memory().release();
                    });
        }
    }

    /// Sends a request. The future completes on an event loop: with the answer, with
    /// [PeerUnreachable] if there is no connection or it breaks before the answer, with
    /// [PeerFailure] if the peer says that it did not serve it. There is no time limit: callers set
    /// theirs with `orTimeout`. The answer's memory is held for the caller, who lets it go.
    public CompletableFuture<WireMessage> request(WireMessage message) {
        MessageChannel channel = open;
        if (channel != null && channel.isOpen()) {
            return channel.request(message);
        }
        var answer = new CompletableFuture<WireMessage>();
        message.memory().retain();
        connected()
                .handle((fresh, failure) -> {
                    try {
                        return failure == null
                                ? fresh.request(message)
                                : CompletableFuture.<WireMessage>failedFuture(failure);
                    } finally {
                        message.memory().release();
                    }
                })
                .thenCompose(asked -> asked)
                .whenComplete((reply, failure) -> {
                    if (failure != null) {
                        answer.completeExceptionally(causeOf(failure));
                    } else {
                        if (!answer.complete(reply)) {
                            reply.memory().release();
                        }
                    }
                });
        return answer;
    }

    private static Throwable causeOf(Throwable failure) {
        Throwable cause = failure.getCause();
        return failure instanceof CompletionException && cause != null ? cause : failure;
    }

    private CompletableFuture<MessageChannel> connected() {
        CompletableFuture<MessageChannel> attempt;
        synchronized (this) {
            if (closed) {
                return refused("this side has closed the connection");
            }
            if (backingOffFor != null) {
                return refused(backingOffFor);
            }
            if (connecting != null) {
                waitingCount++;
                return waitingCount > WAITING_MAX
                        ? refused("too many wait for the connection")
                        : connecting;
            }
            attempt = new CompletableFuture<>();
            connecting = attempt;
            waitingCount = 0;
        }
        transport
                .open(address, expected, endpoints, this::onBroken)
                .whenComplete((channel, failure) -> onAttempted(attempt, channel, failure));
        return attempt;
    }

    private CompletableFuture<MessageChannel> refused(String reason) {
        return CompletableFuture.failedFuture(
                new PeerUnreachable("%s at %s: %s".formatted(name(), address, reason)));
    }

    private String name() {
        return expected == null ? "peer" : expected.name();
    }

    private void onAttempted(
            CompletableFuture<MessageChannel> attempt,
            @Nullable MessageChannel channel,
            @Nullable Throwable failure) {
        boolean stillWanted;
        synchronized (this) {
            connecting = null;
            stillWanted = !closed;
            if (channel != null && stillWanted) {
                open = channel;
                backoffMillis = BACKOFF_MILLIS_MIN;
            } else {
                backingOffFor = failure == null ? "closed" : String.valueOf(failure.getMessage());
                transport.schedule(backoffMillis, this::onBackedOff);
                backoffMillis = Math.min(backoffMillis * 2, BACKOFF_MILLIS_MAX);
            }
        }
        if (channel != null && stillWanted) {
            attempt.complete(channel);
            return;
        }
        if (channel != null) {
            channel.close();
        }
        Throwable cause = failure == null ? new PeerUnreachable("closed") : causeOf(failure);
        attempt.completeExceptionally(
                cause instanceof PeerFailure
                        ? cause
                        : new PeerUnreachable(
                                "%s at %s: %s".formatted(name(), address, cause.getMessage())));
    }

    private synchronized void onBackedOff() {
        backingOffFor = null;
    }

    private void onBroken() {
        open = null;
    }

    /// Breaks the connection, for instance because the peer has not answered in time; the next use
    /// connects anew.
    public void reset() {
        MessageChannel channel = open;
        if (channel != null) {
            channel.close();
        }
    }

    /// Closes the connection for good; outstanding requests fail.
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        reset();
    }
}
