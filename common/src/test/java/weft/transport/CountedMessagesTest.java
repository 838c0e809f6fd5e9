package weft.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.NodeId;
import weft.wire.CountedMemory;
import weft.wire.MalformedMessage;
import weft.wire.MemoryPool;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/// Long messages in memory that is used again: over real sockets, and over streams that are cut
/// anywhere.
@Timeout(60)
class CountedMessagesTest {
    private static final int MIB = 1 << 20;

    /// What the pool makes for a message of 1 MiB.
    private static final int OF_ONE_MIB = MIB + (64 << 10);

    private static final int COUNTED = 0x7F01;
    private static final int ECHO = 0x7F02;

    /// Bytes in counted memory, received likewise unless they are an echo.
    private record Bytes(int typeId, ByteBuffer content, CountedMemory memory)
            implements WireMessage {}

    private static final MessageFamily<Bytes> FAMILY =
            new MessageFamily<>() {
                @Override
                public int rangeByte() {
                    return 0x7F;
                }

                @Override
                public Class<Bytes> messages() {
                    return Bytes.class;
                }

                @Override
                public int typeIdOf(Bytes message) {
                    return message.typeId();
                }

                @Override
                public boolean isCounted(int typeId) {
                    return typeId == COUNTED;
                }

                @Override
                public void encode(Bytes message, WireWriter out) {
                    out.putBytes(message.content());
                }

                @Override
                public Bytes decodeFields(int typeId, WireReader in) throws MalformedMessage {
                    return new Bytes(typeId, in.readBytes(4 * MIB), in.memory());
                }
            };

    /// One process: its pool, its server and its connection to the other.
    private final class Side {
        final MemoryPool pool;
        final Transport transport;
        final MessageServer server;

        Side(String node, long poolBytes, Endpoint endpoint) throws Exception {
            pool = MemoryPool.poisoning(poolBytes);
            transport =
                    new Transport(
                            Handshake.of(new UUID(1, 2), Role.STORAGE, new NodeId(node), 1),
                            List.of(FAMILY),
                            1,
                            new SimpleMeterRegistry(),
                            pool);
            opened.add(transport);
            var loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
            server = transport.listen(loopback, List.of(new Service(FAMILY, endpoint)));
            opened.add(server);
        }

        PeerConnection to(Side other) {
            return transport.connect(other.server.address(), null, List.of());
        }

        /// A message in memory of its own, that the caller holds.
        Bytes message(int lengthBytes, int seed) {
            CountedMemory memory = pool.take(lengthBytes);
            ByteBuffer content = memory.bytes().put(bytes(lengthBytes, seed)).flip();
            return new Bytes(COUNTED, content, memory);
        }
    }

