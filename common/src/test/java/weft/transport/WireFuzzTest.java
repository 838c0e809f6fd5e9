package weft.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;

import org.junit.jupiter.api.Tag;

import weft.fabric.NodeId;
import weft.wire.MalformedMessage;
import weft.wire.MemoryPool;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.audit.AuditCodec;
import weft.wire.capture.CaptureFamily;
import weft.wire.console.ConsoleFamily;
import weft.wire.migration.MigrationFamily;
import weft.wire.storage.StorageCodec;
import weft.wire.vm.VmFamily;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/// Any bytes of a peer: each is a message, which has no other form in bytes, or refused as
/// [MalformedMessage].
@Tag("fuzz")
class WireFuzzTest {
    private static final Handshake SELF =
            Handshake.of(new UUID(1, 2), Role.STORAGE, new NodeId("n1"), 7);

    private static final Map<Integer, MessageFamily<?>> FAMILIES = families();

    private static Map<Integer, MessageFamily<?>> families() {
        Map<Integer, MessageFamily<?>> all = new HashMap<>();
        for (MessageFamily<?> family :
                new MessageFamily<?>[] {
                    new StorageCodec(),
                    new MigrationFamily(),
                    new ConsoleFamily(),
                    new AuditCodec(),
                    new CaptureFamily(),
                    new VmFamily()
                }) {
            all.put(family.rangeByte(), family);
        }
        return Map.copyOf(all);
    }

    /// The input: type id 2, payload.
    @FuzzTest(maxDuration = "10m")
    void message(byte[] input) {
        if (input.length < 2) {
            return;
        }
        int typeId = ByteBuffer.wrap(input).getShort() & 0xFFFF;
        MessageFamily<?> family = FAMILIES.get(typeId >>> 8);
        if (family != null) {
            decodeAndEncode(family, typeId, Arrays.copyOfRange(input, 2, input.length));
        }
    }

    private static <M extends WireMessage> void decodeAndEncode(
            MessageFamily<M> family, int typeId, byte[] payload) {
        M message;
        try {
            message = family.decode(typeId, new WireReader(payload));
        } catch (MalformedMessage _) {
            return;
        }
        assertEquals(typeId, family.typeIdOf(message));
        var writer = new WireWriter();
        family.encode(message, writer);
        assertArrayEquals(payload, writer.toBytes(), () -> "another form of " + message);
    }

    /// The input: how many bytes come at once 1, then what a client sends from the first byte on. A
    /// message that is a request is answered with itself.
    @FuzzTest(maxDuration = "10m")
    void connection(byte[] input) {
        if (input.length == 0) {
            return;
        }
        var outcome = new Outcome();
        var channel =
                new EmbeddedChannel(new HandshakeGate(SELF, false, null, outcome.meters, outcome));
        int piece = 1 + (input[0] & 0xFF);
        for (int at = 1; at < input.length && channel.isOpen(); at += piece) {
            int count = Math.min(piece, input.length - at);
            channel.writeInbound(Unpooled.copiedBuffer(input, at, count));
            channel.runPendingTasks();
        }
        channel.finish();
        assertEquals(1, outcome.toldCount, "the gate tells its outcome once");
        assertTrue(channel.inboundMessages().isEmpty(), "bytes went past the gate");
        byte[] sent = sentBy(channel);
        if (!outcome.isPassed) {
            assertFalse(sent.length > 0 && sent[Handshake.MAGIC.length] == Handshake.KIND_HELLO);
            return;
        }
        byte[] hello = SELF.toHello();
        assertArrayEquals(hello, Arrays.copyOf(sent, hello.length));
        checkEchoes(input, ByteBuffer.wrap(sent, hello.length, sent.length - hello.length));
    }

    private static byte[] sentBy(EmbeddedChannel channel) {
        ByteBuf all = Unpooled.buffer();
        for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
            all.writeBytes(out);
            out.release();
        }
        return ByteBufUtil.getBytes(all);
    }

    /// Each answer is what came, in its order, but for its flags.
    private static void checkEchoes(byte[] input, ByteBuffer answers) {
        Deque<byte[]> requests = new ArrayDeque<>();
        int bodyAt = 1 + Handshake.MAGIC.length + 1;
        ByteBuffer in = ByteBuffer.wrap(input);
        in.position(bodyAt + 4 + in.getInt(bodyAt));
        while (in.remaining() >= Envelope.HEAD_BYTES) {
            int lengthBytes = in.getInt(in.position());
            if (lengthBytes < 0 || lengthBytes > in.remaining() - Envelope.HEAD_BYTES) {
                break;
            }
            byte[] envelope = new byte[Envelope.HEAD_BYTES + lengthBytes];
            in.get(envelope);
            envelope[6] = Envelope.ANSWER;
            requests.add(envelope);
        }
        while (answers.hasRemaining()) {
            byte[] answer = new byte[Envelope.HEAD_BYTES + answers.getInt(answers.position())];
            answers.get(answer);
            boolean isFound = false;
            while (!isFound) {
                byte[] request = requests.poll();
                assertTrue(request != null, "an answer to no request");
                isFound = Arrays.equals(request, answer);
            }
        }
    }

    private static final class Outcome implements HandshakeGate.Outcome {
        final TransportMeters meters = new TransportMeters(new SimpleMeterRegistry());
        boolean isPassed;
        int toldCount;

        @Override
        public void passed(ChannelHandlerContext ctx, Handshake peer) {
            isPassed = true;
            toldCount++;
            Map<Integer, Endpoint> endpoints = new HashMap<>();
            FAMILIES.keySet().forEach(range -> endpoints.put(range, Outcome::echo));
            var messages =
                    new MessageChannel(
                            ctx.channel(), peer, true, FAMILIES, endpoints, meters, () -> {});
            var reader =
                    new EnvelopeReader(
                            new StraightReads(),
                            MemoryPool.poisoning(8 << 20),
                            typeId -> typeId % 2 == 0);
            ctx.pipeline().addLast(reader, messages);
        }

        private static void echo(WireMessage message, Caller caller) {
            caller.reply(message);
        }

        @Override
        public void failed(IOException cause) {
            toldCount++;
        }
    }
}
