package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;

import java.nio.ByteBuffer;

/// The buffers that one channel is read into: Netty's own, or, while the rest of a long payload is
/// to come, the place where it is to be, so that nothing is copied. For channels without TLS.
@Owned("the channel's event loop")
public final class StraightReads implements RecvByteBufAllocator {
    /// At a turn of the event loop, as Netty's channels have it.
    private static final int READS_MAX = 16;

    private @Nullable ByteBuffer wanted;
    private @Nullable ByteBuf lent;

    /// The next reads go there, from the buffer's position on, until [#filled] has seen all of it
    /// or another one is wanted.
    ///
    /// @param rest outside of the heap; null to have Netty's buffers again
    public void want(@Nullable ByteBuffer rest) {
        wanted = rest;
        lent = null;
    }

    /// How much of what was wanted is there by this read; the buffer's position moves on by it.
    ///
    /// @return -1 if the read went to a buffer of Netty's
    public int filled(ByteBuf read) {
        ByteBuffer rest = wanted;
        if (rest == null || read != lent) {
            return -1;
        }
        lent = null;
        rest.position(rest.position() + read.readableBytes());
        return read.readableBytes();
    }

    private @Nullable ByteBuf lend() {
        ByteBuffer rest = wanted;
        if (rest == null || !rest.hasRemaining()) {
            return null;
        }
        ByteBuf straight = Unpooled.wrappedBuffer(rest.slice()).clear();
        lent = straight;
        return straight;
    }

    @Override
    public ExtendedHandle newHandle() {
        return new Straight(new AdaptiveRecvByteBufAllocator().maxMessagesPerRead(READS_MAX));
    }

    private final class Straight extends DelegatingHandle implements ExtendedHandle {
        Straight(RecvByteBufAllocator usual) {
            super(usual.newHandle());
        }

        @Override
        public ByteBuf allocate(ByteBufAllocator buffers) {
            ByteBuf straight = lend();
            return straight == null ? super.allocate(buffers) : straight;
        }

        @Override
        public boolean continueReading(UncheckedBooleanSupplier mayBeMore) {
            return ((ExtendedHandle) delegate()).continueReading(mayBeMore);
        }
    }
}
