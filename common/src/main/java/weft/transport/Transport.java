package weft.transport;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;
import weft.wire.MemoryPool;
import weft.wire.MessageFamily;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// The network side of one process: its identity, its event loops, the protocols it speaks.
/// Everything that listens or connects is made here.
public final class Transport implements AutoCloseable {
    private static final int CONNECT_TIMEOUT_MILLIS = 2_000;

    /// How long sent bytes may stay unacknowledged before the kernel breaks the connection: shorter
    /// than the stall a client may see, longer than any retransmission on a healthy network.
    private static final int UNACKNOWLEDGED_MILLIS_MAX = 4_000;

    /// For long messages; fifteen of the longest.
    private static final long MEMORY_BYTES_MAX = 64 << 20;

    private static final int KEEPALIVE_SECONDS = 2;
    private static final int KEEPALIVE_PROBES = 3;

    private final Handshake self;
    private final Map<Integer, MessageFamily<?>> families;
    private final TransportMeters meters;
    private final MemoryPool memory;
    private final boolean epoll = Epoll.isAvailable();
    private final MultiThreadIoEventLoopGroup eventLoops;

    /// @param self what this process says of itself on every connection
    /// @param families all protocols it speaks, serving or calling
    /// @param eventLoopCount threads that move bytes
    public Transport(
            Handshake self,
            List<MessageFamily<?>> families,
            int eventLoopCount,
            MeterRegistry registry) {
        this(self, families, eventLoopCount, registry, new MemoryPool(MEMORY_BYTES_MAX));
    }

    /// @param memory for long messages
    Transport(
            Handshake self,
            List<MessageFamily<?>> families,
            int eventLoopCount,
            MeterRegistry registry,
            MemoryPool memory) {
        this.self = self;
        this.memory = memory;
        this.families = HashMap.newHashMap(families.size());
        families.forEach(family -> this.families.put(family.rangeByte(), family));
        meters = new TransportMeters(registry);
        IoHandlerFactory io = epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
        eventLoops =
                new MultiThreadIoEventLoopGroup(
                        eventLoopCount, new DefaultThreadFactory("net-" + self.nodeId(), true), io);
    }

    /// What this process says of itself.
    public Handshake self() {
        return self;
    }

    /// The threads that move bytes, for servers of other protocols in this process; they end with
    /// the transport.
    public EventLoopGroup eventLoops() {
        return eventLoops;
    }

    /// What long messages are received into, for what else this process receives to be sent on.
    public MemoryPool memory() {
        return memory;
    }

    private boolean isCounted(int typeId) {
        MessageFamily<?> family = families.get(typeId >>> 8);
        return family != null && family.isCounted(typeId);
    }

    /// Listens for peers and serves them.
    ///
    /// @param address port 0 takes a free one
    /// @throws IOException if the address cannot be had
    public MessageServer listen(InetSocketAddress address, List<Service> services)
            throws IOException {
        var server = new MessageServer();
        Map<Integer, Endpoint> endpoints = endpointsOf(services);
        var bootstrap =
                new ServerBootstrap()
                        .group(eventLoops)
                        .channel(serverChannel())
                        .option(ChannelOption.SO_BACKLOG, 256)
                        .option(ChannelOption.SO_REUSEADDR, true)
                        .childHandler(
                                initializer(channel -> {
                                    configure(channel);
                                    server.opened(channel);
                                    openPipeline(
                                            channel,
                                            null,
                                            endpoints,
                                            MessageServer.IGNORES_OUTCOME);
                                }));
        var bound = bootstrap.bind(address).awaitUninterruptibly();
        if (!bound.isSuccess()) {
            throw new IOException(
                    "cannot listen on %s:%d: %s"
                            .formatted(
                                    address.getHostString(),
                                    address.getPort(),
                                    reasonOf(bound.cause())));
        }
        server.bound(bound.channel());
        return server;
    }

    /// A connection to a node, opened at its first use and again after it broke.
    ///
    /// @param expected the node that must answer there; null for whoever does
    /// @param services what the peer may ask of this side over it
    public PeerConnection connect(
            InetSocketAddress address, @Nullable NodeId expected, List<Service> services) {
        return new PeerConnection(this, address, expected, endpointsOf(services));
    }

