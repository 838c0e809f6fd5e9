package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

import org.jspecify.annotations.Nullable;

import weft.wire.CountedMemory;
import weft.wire.MalformedMessage;
import weft.wire.MemoryPool;

import java.nio.ByteBuffer;
import java.util.function.IntPredicate;

/// Cuts the byte stream into [Envelope]s. A payload is collected in memory of its own: a short one
/// in an array, with one copy; a long one of a counted type in the memory of a pool, which the
/// socket is read into directly, but for what came together with its head. What came damaged ends
/// the connection, as any other garbage does.
final class EnvelopeReader extends ChannelInboundHandlerAdapter {
    private final StraightReads reads;
    private final MemoryPool pool;
    private final IntPredicate isCounted;
    private final ByteBuffer head = ByteBuffer.allocate(Envelope.HEAD_BYTES);
    private CountedMemory memory = CountedMemory.HEAP;
    private @Nullable ByteBuffer payload;

    /// @param isCounted by type id
    EnvelopeReader(StraightReads reads, MemoryPool pool, IntPredicate isCounted) {
        this.reads = reads;
        this.pool = pool;
        this.isCounted = isCounted;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object received) throws MalformedMessage {
        ByteBuf in = (ByteBuf) received;
        try {
            if (reads.filled(in) >= 0) {
                in.skipBytes(in.readableBytes());
            }
            while (in.isReadable() || isComplete()) {
                read(ctx, in);
            }
        } finally {
            in.release();
        }
    }

    private boolean isComplete() {
        return payload != null && !payload.hasRemaining();
    }

    private void read(ChannelHandlerContext ctx, ByteBuf in) throws MalformedMessage {
        ByteBuffer target = payload;
        if (target == null) {
            int count = Math.min(in.readableBytes(), head.remaining());
            in.readBytes(head.array(), head.position(), count);
            head.position(head.position() + count);
            if (!head.hasRemaining()) {
                begin(checkedLength(head.getInt(0), head.get(7)));
            }
            return;
        }
        int count = Math.min(in.readableBytes(), target.remaining());
        in.readBytes(target.slice(target.position(), count));
        target.position(target.position() + count);
        if (!target.hasRemaining()) {
            end(ctx, target.flip());
        }
    }

    private void begin(int lengthBytes) {
        if (lengthBytes >= MemoryPool.LENGTH_BYTES_MIN && isCounted.test(typeId())) {
            memory = pool.take(lengthBytes);
            payload = memory.bytes();
            reads.want(memory.isCounted() ? payload : null);
        } else {
            payload = ByteBuffer.allocate(lengthBytes);
        }
    }

    private int typeId() {
        return head.getShort(4) & 0xFFFF;
    }

    private void end(ChannelHandlerContext ctx, ByteBuffer complete) throws MalformedMessage {
        if (!Envelope.isWhole(head.array(), complete)) {
            throw new MalformedMessage(
                    "a message of type %x came damaged: it does not match its checksum"
                            .formatted(typeId()));
        }
        reads.want(null);
        payload = null;
        head.clear();
        CountedMemory own = memory;
        memory = CountedMemory.HEAP;
        try {
            ctx.fireChannelRead(
                    new Envelope(typeId(), head.get(6), head.getLong(8), complete, own));
        } finally {
            own.release();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        reads.want(null);
        payload = null;
        memory.release();
        memory = CountedMemory.HEAP;
        ctx.fireChannelInactive();
    }

    private static int checkedLength(int lengthBytes, byte zero) throws MalformedMessage {
        if (lengthBytes < 0 || lengthBytes > Envelope.PAYLOAD_BYTES_MAX || zero != 0) {
            throw new MalformedMessage(
                    "an envelope of %d bytes, longest is %d"
                            .formatted(lengthBytes & 0xFFFF_FFFFL, Envelope.PAYLOAD_BYTES_MAX));
        }
        return lengthBytes;
    }
}
