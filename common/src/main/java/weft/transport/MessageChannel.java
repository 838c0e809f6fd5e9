package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Loop;
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
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// One connection after its handshake: envelopes both ways.
///
/// Any thread sends: messages are encoded by the caller, queued, and written by the event loop in
/// batches with one flush. Small ones of a loop that gathers wait for the end of its batch, so that
/// the event loop is woken once for all. It decodes what is received, and hands it on.
///
/// Limits. A caller's queue is at most [#QUEUED_BYTES_MAX]; beyond it messages are dropped
/// (one-way) or fail (requests). The accepting side instead stops reading while the answers not yet
/// sent or the requests not yet answered are above [#HELD_BYTES_MAX]: so the peer's queue fills.
final class MessageChannel extends ChannelInboundHandlerAdapter {
    /// Sixteen of the longest messages.
    static final int QUEUED_BYTES_MAX = 64 << 20;

    /// Eight of the longest messages; a client with 32 chunk-sized reads in flight waits in line.
    static final int HELD_BYTES_MAX = 32 << 20;

    /// One write to the socket; loopback and 10 GbE gain nothing from longer ones.
    private static final int BATCH_BYTES = 128 << 10;

    /// Of one drain: other channels of the event loop wait meanwhile.
    private static final long DRAINED_BYTES_MAX = 1 << 20;

    /// A shorter part is copied into the batch.
    private static final int STRAIGHT_BYTES_MIN = 16 << 10;

    /// A longer message is written at once, while its sender goes on.
    private static final int GATHERED_BYTES_MAX = 32 << 10;

    private static final int REASON_BYTES_MAX = 1024;
    private static final Logger log = LoggerFactory.getLogger(MessageChannel.class);

    private final Channel channel;
    private final Handshake peer;
    private final boolean accepted;
    private final Map<Integer, MessageFamily<?>> families;
    private final Map<Integer, Endpoint> endpoints;
    private final TransportMeters meters;
    private final Runnable onClosed;

    private final ConcurrentLinkedQueue<Envelope.Outgoing> outbound = new ConcurrentLinkedQueue<>();
    private final AtomicLong queuedBytes = new AtomicLong();
    private final AtomicLong heldBytes = new AtomicLong();
    private final AtomicBoolean drainScheduled = new AtomicBoolean();
    private final Runnable drain = this::drain;
    private final Runnable scheduleDrain = this::scheduleDrain;
    private final Map<Long, CompletableFuture<WireMessage>> pending = new ConcurrentHashMap<>();
    private final AtomicLong lastRequestId = new AtomicLong();
    private volatile boolean closed;
    private volatile boolean paused;

    /// The peer sent garbage. The event loop's.
    private boolean refused;

    private boolean draining;

    /// What the present drain has not written yet. The event loop's.
    private @Nullable ByteBuf batch;

    MessageChannel(
            Channel channel,
            Handshake peer,
            boolean accepted,
            Map<Integer, MessageFamily<?>> families,
            Map<Integer, Endpoint> endpoints,
            TransportMeters meters,
            Runnable onClosed) {
        this.channel = channel;
        this.peer = peer;
        this.accepted = accepted;
        this.families = families;
        this.endpoints = endpoints;
        this.meters = meters;
        this.onClosed = onClosed;
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
        if (closed || queuedBytes.get() > QUEUED_BYTES_MAX) {
            meters.dropped.increment();
        } else {
            enqueue(message, 0, 0);
        }
    }

    /// Sends a request; the future completes on the event loop. The answer's memory is held for who
    /// waits for it.
    CompletableFuture<WireMessage> request(WireMessage message) {
        if (queuedBytes.get() > QUEUED_BYTES_MAX) {
            return CompletableFuture.failedFuture(
                    new PeerUnreachable(peer.nodeId() + " takes no more: the queue is full"));
        }
        long id = lastRequestId.incrementAndGet();
        Envelope.Outgoing outgoing = outgoing(familyOf(message), message, 0, id);
        var answer = new CompletableFuture<WireMessage>();
        pending.put(id, answer);
        // Also when the caller gives up: an answer that comes later finds nobody.
        answer.whenComplete((_, _) -> pending.remove(id));
        enqueue(outgoing);
        if (closed) {
            failPending();
        }
        return answer;
    }