    private final List<AutoCloseable> opened = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : opened.reversed()) {
            each.close();
        }
    }

    private static ByteBuffer bytes(int lengthBytes, int seed) {
        byte[] content = new byte[lengthBytes];
        new Random(seed).nextBytes(content);
        return ByteBuffer.wrap(content);
    }

    /// The answer lies in the request's memory, which is left to the transport.
    private static void echo(WireMessage message, Caller caller) {
        var request = (Bytes) message;
        caller.reply(new Bytes(ECHO, request.content(), request.memory()));
    }

    @Test
    void messagesOfAllLengthsArriveWholeBothWaysInMemoryThatIsUsedAgain() throws Exception {
        var left = new Side("left", 16 * MIB, CountedMessagesTest::echo);
        var right = new Side("right", 16 * MIB, CountedMessagesTest::echo);
        PeerConnection toRight = left.to(right);
        PeerConnection toLeft = right.to(left);
        List<Integer> lengths =
                List.of(MIB, 1, 4 * MIB, (64 << 10) - 1, (64 << 10) - 5, 64 << 10, 100, 3 * MIB);
        for (int round = 0; round < 4; round++) {
            List<CompletableFuture<WireMessage>> answers = new ArrayList<>();
            for (int length : lengths) {
                answers.add(ask(toRight, left.message(length, length + round)));
                answers.add(ask(toLeft, right.message(length, -length - round)));
            }
            for (int i = 0; i < lengths.size(); i++) {
                int length = lengths.get(i);
                assertEquals(bytes(length, length + round), content(answers.get(2 * i)));
                assertEquals(bytes(length, -length - round), content(answers.get(2 * i + 1)));
            }
        }
    }

    /// Nobody but the transport holds the request while it is sent.
    private static CompletableFuture<WireMessage> ask(PeerConnection to, Bytes message) {
        CompletableFuture<WireMessage> answer = to.request(message);
        message.memory().release();
        return answer;
    }

    private static ByteBuffer content(CompletableFuture<WireMessage> answer) throws Exception {
        return ((Bytes) answer.get()).content();
    }

    @Test
    void anAnswersMemoryIsHeldForWhoWaitsForIt() throws Exception {
        var left = new Side("left", 4 * OF_ONE_MIB, CountedMessagesTest::echo);
        var right = new Side("right", OF_ONE_MIB, (message, caller) -> caller.reply(message));
        PeerConnection toRight = left.to(right);
        for (int round = 0; round < 3; round++) {
            var answer = (Bytes) ask(toRight, left.message(MIB, round)).get();
            assertTrue(answer.memory().isCounted());
            assertEquals(bytes(MIB, round), answer.content());
            answer.memory().release();

            // With the answer to a later one the transport had let go of the first, too.
            var _ = ask(toRight, left.message(1, round)).get();
            assertEquals((byte) 0xDB, answer.content().get(MIB - 1));
            assertThrows(IllegalStateException.class, answer.memory()::retain);
        }
    }

    @Test
    void whatIsHeldStaysAndWhatIsLetGoServesTheNextMessage() throws Exception {
        Queue<Bytes> kept = new ConcurrentLinkedQueue<>();
        var right =
                new Side(
                        "right",
                        OF_ONE_MIB,
                        (message, caller) -> {
                            message.memory().retain();
                            kept.add((Bytes) message);
                            caller.reply(new Bytes(ECHO, bytes(1, 1), CountedMemory.HEAP));
                        });
        var left = new Side("left", 4 * OF_ONE_MIB, CountedMessagesTest::echo);
        PeerConnection toRight = left.to(right);

        var _ = ask(toRight, left.message(MIB, 1)).get();
        var _ = ask(toRight, left.message(MIB, 2)).get();
        Bytes first = kept.remove();
        Bytes second = kept.remove();
        assertTrue(first.memory().isCounted());
        assertFalse(second.memory().isCounted(), "there is no more than the first one has");
        assertEquals(bytes(MIB, 1), first.content());
        assertEquals(bytes(MIB, 2), second.content());

        // With the answer to the second one the transport had let go of the first.
        first.memory().release();
        assertEquals(poison(), first.content());

        var _ = ask(toRight, left.message(MIB, 3)).get();
        Bytes third = kept.remove();
        assertTrue(third.memory().isCounted());
        assertEquals(bytes(MIB, 3), third.content());
        assertEquals(bytes(MIB, 3), first.content(), "the same memory");
        assertEquals(bytes(MIB, 2), second.content());
        third.memory().release();
    }

    @Test
    void aSenderMayLetGoAtOnceAndItsMemoryIsFreeWhenTheMessageIsSent() throws Exception {
        var right = new Side("right", 0, CountedMessagesTest::echo);
        var left = new Side("left", OF_ONE_MIB, CountedMessagesTest::echo);
        PeerConnection toRight = left.to(right);
        Bytes message = left.message(MIB, 1);
        assertTrue(message.memory().isCounted());
        // It is held already while there is no connection yet.
        assertEquals(bytes(MIB, 1), content(ask(toRight, message)));
        assertEquals(poison(), message.content());
        assertTrue(left.pool.take(MIB).isCounted());
    }

    private static ByteBuffer poison() {
        byte[] poison = new byte[MIB];
        Arrays.fill(poison, (byte) 0xDB);
        return ByteBuffer.wrap(poison);
    }

    // ---- Without sockets: every read is as long as the test wants.

    @Test
    void whereverTheStreamIsCutTheMessagesAreTheSame() {
        List<ByteBuffer> payloads =
                List.of(bytes(70_000, 1), bytes(5, 2), bytes(0, 3), bytes(100_000, 4));
        int head = Envelope.HEAD_BYTES;
        List<Integer> firstReads =
                List.of(1, 7, head - 1, head, head + 1, head + 69_999, head + 70_000, 2 * head);
        for (int firstRead : firstReads) {
            for (int others : List.of(3_001, 65_536, 1 << 20)) {
                assertEquals(payloads, received(payloads, firstRead, others));
            }
        }
    }

    private static List<ByteBuffer> received(
            List<ByteBuffer> payloads, int firstRead, int otherReads) {
        var reads = new StraightReads();
        var reader = new EnvelopeReader(reads, MemoryPool.poisoning(MIB), FAMILY::isCounted);
        List<ByteBuffer> received = new ArrayList<>();
        var channel = new EmbeddedChannel(reader, new Copying(received));
        ByteBuffer stream = streamOf(payloads);
        var handle = reads.newHandle();
        int length = firstRead;
        while (stream.hasRemaining()) {
            ByteBuf target = handle.allocate(UnpooledByteBufAllocator.DEFAULT);
            int count = Math.min(stream.remaining(), Math.min(length, target.writableBytes()));
            target.writeBytes(stream.slice(stream.position(), count));
            stream.position(stream.position() + count);
            channel.writeInbound(target);
            length = otherReads;
        }
        assertFalse(channel.finish());
        return received;
    }

    private static ByteBuffer streamOf(List<ByteBuffer> payloads) {
        Queue<ByteBuffer> parts = new ArrayDeque<>();
        for (ByteBuffer payload : payloads) {
            List<ByteBuffer> rest = List.of(payload.duplicate());
            var sent =
                    Envelope.Outgoing.of(
                            COUNTED, 0, 0, payload.remaining(), rest, CountedMemory.HEAP);
            parts.add(ByteBuffer.wrap(sent.head()));
            parts.addAll(sent.payload());
        }
        ByteBuffer stream = ByteBuffer.allocate(parts.stream().mapToInt(Buffer::remaining).sum());
        parts.forEach(stream::put);
        return stream.flip();
    }

    /// Has the bytes of an envelope during the call only.
    private static final class Copying extends ChannelInboundHandlerAdapter {
        private final List<ByteBuffer> received;

        Copying(List<ByteBuffer> received) {
            this.received = received;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            var envelope = (Envelope) message;
            ByteBuffer payload = envelope.payload();
            boolean isLong = payload.remaining() >= MemoryPool.LENGTH_BYTES_MIN;
            assertEquals(isLong, envelope.memory().isCounted());
            ByteBuffer copy = ByteBuffer.allocate(payload.remaining());
            received.add(copy.put(payload.duplicate()).flip());
        }
    }
}
