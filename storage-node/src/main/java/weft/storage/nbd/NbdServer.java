package weft.storage.nbd;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;

import org.jspecify.annotations.Nullable;

import weft.transport.StraightReads;
import weft.transport.Transport;
import weft.wire.MemoryPool;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// Serves exports over the NBD protocol. Whoever reaches the socket may use every export, and needs
/// a certificate for it if [NbdTls] says so: without, it listens on an address that only trusted
/// clients reach.
public final class NbdServer implements AutoCloseable {
    private static final int EVENT_LOOPS = 2;
    private static final int CLOSE_SECONDS_MAX = 5;

    /// For long payloads, where no transport has it.
    private static final long MEMORY_BYTES_MAX = 44 << 20;

    /// Chunks of 16 MiB: in the pool's usual 4 MiB three requests of 1 MiB have room, and a chunk
    /// that is made anew is filled with zeroes.
    private static final ByteBufAllocator BUFFERS =
            new PooledByteBufAllocator(
                    true,
                    0,
                    PooledByteBufAllocator.defaultNumDirectArena(),
                    PooledByteBufAllocator.defaultPageSize(),
                    11,
                    PooledByteBufAllocator.defaultSmallCacheSize(),
                    PooledByteBufAllocator.defaultNormalCacheSize(),
                    false);

    /// How many replies one system call may carry.
    private static final int FLUSHES_CONSOLIDATED = 64;

    private final EventLoopGroup eventLoops;
    private final boolean ownsLoops;
    private final MemoryPool memory;
    private final ChannelGroup sessions = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private final Channel listening;
    private final NbdMeters meters;
    private final @Nullable NbdTls tls;

    /// Listens at once, on event loops of its own.
    ///
    /// @param listen port 0 takes a free one
    /// @param tls empty for connections in the clear
    /// @throws IOException with the address in its message if it cannot be had
    public NbdServer(
            InetSocketAddress listen,
            NbdExports exports,
            Optional<NbdTls> tls,
            MeterRegistry registry)
            throws IOException {
        this(ownLoops(), true, new MemoryPool(MEMORY_BYTES_MAX), listen, exports, tls, registry);
    }

    /// The same on the event loops of the transport by which the volumes ask the pool: where client
    /// and pool meet on one, a request is sent and answered without another thread.
    public NbdServer(
            Transport transport,
            InetSocketAddress listen,
            NbdExports exports,
            Optional<NbdTls> tls,
            MeterRegistry registry)
            throws IOException {
        this(transport.eventLoops(), false, transport.memory(), listen, exports, tls, registry);
    }

    /// The same on event loops of its own, with the memory of others for long payloads.
    public NbdServer(
            MemoryPool memory,
            InetSocketAddress listen,
            NbdExports exports,
            Optional<NbdTls> tls,
            MeterRegistry registry)
            throws IOException {
        this(ownLoops(), true, memory, listen, exports, tls, registry);
    }

    private static EventLoopGroup ownLoops() {
        IoHandlerFactory io =
                Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
        return new MultiThreadIoEventLoopGroup(
                EVENT_LOOPS, new DefaultThreadFactory("nbd", true), io);
    }

    private NbdServer(
            EventLoopGroup eventLoops,
            boolean ownsLoops,
            MemoryPool memory,
            InetSocketAddress listen,
            NbdExports exports,
            Optional<NbdTls> tls,
            MeterRegistry registry)
            throws IOException {
        this.eventLoops = eventLoops;
        this.ownsLoops = ownsLoops;
        this.memory = memory;
        this.tls = tls.orElse(null);
        var budget = new InFlightBudget();
        boolean isEpoll = Epoll.isAvailable();
        var bootstrap =
                new ServerBootstrap()
                        .group(eventLoops)
                        .channel(
                                isEpoll
                                        ? EpollServerSocketChannel.class
                                        : NioServerSocketChannel.class)
                        .option(ChannelOption.SO_BACKLOG, 256)
                        .option(ChannelOption.AUTO_READ, false)
                        .option(ChannelOption.SO_REUSEADDR, true)
                        .childOption(ChannelOption.ALLOCATOR, BUFFERS)
                        .childOption(ChannelOption.TCP_NODELAY, true)
                        .childOption(ChannelOption.SO_KEEPALIVE, true)
                        .childHandler(
                                new ChannelInitializer<Channel>() {
                                    @Override
                                    protected void initChannel(Channel channel) {
                                        sessions.add(channel);
                                        channel.pipeline()
                                                .addLast(
                                                        new FlushConsolidationHandler(
                                                                FLUSHES_CONSOLIDATED, true),
                                                        newSession(channel, exports, budget));
                                    }
                                });
        var bound = bootstrap.bind(listen).awaitUninterruptibly();
        if (!bound.isSuccess()) {
            endLoops();
            Throwable cause = bound.cause();
            throw new IOException(
                    "NBD address %s:%d cannot be used: %s"
                            .formatted(
                                    listen.getHostString(), listen.getPort(), cause.getMessage()),
                    cause);
        }
        listening = bound.channel();
        InetSocketAddress address = address();
        meters = new NbdMeters(registry, address.getHostString() + ":" + address.getPort(), budget);
        // Only now are connections accepted: sessions need what was made since the bind.
        listening.config().setAutoRead(true);
    }

    private NbdSession newSession(Channel channel, NbdExports exports, InFlightBudget budget) {
        var reads = new StraightReads();
        if (tls == null) {
            channel.config().setRecvByteBufAllocator(reads);
        }
        return new NbdSession(exports, budget, memory, reads, meters, tls);
    }

    /// Where it listens.
    public InetSocketAddress address() {
        return (InetSocketAddress) listening.localAddress();
    }

    /// Takes no more connections, answers what is in flight (new requests are told ESHUTDOWN),
    /// closes the connections and with the last of each export its volume; waits five seconds at
    /// most.
    @Override
    public void close() {
        listening.close().awaitUninterruptibly();
        for (Channel channel : sessions) {
            NbdSession session = channel.pipeline().get(NbdSession.class);
            if (session != null) {
                session.end(NbdExport.End.DRAINED);
            }
        }
        sessions.newCloseFuture().awaitUninterruptibly(CLOSE_SECONDS_MAX, TimeUnit.SECONDS);
        sessions.close().awaitUninterruptibly(CLOSE_SECONDS_MAX, TimeUnit.SECONDS);
        endLoops();
        meters.removeAll();
    }

    private void endLoops() {
        if (ownsLoops) {
            eventLoops.shutdownGracefully(0, CLOSE_SECONDS_MAX, TimeUnit.SECONDS);
        }
    }
}
