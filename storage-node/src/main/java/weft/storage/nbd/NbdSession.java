package weft.storage.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Owned;
import weft.transport.StraightReads;
import weft.volume.BlockVolume;
import weft.wire.MemoryPool;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.SSLException;

/// One client's connection, from the greeting to the end.
///
/// ```
/// NEGOTIATING ──INFO, GO──► OPENING ──► NEGOTIATING (INFO) or TRANSMITTING
///      │                       │              │
///      └─ABORT, garbage, late──┴──DISC, garbage, retired, gone──► ENDING ──nothing in flight──► closed
/// ```
///
/// One invariant: the export is released once, and only when no request of this connection is in
/// flight. Requests of one connection are answered in any order.
@Owned("the channel's event loop")
final class NbdSession extends ChannelInboundHandlerAdapter implements NbdExport.User {
    private static final Logger log = LoggerFactory.getLogger(NbdSession.class);

    /// How long a client may send nothing of a payload it owes.
    private static final int PATIENCE_SECONDS = 30;

    /// From the greeting to the transmission, in all: else a client that sends a byte now and then
    /// keeps its place of [#CONNECTIONS_MAX] for ever, and all places together keep everyone out
    /// (CVE-2024-7409 was that). Nobody is cut off while a volume is opened; QEMU's server gives 10
    /// s.
    static final int NEGOTIATION_SECONDS_MAX = 30;

    /// More sockets than a hundred VMs with a few queues each have.
    private static final int CONNECTIONS_MAX = 1024;

    private enum Phase {
        NEGOTIATING,
        OPENING,
        TRANSMITTING,
        ENDING
    }

    private final NbdExports exports;
    private final InFlightBudget budget;
    private final MemoryPool memory;
    private final StraightReads reads;
    private final NbdMeters meters;
    private final @Nullable NbdTls tls;
    private final NbdHandshake handshake;
    private Phase phase = Phase.NEGOTIATING;
    private ByteBuf unread = Unpooled.EMPTY_BUFFER;
    private @Nullable NbdExport export;
    private @Nullable NbdTransmission transmission;
    private @Nullable ChannelHandlerContext context;
    private @Nullable ScheduledFuture<?> patience;
    private @Nullable ScheduledFuture<?> negotiationEnd;
    private long bytesRead;
    private long bytesReadAtLastLook;

    /// The last write is in line; what still comes is nobody's.
    private boolean isClosing;

    private boolean wasClosingAtLastLook;

    /// It is closed at once; with TLS that takes a moment, in which nothing is taken any more.
    private boolean isDeaf;

    /// @param memory for long payloads
    /// @param reads of the channel, unless it may have TLS
    /// @param tls null for connections in the clear
    NbdSession(
            NbdExports exports,
            InFlightBudget budget,
            MemoryPool memory,
            StraightReads reads,
            NbdMeters meters,
            @Nullable NbdTls tls) {
        this.memory = memory;
        this.reads = reads;
        this.exports = exports;
        this.budget = budget;
        this.meters = meters;
        this.tls = tls;
        handshake = new NbdHandshake(exports::names, tls != null);
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        context = ctx;
        meters.opened();
        if (meters.connectionCount() > CONNECTIONS_MAX) {
            end(ctx);
            return;
        }
        ByteBuf out = ctx.alloc().buffer(18);
        handshake.greet(out);
        ctx.writeAndFlush(out, ctx.voidPromise());
        patience =
                ctx.executor()
                        .scheduleWithFixedDelay(
                                () -> lookForProgress(ctx),
                                PATIENCE_SECONDS,
                                PATIENCE_SECONDS,
                                TimeUnit.SECONDS);
        negotiationEnd =
                ctx.executor()
                        .schedule(
                                () -> endNegotiation(ctx),
                                NEGOTIATION_SECONDS_MAX,
                                TimeUnit.SECONDS);
    }

    private void endNegotiation(ChannelHandlerContext ctx) {
        if (isDeaf || phase != Phase.NEGOTIATING && phase != Phase.OPENING) {
            return;
        }
        if (phase == Phase.OPENING) {
            // That takes as long as it takes: the client waits for us.
            negotiationEnd =
                    ctx.executor().schedule(() -> endNegotiation(ctx), 1, TimeUnit.SECONDS);
            return;
        }
        isDeaf = true;
        meters.countGarbage();
        log.debug("{}: closed: no disk is used in time", ctx.channel().remoteAddress());
        ctx.close();
    }

