package weft.transport;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.wire.CountedMemory;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// One connection after its handshake: envelopes both ways.
///
/// Any thread sends: messages are encoded by the caller and queued ([Outbound]). The event loop
/// decodes what is received, and hands it on.
///
/// Limits. A caller's queue is at most [#QUEUED_BYTES_MAX]; beyond it messages are dropped
/// (one-way) or fail (requests). The accepting side instead stops reading while the answers not yet
/// sent or the requests not yet answered are above [#HELD_BYTES_MAX]: so the peer's queue fills.
final class MessageChannel extends ChannelInboundHandlerAdapter {
    /// Sixteen of the longest messages.
    static final int QUEUED_BYTES_MAX = 64 << 20;

    /// Eight of the longest messages; a client with 32 chunk-sized reads in flight waits in line.
    static final int HELD_BYTES_MAX = 32 << 20;

    private static final int REASON_BYTES_MAX = 1024;
    private static final Logger log = LoggerFactory.getLogger(MessageChannel.class);

    private final Channel channel;
    private final Handshake peer;
    private final boolean accepted;
    private final Map<Integer, MessageFamily<?>> families;
    private final Map<Integer, Endpoint> endpoints;
    private final TransportMeters meters;
    private final Runnable onClosed;

    private final Outbound outbound;
    private final AtomicLong heldBytes = new AtomicLong();
    private final Map<Long, CompletableFuture<WireMessage>> pending = new ConcurrentHashMap<>();
    private final AtomicLong lastRequestId = new AtomicLong();
    private volatile boolean closed;
    private volatile boolean paused;

    private final AtomicBoolean garbageNoted = new AtomicBoolean();

    /// The peer sent garbage. The event loop's.
    private boolean refused;

    MessageChannel(
            Channel channel,
            Handshake peer,
            boolean accepted,
            Map<Integer, MessageFamily<?>> families,
            Map<Integer, Endpoint> endpoints,
            TransportMeters meters,
            @Nullable SocketEnd socket,
            Runnable onClosed) {
        this.channel = channel;
        this.peer = peer;
        this.accepted = accepted;
        this.families = families;
        this.endpoints = endpoints;
        this.meters = meters;
        this.onClosed = onClosed;
        outbound = new Outbound(channel, socket, meters, this::onSent);
    }

    Handshake peer() {
        return peer;
    }

    boolean isOpen() {
        return !closed;
    }

    void close() {
        channel.close();
    }

    /// Sends a one-way message, or drops it.
    void send(WireMessage message) {
        if (closed || outbound.queuedBytes() > QUEUED_BYTES_MAX) {
            meters.dropped.increment();
        } else {
            enqueue(message, 0, 0);
        }
    }

    /// Sends a request; the future completes on the event loop. The answer's memory is held for who
    /// waits for it.
    CompletableFuture<WireMessage> request(WireMessage message) {
        if (outbound.queuedBytes() > QUEUED_BYTES_MAX) {
            return CompletableFuture.failedFuture(
                    new PeerUnreachable(peer.nodeId() + " takes no more: the queue is full"));
        }
        long id = lastRequestId.incrementAndGet();
        Envelope.Outgoing outgoing = outgoing(familyOf(message), message, 0, id);
        var answer = new CompletableFuture<WireMessage>();
        pending.put(id, answer);
        // Also when the caller gives up: an answer that comes later finds nobody.
        answer.whenComplete((_, _) -> pending.remove(id));
        outbound.add(outgoing);
        if (closed) {
            failPending();
        }
        return answer;
    }

    private void enqueue(WireMessage message, int flags, long requestId) {
        outbound.add(outgoing(familyOf(message), message, flags, requestId));
    }

    private static <M extends WireMessage> Envelope.Outgoing outgoing(
            MessageFamily<M> family, WireMessage message, int flags, long requestId) {
        M own = family.messages().cast(message);
        CountedMemory memory = message.memory();
        memory.retain();
        var writer = new WireWriter();
        family.encode(own, writer);
        return Envelope.Outgoing.of(
                family.typeIdOf(own),
                flags,
                requestId,
                writer.lengthBytes(),
                writer.toBuffers(),
                memory);
    }

    private MessageFamily<?> familyOf(WireMessage message) {
        for (MessageFamily<?> family : families.values()) {
            if (family.messages().isInstance(message)) {
                return family;
            }
        }
        throw new IllegalArgumentException("no family for " + message.getClass());
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        outbound.onWritability();
        ctx.fireChannelWritabilityChanged();
    }

    /// The queue is shorter. Any thread.
    private void onSent() {
        if (channel.eventLoop().inEventLoop()) {
            updateReading();
        } else if (paused) {
            channel.eventLoop().execute(this::updateReading);
        }
    }

    /// Back-pressure of the accepting side. The calling side always reads: were both to stop, two
    /// full queues would wait for each other.
    private void updateReading() {
        if (!accepted) {
            return;
        }
        long most = Math.max(outbound.queuedBytes(), heldBytes.get());
        boolean pause = paused ? most > HELD_BYTES_MAX / 2 : most > HELD_BYTES_MAX;
        if (pause != paused) {
            paused = pause;
            if (pause) {
                meters.readPauses.increment();
            }
            channel.config().setAutoRead(!pause);
        }
    }

