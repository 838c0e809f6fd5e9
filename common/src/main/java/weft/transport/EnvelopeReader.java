package weft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

import org.jspecify.annotations.Nullable;

import weft.wire.MalformedMessage;

import java.nio.ByteBuffer;

/// Cuts the byte stream into [Envelope]s. A payload is collected straight into its own array: one
/// copy, and no pooled buffer outlives the read.
final class EnvelopeReader extends ChannelInboundHandlerAdapter {
    private final ByteBuffer head = ByteBuffer.allocate(Envelope.HEAD_BYTES);
    private byte @Nullable [] payload;
    private int payloadBytes;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object received) throws MalformedMessage {
        ByteBuf in = (ByteBuf) received;
        try {
            while (in.isReadable() || isComplete()) {
                read(ctx, in);
            }
        } finally {
            in.release();
        }
    }

    private boolean isComplete() {
        return payload != null && payloadBytes == payload.length;
    }

    private void read(ChannelHandlerContext ctx, ByteBuf in) throws MalformedMessage {
        if (payload == null) {
            int count = Math.min(in.readableBytes(), head.remaining());
            in.readBytes(head.array(), head.position(), count);
            head.position(head.position() + count);
            if (!head.hasRemaining()) {
                payload = new byte[checkedLength(head.getInt(0), head.get(7))];
                payloadBytes = 0;
            }
            return;
        }
        byte[] target = payload;
        int count = Math.min(in.readableBytes(), target.length - payloadBytes);
        in.readBytes(target, payloadBytes, count);
        payloadBytes += count;
        if (payloadBytes == target.length) {
            payload = null;
            head.clear();
            ctx.fireChannelRead(
                    new Envelope(head.getShort(4) & 0xFFFF, head.get(6), head.getLong(8), target));
        }
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
