package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.FileDescriptor;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// A second handle of a connected socket, by which any thread writes; the event loop reads by the
/// first. Of its own, because the event loop closes the first when it likes, and the number is then
/// another file's.
///
/// The connection ends when both are closed: to be closed as soon as the channel is inactive.
/// Guarded by its owner's lock.
final class SocketEnd implements AutoCloseable {
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final MethodHandle FCNTL = bind();

    private final FileDescriptor descriptor;

    private SocketEnd(FileDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /// Of a channel without TLS; null where that cannot be done, and the event loop does it all.
    static @Nullable SocketEnd of(Channel channel) {
        if (!(channel instanceof EpollSocketChannel epoll)) {
            return null;
        }
        int copy = copy(epoll.fd().intValue());
        return copy < 0 ? null : new SocketEnd(new FileDescriptor(copy));
    }

    /// Writes what the socket takes now, and moves the reader's index on by it. If the connection
    /// is broken that is nothing: the event loop finds out why.
    void write(ByteBuf bytes) {
        int from = bytes.readerIndex();
        try {
            int count = descriptor.writeAddress(bytes.memoryAddress(), from, bytes.writerIndex());
            bytes.skipBytes(Math.max(0, count));
        } catch (IOException e) {
            assert bytes.readerIndex() == from;
        }
    }

    @Override
    public void close() {
        try {
            descriptor.close();
        } catch (IOException e) {
            throw new IllegalStateException("a socket cannot be closed", e);
        }
    }

    private static int copy(int descriptor) {
        try {
            return (int) FCNTL.invokeExact(descriptor, F_DUPFD_CLOEXEC, 0);
        } catch (Throwable e) {
            throw new IllegalStateException("fcntl", e);
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle bind() {
        Linker linker = Linker.nativeLinker();
        var type =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT);
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("fcntl"),
                type,
                Linker.Option.firstVariadicArg(2));
    }
}
