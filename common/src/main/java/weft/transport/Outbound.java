package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.util.ReferenceCountUtil;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Loop;
import weft.wire.CountedMemory;

import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/// What waits to be sent on one connection, encoded, and how it comes to the socket, in batches and
/// in order.
///
/// ```text
///   any thread ──► queue ──┬─► the sender writes it itself: short, and nothing in its way
///                          └─► the event loop: long, or what the socket did not take
/// ```
///
/// What a loop that gathers adds waits for the end of its batch, and leaves together. Where the
/// sender writes, no other thread is woken for it: at depth 1 that is one change of threads less
/// for each hop of a write.
final class Outbound {
    /// One write to the socket; loopback and 10 GbE gain nothing from longer ones.
    private static final int BATCH_BYTES = 128 << 10;

    /// Of one drain: other channels of the event loop wait meanwhile.
    private static final long DRAINED_BYTES_MAX = 1 << 20;

    /// A shorter part is copied into the batch.
    private static final int STRAIGHT_BYTES_MIN = 16 << 10;

    /// A longer message is the event loop's at once, while its sender goes on.
    private static final int SHORT_BYTES_MAX = 32 << 10;

    private static final Logger log = LoggerFactory.getLogger(Outbound.class);

    private final Channel channel;
    private final @Nullable SocketEnd socket;
    private final TransportMeters meters;
    private final Runnable onSent;
    private final ConcurrentLinkedQueue<Envelope.Outgoing> queue = new ConcurrentLinkedQueue<>();
    private final AtomicLong queuedBytes = new AtomicLong();
    private final AtomicBoolean drainScheduled = new AtomicBoolean();
    private final Runnable drain = this::drain;
    private final Runnable send = this::send;

    /// Writes that Netty has and has not done.
    private final AtomicInteger underWay = new AtomicInteger();

    private final ChannelFutureListener written = _ -> underWay.decrementAndGet();

    /// Held by whoever takes from the queue, until that is written or in `rest`: so the order of
    /// messages is that of the bytes. The event loop waits for it, senders only try.
    private final ReentrantLock writing = new ReentrantLock();

    /// What a sender has tried to write and the socket did not take: comes first. Under `writing`.
    private @Nullable ByteBuf rest;

    /// Under `writing`.
    private boolean closed;

    /// The event loop's, with what its present drain has not written yet.
    private boolean draining;

    private @Nullable ByteBuf batch;

    /// @param socket null if the event loop is to write everything
    /// @param onSent runs when the queue has become shorter, on any thread
    Outbound(Channel channel, @Nullable SocketEnd socket, TransportMeters meters, Runnable onSent) {
        this.channel = channel;
        this.socket = socket;
        this.meters = meters;
        this.onSent = onSent;
    }

    /// What is queued, in bytes.
    long queuedBytes() {
        return queuedBytes.get();
    }

    /// Queues a message, and sees to it that it is sent.
    void add(Envelope.Outgoing outgoing) {
        queuedBytes.addAndGet(outgoing.lengthBytes());
        queue.add(outgoing);
        meters.messagesOut.increment();
        if (outgoing.lengthBytes() > SHORT_BYTES_MAX) {
            send();
        } else {
            Loop.atBatchEnd(send);
        }
    }

    private void send() {
        if (!queue.isEmpty() && !writeHere() && drainScheduled.compareAndSet(false, true)) {
            channel.eventLoop().execute(drain);
        }
    }

    /// @return false if there is something left for the event loop
    private boolean writeHere() {
        SocketEnd end = socket;
        if (end == null || channel.eventLoop().inEventLoop() || !writing.tryLock()) {
            return false;
        }
        try {
            if (closed || rest != null || underWay.get() > 0 || !writeShort(end)) {
                return false;
            }
        } finally {
            writing.unlock();
        }
        onSent.run();
        // What came meanwhile: who brought it did not get the lock.
        return queue.isEmpty();
    }

    /// Writes the messages that come next, as far as they are short and fit into one batch.
    ///
    /// @return false if the socket did not take all of it
    private boolean writeShort(SocketEnd end) {
        ByteBuf bytes = takeShort();
        if (bytes == null) {
            return true;
        }
        int count = bytes.readableBytes();
        end.write(bytes);
        meters.bytesOut.increment(count - bytes.readableBytes());
        if (bytes.isReadable()) {
            rest = bytes;
            return false;
        }
        bytes.release();
        return true;
    }

    private @Nullable ByteBuf takeShort() {
        ByteBuf bytes = null;
        Envelope.Outgoing next = queue.peek();
        while (next != null
                && next.lengthBytes()
                        <= (bytes == null ? SHORT_BYTES_MAX : bytes.writableBytes())) {
            if (bytes == null) {
                int waiting = (int) Math.min(BATCH_BYTES, queuedBytes.get());
                bytes = channel.alloc().directBuffer(waiting, waiting);
            }
            queue.remove();
            bytes.writeBytes(next.head());
            for (ByteBuffer part : next.payload()) {
                bytes.writeBytes(part.duplicate());
            }
            next.memory().release();
            queuedBytes.addAndGet(-next.lengthBytes());
            next = queue.peek();
        }
        return bytes;
    }

    /// Sends what waits, as long as the peer takes it, and then lets the event loop's other
    /// channels have a turn.
    private void drain() {
        drainScheduled.set(false);
        writing.lock();
        draining = true;
        try {
            writeRest();
            long sentBytes = 0;
            Envelope.Outgoing next;
            while (sentBytes < DRAINED_BYTES_MAX
                    && channel.isWritable()
                    && (next = queue.poll()) != null) {
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
            log.error("{}: closed, as it cannot be written to", channel.remoteAddress(), e);
            ReferenceCountUtil.release(batch);
            batch = null;
            channel.close();
            return;
        } finally {
            draining = false;
            writing.unlock();
        }
        onSent.run();
        if (channel.isWritable()) {
            send();
        }
    }

    private void writeRest() {
        ByteBuf first = rest;
        if (first != null) {
            rest = null;
            var _ = write(first);
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
        var _ =
                write(Unpooled.wrappedBuffer(part.slice()))
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
            var _ = write(full);
        }
    }

    private ChannelFuture write(ByteBuf bytes) {
        meters.bytesOut.increment(bytes.readableBytes());
        underWay.incrementAndGet();
        return channel.writeAndFlush(bytes).addListener(written);
    }

    /// On the event loop, when that has changed.
    void onWritability() {
        // Within a drain this would come between the pieces of a message; the drain looks itself.
        if (channel.isWritable() && !draining) {
            drain();
        }
    }

    /// On the event loop, as soon as the channel is inactive: drops what waits.
    void close() {
        writing.lock();
        try {
            closed = true;
            for (Envelope.Outgoing next = queue.poll(); next != null; next = queue.poll()) {
                next.memory().release();
            }
            ReferenceCountUtil.release(rest);
            rest = null;
            if (socket != null) {
                socket.close();
            }
        } finally {
            writing.unlock();
        }
    }
}