    private void enqueue(WireMessage message, int flags, long requestId) {
        enqueue(outgoing(familyOf(message), message, flags, requestId));
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

    private void enqueue(Envelope.Outgoing outgoing) {
        queuedBytes.addAndGet(outgoing.lengthBytes());
        outbound.add(outgoing);
        meters.messagesOut.increment();
        if (outgoing.lengthBytes() > GATHERED_BYTES_MAX) {
            scheduleDrain();
        } else {
            Loop.atBatchEnd(scheduleDrain);
        }
    }

    private void scheduleDrain() {
        if (!outbound.isEmpty() && drainScheduled.compareAndSet(false, true)) {
            channel.eventLoop().execute(drain);
        }
    }

    private MessageFamily<?> familyOf(WireMessage message) {
        for (MessageFamily<?> family : families.values()) {
            if (family.messages().isInstance(message)) {
                return family;
            }
        }
        throw new IllegalArgumentException("no family for " + message.getClass());
    }

    /// Sends what waits, as long as the peer takes it, and then lets the event loop's other
    /// channels have a turn.
    private void drain() {
        drainScheduled.set(false);
        draining = true;
        try {
            long sentBytes = 0;
            Envelope.Outgoing next;
            while (sentBytes < DRAINED_BYTES_MAX
                    && channel.isWritable()
                    && (next = outbound.poll()) != null) {
                add(ByteBuffer.wrap(next.head()));
                for (ByteBuffer part : next.payload()) {
                    if (next.memory().isCounted() && part.remaining() >= STRAIGHT_BYTES_MIN) {
                        writeStraight(part, next.memory());
                    } else {
                        add(part.duplicate());
                    }
                }
                next.memory().release();
                queuedBytes.addAndGet(-next.lengthBytes());
                sentBytes += next.lengthBytes();
            }
            writeBatch();
        } catch (RuntimeException | Error e) {
            // A part of a message may have left: what follows would be taken for the rest of it.
            log.error("{}: closed, as it cannot be written to", peer.nodeId(), e);
            ReferenceCountUtil.release(batch);
            batch = null;
            channel.close();
            return;
        } finally {
            draining = false;
        }
        updateReading();
        if (channel.isWritable()) {
            scheduleDrain();
        }
    }

    /// Adds bytes to the batch. A long message takes several, each on its way before the next one
    /// is filled: that is the same memory again, and none that the pool has to make anew.
    private void add(ByteBuffer part) {
        while (part.hasRemaining()) {
            ByteBuf open = batch;
            if (open == null) {
                int waiting = (int) Math.min(BATCH_BYTES, queuedBytes.get());
                open = channel.alloc().directBuffer(waiting, waiting);
                batch = open;
            }
            int end = part.limit();
            part.limit(Math.min(end, part.position() + open.writableBytes()));
            open.writeBytes(part);
            part.limit(end);
            if (!open.isWritable()) {
                writeBatch();
            }
        }
    }

    /// The kernel takes long bytes from where they are.
    private void writeStraight(ByteBuffer part, CountedMemory memory) {
        writeBatch();
        memory.retain();
        meters.bytesOut.increment(part.remaining());
        channel.writeAndFlush(Unpooled.wrappedBuffer(part.slice()))
                .addListener(sent -> {
                    memory.release();
                    if (!sent.isSuccess()) {
                        // What follows would be taken for the rest of it.
                        channel.close();
                    }
                });
    }

    private void writeBatch() {
        ByteBuf full = batch;
        if (full != null) {
            batch = null;
            meters.bytesOut.increment(full.readableBytes());
            channel.writeAndFlush(full, channel.voidPromise());
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        // Within a drain this would come between the pieces of a message; the drain looks itself.
        if (channel.isWritable() && !draining) {
            drain();
        }
        ctx.fireChannelWritabilityChanged();
    }

    /// Back-pressure of the accepting side. The calling side always reads: were both to stop, two
    /// full queues would wait for each other.
    private void updateReading() {
        if (!accepted) {
            return;
        }
        long most = Math.max(queuedBytes.get(), heldBytes.get());
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
        dropOutbound();
        failPending();
        onClosed.run();
        ctx.fireChannelInactive();
    }

    private void dropOutbound() {
        for (Envelope.Outgoing next = outbound.poll(); next != null; next = outbound.poll()) {
            next.memory().release();
        }
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
        meters.garbage.increment();
        log.warn("{}: closed after garbage: {}", peer.nodeId(), garbage);
        channel.close();
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
            fail(reason);
            // Behind the answer, which the same loop writes.
            channel.eventLoop().execute(() -> refuse(reason));
        }

        @Override
        public void fail(String reason) {
            if (answered.compareAndSet(false, true)) {
                var writer = new WireWriter();
                byte[] text = reason.getBytes(StandardCharsets.UTF_8);
                writer.putBytes(ByteBuffer.wrap(text, 0, Math.min(text.length, 1000)));
                int flags = Envelope.ANSWER | Envelope.FAILURE;
                enqueue(
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
