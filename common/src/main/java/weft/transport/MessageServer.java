package weft.transport;

import io.netty.channel.Channel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.InetSocketAddress;

/// A listening socket and the connections it accepted. Made by [Transport#listen].
public final class MessageServer implements AutoCloseable {
    static final Transport.PipelineOutcome IGNORES_OUTCOME =
            new Transport.PipelineOutcome() {
                @Override
                public void passed(MessageChannel messages) {}

                @Override
                public void failed(IOException cause) {}

                @Override
                public void closed() {}
            };

    private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private volatile @Nullable Channel listening;

    MessageServer() {}

    void opened(Channel connection) {
        connections.add(connection);
    }

    void bound(Channel channel) {
        listening = channel;
    }

    /// Where it listens; the port is the real one.
    public InetSocketAddress address() {
        Channel channel = listening;
        if (channel == null) {
            throw new IllegalStateException("not bound");
        }
        return (InetSocketAddress) channel.localAddress();
    }

    /// Connections that are open now, with or without a finished handshake.
    public int connectionCount() {
        return connections.size();
    }

    /// Stops listening and closes what was accepted.
    @Override
    public void close() {
        Channel channel = listening;
        if (channel != null) {
            channel.close().awaitUninterruptibly(2_000);
        }
        connections.close().awaitUninterruptibly(2_000);
    }
}
