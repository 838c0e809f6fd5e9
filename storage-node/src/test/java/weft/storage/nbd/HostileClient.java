package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.flush.FlushConsolidationHandler;

import org.slf4j.LoggerFactory;

import weft.fixtures.MemoryVolume;
import weft.transport.StraightReads;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;
import weft.wire.MemoryPool;

import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// One connection to a session of the NBD server, over its real handlers. On closing it is held
/// against what must hold of any client: the session never failed by an exception, all buffers are
/// given back, and what it sent are replies ([SentReplies]).
final class HostileClient implements AutoCloseable {
    static final int DISK_BYTES = 64 << 10;
    static final Charset UTF_8 = StandardCharsets.UTF_8;

    /// Requests in flight, answers of one read of options, and those under way.
    private static final int UNSENT_MAX =
            NbdTransmission.REQUESTS_MAX + NbdHandshake.OPTIONS_MAX + 16;

    private final MemoryVolume disk;
    private final UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
    private final InFlightBudget budget = new InFlightBudget();
    private final Socket socket = new Socket();
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Queue<byte[]> unread = new ArrayDeque<>();
    private final SentReplies replies;
    private final CompletableFuture<BlockVolume> opening = new CompletableFuture<>();
    private int pieceBytes = Integer.MAX_VALUE;

    HostileClient(boolean isDiskReadOnly) {
        disk = new MemoryVolume(DISK_BYTES, isDiskReadOnly);
        replies = new SentReplies(disk.sizeBytes());
        log.start();
        logger().addAppender(log);
        channel.config().setAllocator(memory);
        var meters = new NbdMeters(new SimpleMeterRegistry(), "fuzzed", budget);
        var session =
                new NbdSession(
                        exports(),
                        budget,
                        MemoryPool.poisoning(64 << 20),
                        new StraightReads(),
                        meters,
                        null);
        channel.pipeline().addLast(socket, new FlushConsolidationHandler(64, true), session);
        channel.pipeline().fireChannelActive();
        settle();
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(NbdSession.class);
    }

    /// Opened by another connection before, so that this one gets them on its own thread. `slow` is
    /// one that still waits for its volume.
    private NbdExports exports() {
        var exports = new NbdExports();
        exports.add("disk", () -> CompletableFuture.completedFuture(disk));
        var gone = new VolumeException(VolumeException.Reason.CLOSED, "on purpose");
        exports.add("broken", () -> CompletableFuture.failedFuture(gone));
        for (String name : exports.names()) {
            exports.find(name).orElseThrow().acquire(_ -> {}).exceptionally(_ -> disk).join();
        }
        exports.add("slow", () -> opening);
        return exports;
    }

    MemoryVolume disk() {
        return disk;
    }

    /// Replies that told what the disk holds; known when this is closed.
    int statusCount() {
        return replies.statusCount();
    }

    boolean isOpen() {
        return channel.isOpen();
    }

    void begin(int flags) {
        send(ByteBuffer.allocate(4).putInt(flags).array());
    }

    void option(int option, byte[] body) {
        ByteBuffer out = ByteBuffer.allocate(16 + body.length);
        out.putLong(NbdProtocol.IHAVEOPT).putInt(option).putInt(body.length).put(body);
        send(out.array());
    }

    /// @param wrong added to the length of the name
    void want(int option, String export, int informations, int wrong) {
        byte[] name = export.getBytes(UTF_8);
        ByteBuffer body = ByteBuffer.allocate(4 + name.length + 2 + 2 * informations);
        body.putInt(name.length + wrong).put(name).putShort((short) informations);
        option(option, body.array());
    }

    /// LIST_META_CONTEXT or SET_META_CONTEXT.
    ///
    /// @param wrong added to the count of queries
    void contexts(int option, String export, int wrong, String... queries) {
        ByteBuffer body = ByteBuffer.allocate(1024);
        putString(body, export);
        body.putInt(queries.length + wrong);
        for (String query : queries) {
            putString(body, query);
        }
        option(option, Arrays.copyOf(body.array(), body.position()));
    }

    private static void putString(ByteBuffer out, String text) {
        byte[] bytes = text.getBytes(UTF_8);
        out.putInt(bytes.length).put(bytes);
    }

    /// A WRITE of up to a disk has its payload behind it.
    void request(int flags, int type, long offset, int length, long cookie) {
        boolean isWhole = type == NbdProtocol.CMD_WRITE && length > 0 && length <= DISK_BYTES;
        ByteBuffer out = ByteBuffer.allocate(28 + (isWhole ? length : 0));
        out.putInt(NbdProtocol.REQUEST_MAGIC).putShort((short) flags).putShort((short) type);
        out.putLong(cookie).putLong(offset).putInt(length);
        send(out.array());
    }

    void send(byte[] bytes) {
        for (int at = 0; at < bytes.length; ) {
            int count = Math.min(pieceBytes, bytes.length - at);
            byte[] piece = new byte[count];
            System.arraycopy(bytes, at, piece, 0, count);
            unread.add(piece);
            at += count;
        }
        settle();
    }

    /// From now on bytes come in pieces of so many.
    void cutInto(int bytes) {
        pieceBytes = bytes;
    }

    /// Completes what the disk holds, shuffled.
    void release(int seed) {
        disk.release(new Random(seed));
        settle();
    }

    void stopReading() {
        socket.isFull = true;
    }

    void read() {
        socket.isFull = false;
        socket.drain();
        settle();
    }

    void pass(int seconds) {
        channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
        settle();
    }

    /// What a socket would bring is read as long as the session wants it.
    private void settle() {
        channel.runPendingTasks();
        while (channel.isOpen() && channel.config().isAutoRead()) {
            byte[] piece = unread.poll();
            if (piece == null) {
                break;
            }
            replies.comes(piece.length);
            channel.writeInbound(memory.buffer(piece.length).writeBytes(piece));
            channel.runPendingTasks();
        }
        collect();
        assertTrue(
                socket.waiting.size() <= UNSENT_MAX,
                () -> "replies pile up: " + socket.waiting.size() + " wait");
    }

    private void collect() {
        for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
            replies.sent(out);
            out.release();
        }
    }

    @Override
    public void close() {
        disk.release();
        read();
        boolean wasOpen = channel.isOpen();
        channel.close();
        channel.runPendingTasks();
        collect();
        logger().detachAppender(log);
        assertTrue(
                log.list.stream().noneMatch(event -> event.getLevel() == Level.ERROR),
                log.list::toString);
        assertEquals(0, budget.takenBytes(), "room is given back");
        assertEquals(0, memory.metric().usedDirectMemory() + memory.metric().usedHeapMemory());
        replies.end(wasOpen);
        channel.finishAndReleaseAll();
    }

    /// Between the session and the wire: keeps what the client does not read.
    private final class Socket extends ChannelOutboundHandlerAdapter {
        private record Write(ChannelHandlerContext ctx, ByteBuf bytes, ChannelPromise promise) {}

        private final Queue<Write> waiting = new ArrayDeque<>();
        private boolean isFull;
        private boolean isDraining;

        @Override
        public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
            waiting.add(new Write(ctx, (ByteBuf) message, promise.unvoid()));
            drain();
        }

        @Override
        public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
            isFull = false;
            drain();
            ctx.close(promise);
        }

        void drain() {
            if (isDraining) {
                return; // called by what a write that is done leads to
            }
            isDraining = true;
            while (!isFull) {
                Write next = waiting.poll();
                if (next == null) {
                    break;
                }
                next.ctx.writeAndFlush(next.bytes, next.promise);
            }
            isDraining = false;
        }
    }
}