    private void release(int bytes) {
        long left = heldBytes.addAndGet(-bytes);
        if (paused && left <= HELD_BYTES_MAX / 2) {
            channel.eventLoop().execute(this::updateReading);
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object received) throws MalformedMessage {
        if (refused) {
            // What came with the garbage in one piece.
            return;
        }
        Envelope envelope = (Envelope) received;
        meters.messagesIn.increment();
        meters.bytesIn.increment(envelope.lengthBytes());
        if ((envelope.flags() & Envelope.ANSWER) != 0) {
            onAnswer(envelope);
            return;
        }
        Endpoint endpoint = endpoints.get(envelope.typeId() >>> 8);
        if (endpoint == null) {
            throw new MalformedMessage("type %x is not served here".formatted(envelope.typeId()));
        }
        WireMessage message = decode(envelope);
        var caller = new Waiting(envelope.requestId());
        caller.charge(envelope.lengthBytes());
        try {
            endpoint.onMessage(message, caller);
        } catch (RuntimeException e) {
            log.error("{}: {} was not served", peer.nodeId(), message.getClass(), e);
            caller.fail(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        if (!caller.expectsReply()) {
            caller.release();
        }
        updateReading();
    }

    private WireMessage decode(Envelope envelope) throws MalformedMessage {
        MessageFamily<?> family = families.get(envelope.typeId() >>> 8);
        if (family == null) {
            throw new MalformedMessage("type %x is not known".formatted(envelope.typeId()));
        }
        WireMessage message =
                family.decode(
                        envelope.typeId(), new WireReader(envelope.payload(), envelope.memory()));
        if (message.memory() == envelope.memory() || !envelope.memory().isCounted()) {
            return message;
        }
        // Nobody will hold it who keeps its bytes.
        ByteBuffer own = ByteBuffer.allocate(envelope.payload().remaining());
        own.put(envelope.payload().duplicate());
        return family.decode(envelope.typeId(), new WireReader(own.flip()));
    }

    private void onAnswer(Envelope envelope) throws MalformedMessage {
        CompletableFuture<WireMessage> answer = pending.get(envelope.requestId());
        if (answer == null) {
            return;
        }
        if ((envelope.flags() & Envelope.FAILURE) != 0) {
            String reason = new WireReader(envelope.payload()).readString(REASON_BYTES_MAX);
            answer.completeExceptionally(new PeerFailure(peer.nodeId() + ": " + reason));
        } else {
            WireMessage message = decode(envelope);
            message.memory().retain();
            if (!answer.complete(message)) {
                message.memory().release();
            }
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        closed = true;
        outbound.close();
        failPending();
        onClosed.run();
        ctx.fireChannelInactive();
    }

    private void failPending() {
        for (CompletableFuture<WireMessage> answer : List.copyOf(pending.values())) {
            answer.completeExceptionally(
                    new PeerUnreachable("the connection to " + peer.nodeId() + " broke"));
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof MalformedMessage malformed) {
            refuse(String.valueOf(malformed.getMessage()));
        } else {
            log.debug("{}: connection broke", peer.nodeId(), cause);
            ctx.close();
        }
    }

    /// On the event loop: the peer sends what none of ours would.
    private void refuse(String garbage) {
        if (refused) {
            return;
        }
        refused = true;
        noteGarbage(garbage);
        channel.close();
    }

    /// Once, from any thread.
    private void noteGarbage(String garbage) {
        if (garbageNoted.compareAndSet(false, true)) {
            meters.garbage.increment();
            log.warn("{}: closed after garbage: {}", peer.nodeId(), garbage);
        }
    }

    /// The way back to the sender of one message.
    private final class Waiting implements Caller {
        private final long requestId;
        private final AtomicBoolean answered;
        private int chargedBytes;

        Waiting(long requestId) {
            this.requestId = requestId;
            answered = new AtomicBoolean(requestId == 0);
        }

        @Override
        public Handshake peer() {
            return peer;
        }

        @Override
        public boolean expectsReply() {
            return requestId != 0;
        }

        @Override
        public void charge(int bytes) {
            if (answered.get() && requestId != 0) {
                return;
            }
            chargedBytes += bytes;
            heldBytes.addAndGet(bytes);
        }

        void release() {
            MessageChannel.this.release(chargedBytes);
        }

        @Override
        public void send(WireMessage message) {
            MessageChannel.this.send(message);
        }

        @Override
        public void reply(WireMessage message) {
            if (answered.compareAndSet(false, true)) {
                if (!closed) {
                    enqueue(message, Envelope.ANSWER, requestId);
                }
                release();
            }
        }

        @Override
        public void garbage(String reason) {
            // First: the peer may end the connection as soon as it has the answer.
            noteGarbage(reason);
            fail(reason);
            // Behind the answer, if the same loop writes it.
            channel.eventLoop().execute(() -> refuse(reason));
        }

        @Override
        public void fail(String reason) {
            if (answered.compareAndSet(false, true)) {
                var writer = new WireWriter();
                byte[] text = reason.getBytes(StandardCharsets.UTF_8);
                writer.putBytes(ByteBuffer.wrap(text, 0, Math.min(text.length, 1000)));
                int flags = Envelope.ANSWER | Envelope.FAILURE;
                outbound.add(
                        Envelope.Outgoing.of(
                                0,
                                flags,
                                requestId,
                                writer.lengthBytes(),
                                writer.toBuffers(),
                                CountedMemory.HEAP));
                release();
            }
        }
    }
}