    private void lookForProgress(ChannelHandlerContext ctx) {
        NbdTransmission current = transmission;
        boolean owesBytes = current != null && current.isWithinPayload();
        if (owesBytes && bytesRead == bytesReadAtLastLook) {
            broken(ctx, "nothing came for " + PATIENCE_SECONDS + " s");
        } else if (wasClosingAtLastLook) {
            broken(ctx, "the last replies were not read for " + PATIENCE_SECONDS + " s");
        }
        wasClosingAtLastLook = isClosing;
        bytesReadAtLastLook = bytesRead;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        bytesRead += in.readableBytes();
        if (isDeaf || isClosing || phase == Phase.ENDING && transmission == null) {
            in.release();
            return;
        }
        NbdTransmission current = transmission;
        if (current != null) {
            current.takeStraight(in);
        }
        if (unread.isReadable()) {
            // Only what is less than a header, or what came just before reading was stopped.
            ByteBuf both = ctx.alloc().buffer(unread.readableBytes() + in.readableBytes());
            both.writeBytes(unread).writeBytes(in);
            in.release();
            unread.release();
            unread = both;
        } else {
            unread.release();
            unread = in;
        }
        advance(ctx);
    }

    private void advance(ChannelHandlerContext ctx) {
        boolean goesOn = true;
        while (goesOn && !isDeaf) {
            NbdTransmission current = transmission;
            goesOn =
                    switch (phase) {
                        case NEGOTIATING -> negotiate(ctx);
                        case OPENING -> false;
                        case TRANSMITTING, ENDING -> {
                            if (current == null) {
                                yield false;
                            }
                            carryOn(ctx, current);
                            yield false;
                        }
                    };
        }
        if (!unread.isReadable()) {
            unread.release();
            unread = Unpooled.EMPTY_BUFFER;
        }
    }

    private void carryOn(ChannelHandlerContext ctx, NbdTransmission current) {
        switch (current.advance(unread)) {
            case WANTS_BYTES -> ctx.channel().config().setAutoRead(true);
            // At most what one read brought waits meanwhile.
            case IS_FULL -> ctx.channel().config().setAutoRead(false);
            case DISCONNECTED -> beginEnding(ctx);
            case BROKEN -> broken(ctx, "no request where one must be");
        }
    }

    /// Takes options.
    ///
    /// @return whether the next phase may find something to do
    private boolean negotiate(ChannelHandlerContext ctx) {
        ByteBuf out = ctx.alloc().buffer();
        NbdHandshake.Outcome outcome = handshake.advance(unread, out);
        if (out.isReadable()) {
            ctx.writeAndFlush(out, ctx.voidPromise());
        } else {
            // Even nothing would wait in line, once for each byte of a client that does not read.
            out.release();
        }
        switch (outcome) {
            case NbdHandshake.Outcome.Incomplete _ -> {
                return false;
            }
            case NbdHandshake.Outcome.Broken(String why) -> {
                broken(ctx, why);
                return false;
            }
            case NbdHandshake.Outcome.Ended _ -> {
                end(ctx);
                return false;
            }
            case NbdHandshake.Outcome.StartTls _ -> {
                startTls(ctx);
                return false;
            }
            case NbdHandshake.Outcome.Wanted wanted -> {
                return find(ctx, wanted);
            }
        }
    }

    /// The answer is on its way in the clear. What came behind the option did, too, and is not to
    /// be taken for something that came secured.
    private void startTls(ChannelHandlerContext ctx) {
        if (tls == null || unread.isReadable()) {
            broken(ctx, "bytes behind STARTTLS");
            return;
        }
        ctx.pipeline().addFirst(tls.handler(ctx.alloc()));
        handshake.secured();
    }

    private boolean find(ChannelHandlerContext ctx, NbdHandshake.Outcome.Wanted wanted) {
        NbdExport found = exports.find(wanted.export()).orElse(null);
        if (found == null) {
            return refuse(ctx, wanted, NbdProtocol.REP_ERR_UNKNOWN);
        }
        phase = Phase.OPENING;
        ctx.channel().config().setAutoRead(false);
        export = found;
        found.acquire(this)
                .whenComplete((volume, failure) ->
                        ctx.executor().execute(() -> opened(ctx, wanted, found, volume, failure)));
        return false;
    }

    private boolean refuse(
            ChannelHandlerContext ctx, NbdHandshake.Outcome.Wanted wanted, int reason) {
        ByteBuf out = ctx.alloc().buffer(32);
        boolean goesOn = handshake.refuse(wanted, reason, out);
        ctx.writeAndFlush(out, ctx.voidPromise());
        if (!goesOn) {
            end(ctx);
        }
        return goesOn;
    }

