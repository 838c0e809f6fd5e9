package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.ScheduledFuture;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.NodeId;
import weft.wire.MalformedMessage;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// First in every connection: nothing passes until both sides have said who they are. Then the gate
/// removes itself and tells its [Outcome].
final class HandshakeGate extends ChannelInboundHandlerAdapter {
    /// How it ended, on the connection's event loop.
    interface Outcome {
        /// The peer is one of us; the next bytes are envelopes.
        void passed(ChannelHandlerContext ctx, Handshake peer);

        /// It is not, or it is gone; the connection is being closed.
        void failed(IOException cause);
    }

    /// Longer than any scheduling delay; a peer that connects and is silent costs a descriptor only
    /// for so long.
    private static final int TIMEOUT_MILLIS = 5_000;

    private static final Logger log = LoggerFactory.getLogger(HandshakeGate.class);

    private final Handshake self;
    private final boolean speaksFirst;
    private final @Nullable NodeId expected;
    private final TransportMeters meters;
    private final Outcome outcome;
    private ByteBuf received = Unpooled.EMPTY_BUFFER;
    private @Nullable ScheduledFuture<?> timeout;
    private boolean decided;

    HandshakeGate(
            Handshake self,
            boolean speaksFirst,
            @Nullable NodeId expected,
            TransportMeters meters,
            Outcome outcome) {
        this.self = self;
        this.speaksFirst = speaksFirst;
        this.expected = expected;
        this.meters = meters;
        this.outcome = outcome;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        received = ctx.alloc().buffer(256, Handshake.HEAD_BYTES + Handshake.BODY_BYTES_MAX);
        timeout =
                ctx.executor()
                        .schedule(
                                () -> fail(ctx, new PeerUnreachable("no handshake in time")),
                                TIMEOUT_MILLIS,
                                TimeUnit.MILLISECONDS);
        if (speaksFirst) {
            ctx.writeAndFlush(Unpooled.wrappedBuffer(self.toHello()));
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            if (decided) {
                return;
            }
            // Takes no more than the handshake: what follows it belongs to the next reader.
            take(in, Handshake.HEAD_BYTES - received.readableBytes());
            int bodyBytes = bodyBytes();
            take(in, Handshake.HEAD_BYTES + bodyBytes - received.readableBytes());
            if (bodyBytes >= 0 && received.readableBytes() == Handshake.HEAD_BYTES + bodyBytes) {
                boolean isPassed = decide(ctx, bodyBytes);
                if (isPassed && in.isReadable()) {
                    ctx.fireChannelRead(in.retain());
                }
            }
        } catch (MalformedMessage e) {
            meters.garbage.increment();
            log.debug("{}: no handshake: {}", ctx.channel().remoteAddress(), e.getMessage());
            fail(ctx, e);
        } finally {
            in.release();
        }
    }

    private void take(ByteBuf in, int countMax) {
        int count = Math.min(countMax, in.readableBytes());
        if (count > 0) {
            received.writeBytes(in, count);
        }
    }

    /// Length of the body; -1 while the head is not complete.
    private int bodyBytes() throws MalformedMessage {
        int known = Math.min(received.readableBytes(), Handshake.MAGIC.length);
        for (int i = 0; i < known; i++) {
            if (received.getByte(i) != Handshake.MAGIC[i]) {
                throw new MalformedMessage("not a connection of the fabric");
            }
        }
        if (received.readableBytes() < Handshake.HEAD_BYTES) {
            return -1;
        }
        int length = received.getInt(Handshake.MAGIC.length + 1);
        if (length < 0 || length > Handshake.BODY_BYTES_MAX) {
            throw new MalformedMessage("a handshake of " + (length & 0xFFFF_FFFFL) + " bytes");
        }
        return length;
    }

    /// @return whether the peer has passed
    private boolean decide(ChannelHandlerContext ctx, int bodyBytes) throws MalformedMessage {
        byte[] body = new byte[bodyBytes];
        received.getBytes(Handshake.HEAD_BYTES, body);
        int kind = received.getByte(Handshake.MAGIC.length);
        if (kind == Handshake.KIND_REFUSAL) {
            fail(ctx, new PeerFailure(Handshake.ofRefusal(body)));
            return false;
        }
        if (kind != Handshake.KIND_HELLO) {
            throw new MalformedMessage("a handshake of kind " + kind);
        }
        Handshake peer = Handshake.ofHello(body);
        Optional<String> refusal = self.refusalOf(peer, expected);
        if (refusal.isPresent()) {
            refuse(ctx, refusal.get());
            return false;
        }
        if (!speaksFirst) {
            ctx.writeAndFlush(Unpooled.wrappedBuffer(self.toHello()));
        }
        finish();
        meters.connectionsOpened.increment();
        outcome.passed(ctx, peer);
        ctx.pipeline().remove(this);
        return true;
    }

    private void refuse(ChannelHandlerContext ctx, String reason) {
        meters.handshakesRefused.increment();
        log.warn("{}: refused: {}", ctx.channel().remoteAddress(), reason);
        finish();
        if (speaksFirst) {
            // The other side has passed its gate and reads envelopes: it sees the close.
            ctx.close();
        } else {
            ctx.writeAndFlush(Unpooled.wrappedBuffer(Handshake.toRefusal(reason)))
                    .addListener(ChannelFutureListener.CLOSE);
        }
        outcome.failed(new PeerFailure(reason));
    }

    private void fail(ChannelHandlerContext ctx, IOException cause) {
        if (!decided) {
            finish();
            outcome.failed(cause);
        }
        ctx.close();
    }

    private void finish() {
        decided = true;
        if (timeout != null) {
            timeout.cancel(false);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        fail(ctx, new PeerUnreachable("the connection was closed during the handshake"));
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        fail(ctx, new PeerUnreachable("the connection broke: " + cause.getMessage()));
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        received.release();
    }
}
