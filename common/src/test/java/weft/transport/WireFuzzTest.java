package weft.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.util.Objects.requireNonNull;

import com.code_intelligence.jazzer.junit.FuzzTest;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.provider.MethodSource;

import weft.fabric.NodeId;
import weft.wire.MalformedMessage;
import weft.wire.MemoryPool;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireSamples;
import weft.wire.WireWriter;
import weft.wire.audit.AuditCodec;
import weft.wire.capture.CaptureFamily;
import weft.wire.console.ConsoleFamily;
import weft.wire.holder.HolderFamily;
import weft.wire.migration.MigrationFamily;
import weft.wire.network.SwitchFamily;
import weft.wire.storage.StorageCodec;
import weft.wire.vm.VmFamily;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

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
                    new VmFamily(),
                    new SwitchFamily(),
                    new HolderFamily()
                }) {
            all.put(family.rangeByte(), family);
        }
        return Map.copyOf(all);
    }

    /// The input: type id 2, payload.
    @MethodSource("messages")
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

    static Stream<byte[]> messages() {
        return WireSamples.messages().stream()
                .map(message -> {
                    var out = new WireWriter();
                    out.putShort(familyOf(message).typeIdOf(message));
                    familyOf(message).encode(message, out);
                    return out.toBytes();
                });
    }

    /// The family, by the name under which it takes the message.
    @SuppressWarnings("unchecked")
    private static MessageFamily<WireMessage> familyOf(WireMessage message) {
        return FAMILIES.values().stream()
                .filter(family -> family.messages().isInstance(message))
                .map(family -> (MessageFamily<WireMessage>) family)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void ofEveryMessageThereIsAnInput() {
        Set<Class<?>> seen = new HashSet<>();
        WireSamples.messages().forEach(message -> seen.add(message.getClass()));
        Set<Class<?>> all = new HashSet<>();
        FAMILIES.values().forEach(family -> all.addAll(WireSamples.recordsOf(family.messages())));
        assertEquals(all, seen);
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

    /// The input: how many bytes come at once 1, then what a client sends from the first byte on;
    /// in the place of a hello's major is how far that is from ours, so that what passed the gate
    /// once passes it when the number is another. Envelopes are without their checksums, which no
    /// random change would get right. A message that is a request is answered with itself.
    @MethodSource("connections")
    @FuzzTest(maxDuration = "10m")
    void connection(byte[] input) {
        connect(input);
    }

    private static Outcome connect(byte[] input) {
        var outcome = new Outcome();
        if (input.length == 0) {
            return outcome;
        }
        byte[] sent = withChecksums(withMajor(input));
        var channel =
                new EmbeddedChannel(new HandshakeGate(SELF, false, null, outcome.meters, outcome));
        int piece = 1 + (sent[0] & 0xFF);
        for (int at = 1; at < sent.length && channel.isOpen(); at += piece) {
            int count = Math.min(piece, sent.length - at);
            channel.writeInbound(Unpooled.copiedBuffer(sent, at, count));
            channel.runPendingTasks();
        }
        channel.finish();
        assertEquals(1, outcome.toldCount, "the gate tells its outcome once");
        assertTrue(channel.inboundMessages().isEmpty(), "bytes went past the gate");
        checkAnswers(sent, sentBy(channel), outcome.isPassed);
        return outcome;
    }

    private static byte[] withMajor(byte[] input) {
        byte[] sent = input.clone();
        int majorAt = 1 + Handshake.HEAD_BYTES;
        int kindAt = 1 + Handshake.MAGIC.length;
        if (sent.length >= majorAt + 2 && sent[kindAt] == Handshake.KIND_HELLO) {
            ByteBuffer bytes = ByteBuffer.wrap(sent);
            bytes.putShort(majorAt, (short) (bytes.getShort(majorAt) + Handshake.MAJOR));
        }
        return sent;
    }

    private static byte[] withChecksums(byte[] input) {
        int bodyAt = 1 + Handshake.MAGIC.length + 1;
        if (input.length < bodyAt + 4) {
            return input;
        }
        ByteBuffer in = ByteBuffer.wrap(input);
        int bodyBytes = in.getInt(bodyAt);
        if (bodyBytes < 0 || bodyBytes > input.length - bodyAt - 4) {
            return input;
        }
        var out = new ByteArrayOutputStream();
        in.position(bodyAt + 4 + bodyBytes);
        out.write(input, 0, in.position());
        while (in.remaining() >= Envelope.CHECKSUM_AT) {
            int lengthBytes = in.getInt(in.position());
            if (lengthBytes < 0 || lengthBytes > in.remaining() - Envelope.CHECKSUM_AT) {
                break;
            }
            byte[] envelope = new byte[Envelope.HEAD_BYTES + lengthBytes];
            in.get(envelope, 0, Envelope.CHECKSUM_AT);
            in.get(envelope, Envelope.HEAD_BYTES, lengthBytes);
            out.writeBytes(sealed(envelope));
        }
        out.write(input, in.position(), in.remaining());
        return out.toByteArray();
    }

    private static byte[] sealed(byte[] envelope) {
        ByteBuffer bytes = ByteBuffer.wrap(envelope);
        ByteBuffer payload =
                bytes.slice(Envelope.HEAD_BYTES, envelope.length - Envelope.HEAD_BYTES);
        bytes.putInt(Envelope.CHECKSUM_AT, Envelope.checksum(envelope, List.of(payload)));
        return envelope;
    }

    /// All messages behind the hello: one-way, as requests, and after the hello of another cluster.
    static Stream<byte[]> connections() {
        ByteBuf envelopes = Unpooled.buffer();
        for (int requestId = 0; requestId < 2; requestId++) {
            for (byte[] message : messages().toList()) {
                if (message.length < 1024) {
                    envelopes.writeInt(message.length - 2).writeBytes(message, 0, 2);
                    envelopes.writeShort(0).writeLong(requestId);
                    envelopes.writeBytes(message, 2, message.length - 2);
                }
            }
        }
        byte[] all = ByteBufUtil.getBytes(envelopes);
        return Stream.of(
                said(0, hello(SELF.clusterId()), all),
                said(20, hello(SELF.clusterId()), all),
                said(255, hello(SELF.clusterId()), all),
                said(255, hello(new UUID(1, 3)), all),
                said(255, Handshake.toRefusal("no"), new byte[0]));
    }

    private static byte[] hello(UUID cluster) {
        var peer = new Handshake(cluster, Role.CLIENT, new NodeId("n2"), 9, 0, Handshake.MINOR, 0);
        return peer.toHello();
    }

    private static byte[] said(int pieces, byte[] greeting, byte[] envelopes) {
        return ByteBuffer.allocate(1 + greeting.length + envelopes.length)
                .put((byte) pieces)
                .put(greeting)
                .put(envelopes)
                .array();
    }

    @Test
    void keptConnectionsReachTheServices() throws Exception {
        Set<Integer> reached = new HashSet<>();
        connections().forEach(input -> reached.addAll(connect(input).served));
        assertEquals(FAMILIES.keySet(), reached);
        reached.clear();
        URL kept = WireFuzzTest.class.getResource("WireFuzzTestInputs/connection");
        try (Stream<Path> files = Files.list(Path.of(requireNonNull(kept).toURI()))) {
            for (Path file : files.toList()) {
                reached.addAll(connect(Files.readAllBytes(file)).served);
            }
        }
        assertFalse(reached.isEmpty(), "no kept input passes the gate");
    }

    private static void checkAnswers(byte[] input, byte[] sent, boolean isPassed) {
        if (!isPassed) {
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
            requests.add(sealed(envelope));
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
        final Set<Integer> served = new HashSet<>();
        boolean isPassed;
        int toldCount;

        @Override
        public void passed(ChannelHandlerContext ctx, Handshake peer) {
            isPassed = true;
            toldCount++;
            Map<Integer, Endpoint> endpoints = new HashMap<>();
            FAMILIES.keySet().forEach(range -> endpoints.put(range, echo(range)));
            var messages =
                    new MessageChannel(
                            ctx.channel(), peer, true, FAMILIES, endpoints, meters, null, () -> {});
            var reader =
                    new EnvelopeReader(
                            new StraightReads(),
                            MemoryPool.poisoning(8 << 20),
                            typeId -> typeId % 2 == 0);
            ctx.pipeline().addLast(reader, messages);
        }

        private Endpoint echo(int range) {
            return (message, caller) -> {
                served.add(range);
                caller.reply(message);
            };
        }

        @Override
        public void failed(IOException cause) {
            toldCount++;
        }
    }
}