    private void opened(
            ChannelHandlerContext ctx,
            NbdHandshake.Outcome.Wanted wanted,
            NbdExport found,
            @Nullable BlockVolume volume,
            @Nullable Throwable failure) {
        if (phase != Phase.OPENING) {
            releaseExport(); // the connection ended meanwhile
            return;
        }
        phase = Phase.NEGOTIATING;
        ctx.channel().config().setAutoRead(true);
        if (volume == null) {
            log.warn("export {} cannot be opened: {}", found, String.valueOf(failure));
            releaseExport();
            refuse(ctx, wanted, NbdProtocol.REP_ERR_SHUTDOWN);
            advance(ctx);
            return;
        }
        ByteBuf out = ctx.alloc().buffer(256);
        boolean begins = handshake.accept(wanted, propertiesOf(volume), out);
        ctx.writeAndFlush(out, ctx.voidPromise());
        if (begins) {
            transmission =
                    new NbdTransmission(
                            ctx,
                            volume,
                            handshake.isStructured(),
                            handshake.hasAllocation(wanted),
                            budget,
                            memory,
                            reads,
                            meters,
                            new NbdTransmission.Owner() {
                                @Override
                                public void roomAgain() {
                                    advance(ctx);
                                }

                                @Override
                                public void idle() {
                                    endIfIdle(ctx);
                                }

                                @Override
                                public void fenced() {
                                    exports.fenced(found);
                                }
                            });
            phase = Phase.TRANSMITTING;
            cancel(negotiationEnd);
        } else {
            releaseExport();
        }
        advance(ctx);
    }

    private static NbdHandshake.Properties propertiesOf(BlockVolume volume) {
        int flags =
                NbdProtocol.HAS_FLAGS
                        | NbdProtocol.SEND_FLUSH
                        | NbdProtocol.SEND_FUA
                        | NbdProtocol.SEND_CACHE
                        | NbdProtocol.CAN_MULTI_CONN;
        flags |=
                volume.isReadOnly()
                        ? NbdProtocol.READ_ONLY
                        : NbdProtocol.SEND_TRIM
                                | NbdProtocol.SEND_WRITE_ZEROES
                                | NbdProtocol.SEND_FAST_ZERO;
        return new NbdHandshake.Properties(volume.sizeBytes(), flags);
    }

    private void releaseExport() {
        NbdExport held = export;
        export = null;
        if (held != null) {
            held.release(this);
        }
    }

    /// From the export, on any thread.
    @Override
    public void end(NbdExport.End how) {
        ChannelHandlerContext ctx = context;
        if (ctx == null) {
            return;
        }
        ctx.executor()
                .execute(() -> {
                    switch (how) {
                        case DRAINED -> beginEnding(ctx);
                        // Said once for each request that was fenced.
                        case ABRUPT -> {
                            if (!isDeaf) {
                                isDeaf = true;
                                ctx.close();
                            }
                        }
                    }
                });
    }

    /// Answers what is in flight, refuses what still comes, then closes.
    private void beginEnding(ChannelHandlerContext ctx) {
        NbdTransmission current = transmission;
        if (current != null) {
            current.refuseNewRequests();
        }
        phase = Phase.ENDING;
        endIfIdle(ctx);
    }

    private void endIfIdle(ChannelHandlerContext ctx) {
        NbdTransmission current = transmission;
        if (phase == Phase.ENDING && (current == null || current.isIdle())) {
            end(ctx);
        }
    }

    private void broken(ChannelHandlerContext ctx, String why) {
        if (isDeaf) {
            return;
        }
        isDeaf = true;
        meters.countGarbage();
        log.debug("{}: closed: {}", ctx.channel().remoteAddress(), why);
        phase = Phase.ENDING;
        ctx.close();
    }

    /// Closes after what was written has been sent.
    private void end(ChannelHandlerContext ctx) {
        phase = Phase.ENDING;
        if (isClosing) {
            return; // a second one would wait in line, too
        }
        isClosing = true;
        ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        boolean wasOpening = phase == Phase.OPENING;
        phase = Phase.ENDING;
        meters.closed();
        cancel(patience);
        cancel(negotiationEnd);
        ReferenceCountUtil.release(unread);
        unread = Unpooled.EMPTY_BUFFER;
        NbdTransmission current = transmission;
        if (current != null) {
            current.abandon(this::releaseExport);
        } else if (!wasOpening) {
            releaseExport();
        }
    }

    private static void cancel(@Nullable ScheduledFuture<?> timer) {
        if (timer != null) {
            timer.cancel(false);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof DecoderException && cause.getCause() instanceof SSLException) {
            meters.countGarbage();
            log.debug("{}: TLS failed: {}", ctx.channel().remoteAddress(), cause.getMessage());
        } else if (!(cause instanceof IOException)) {
            log.error("{}: session failed", ctx.channel().remoteAddress(), cause);
        }
        ctx.close();
    }
}