    /// Tries to open a connection once. The future completes on the event loop.
    CompletableFuture<MessageChannel> open(
            InetSocketAddress address,
            @Nullable NodeId expected,
            Map<Integer, Endpoint> endpoints,
            Runnable onClosed) {
        var opened = new CompletableFuture<MessageChannel>();
        var outcome = new Opening(opened, onClosed);
        var bootstrap =
                new Bootstrap()
                        .group(eventLoops)
                        .channel(epoll ? EpollSocketChannel.class : NioSocketChannel.class)
                        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MILLIS)
                        .handler(
                                initializer(channel -> {
                                    configure(channel);
                                    openPipeline(channel, expected, endpoints, outcome);
                                }));
        bootstrap
                .connect(address)
                .addListener(connected -> {
                    if (!connected.isSuccess()) {
                        opened.completeExceptionally(
                                new PeerUnreachable(reasonOf(connected.cause())));
                    }
                });
        return opened;
    }

    /// Runs the task on an event loop after the delay; for back-off.
    void schedule(int delayMillis, Runnable task) {
        if (!eventLoops.isShuttingDown()) {
            eventLoops.schedule(task, delayMillis, TimeUnit.MILLISECONDS);
        }
    }

    /// The whole pipeline of a connection. TLS, when it comes, is `addFirst` of one handler here,
    /// and neither [StraightReads] nor [SocketEnd].
    private void openPipeline(
            Channel channel,
            @Nullable NodeId expected,
            Map<Integer, Endpoint> endpoints,
            PipelineOutcome outcome) {
        boolean speaksFirst = outcome != MessageServer.IGNORES_OUTCOME;
        var reads = new StraightReads();
        channel.config().setRecvByteBufAllocator(reads);
        channel.pipeline()
                .addLast(
                        new HandshakeGate(
                                self,
                                speaksFirst,
                                expected,
                                meters,
                                new HandshakeGate.Outcome() {
                                    @Override
                                    public void passed(ChannelHandlerContext ctx, Handshake peer) {
                                        var messages =
                                                new MessageChannel(
                                                        ctx.channel(),
                                                        peer,
                                                        !speaksFirst,
                                                        families,
                                                        endpoints,
                                                        meters,
                                                        SocketEnd.of(ctx.channel()),
                                                        outcome::closed);
                                        ctx.pipeline()
                                                .addLast(
                                                        new EnvelopeReader(
                                                                reads,
                                                                memory,
                                                                Transport.this::isCounted),
                                                        messages);
                                        outcome.passed(messages);
                                    }

                                    @Override
                                    public void failed(IOException cause) {
                                        outcome.failed(cause);
                                    }
                                }));
    }

    /// Who waits for the end of a handshake.
    interface PipelineOutcome {
        void passed(MessageChannel messages);

        void failed(IOException cause);

        /// Only after [#passed].
        void closed();
    }

    private record Opening(CompletableFuture<MessageChannel> opened, Runnable onClosed)
            implements PipelineOutcome {
        @Override
        public void passed(MessageChannel messages) {
            opened.complete(messages);
        }

        @Override
        public void failed(IOException cause) {
            opened.completeExceptionally(cause);
        }

        @Override
        public void closed() {
            onClosed.run();
        }
    }

    /// The pooled allocator, as Netty's own choice, the adaptive one, makes a buffer anew for each
    /// read of 64 KiB, and the JDK then fills it with zeroes: a third of what a secondary's event
    /// loop does for large writes.
    private void configure(Channel channel) {
        var config = channel.config();
        config.setOption(ChannelOption.ALLOCATOR, PooledByteBufAllocator.DEFAULT);
        config.setOption(ChannelOption.TCP_NODELAY, true);
        config.setOption(ChannelOption.SO_KEEPALIVE, true);
        config.setOption(
                ChannelOption.WRITE_BUFFER_WATER_MARK,
                new WriteBufferWaterMark(256 << 10, 1 << 20));
        if (epoll) {
            config.setOption(EpollChannelOption.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLIS_MAX);
            config.setOption(EpollChannelOption.TCP_KEEPIDLE, KEEPALIVE_SECONDS);
            config.setOption(EpollChannelOption.TCP_KEEPINTVL, KEEPALIVE_SECONDS);
            config.setOption(EpollChannelOption.TCP_KEEPCNT, KEEPALIVE_PROBES);
        }
    }

    private static ChannelInitializer<Channel> initializer(
            java.util.function.Consumer<Channel> body) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                body.accept(channel);
            }
        };
    }

    private Class<? extends ServerChannel> serverChannel() {
        return epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    }

    private static Map<Integer, Endpoint> endpointsOf(List<Service> services) {
        Map<Integer, Endpoint> endpoints = HashMap.newHashMap(services.size());
        services.forEach(s -> endpoints.put(s.family().rangeByte(), s.endpoint()));
        return endpoints;
    }

    private static String reasonOf(@Nullable Throwable cause) {
        return cause == null ? "unknown" : String.valueOf(cause.getMessage());
    }

    /// Closes all connections and ends the event loops.
    @Override
    public void close() {
        eventLoops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5_000);
    }
}
