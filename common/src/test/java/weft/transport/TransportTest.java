package weft.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.NodeId;
import weft.fixtures.Await;
import weft.wire.CountedMemory;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/// Real sockets on loopback; one side of some tests is a bare socket that misbehaves.
@Timeout(60)
class TransportTest {
    private static final UUID CLUSTER = new UUID(1, 2);

    /// A message for tests: bytes there, bytes back.
    record Bytes(ByteBuffer content) implements WireMessage {}

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
                    return 0x7F01;
                }

                @Override
                public void encode(Bytes message, WireWriter out) {
                    out.putBytes(message.content());
                }

                @Override
                public Bytes decodeFields(int typeId, WireReader in) throws MalformedMessage {
                    return new Bytes(in.readBytes(4 << 20));
                }
            };

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final List<AutoCloseable> opened = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : opened.reversed()) {
            each.close();
        }
    }

    private Transport transport(UUID cluster, String node, Role role) {
        var transport =
                new Transport(
                        Handshake.of(cluster, role, new NodeId(node), 1),
                        List.of(FAMILY),
                        1,
                        registry);
        opened.add(transport);
        return transport;
    }

    private MessageServer serve(String node, Endpoint endpoint) throws IOException {
        var server =
                transport(CLUSTER, node, Role.STORAGE)
                        .listen(loopback(0), List.of(new Service(FAMILY, endpoint)));
        opened.add(server);
        return server;
    }

    private static InetSocketAddress loopback(int port) {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    private static Bytes message(int lengthBytes, int seed) {
        byte[] content = new byte[lengthBytes];
        new java.util.Random(seed).nextBytes(content);
        return new Bytes(ByteBuffer.wrap(content));
    }

    @Test
    void everyRequestGetsItsOwnAnswerWhateverItsLength() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        List<CompletableFuture<WireMessage>> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            answers.add(connection.request(message(i * i * 26, i)));
        }
        answers.add(connection.request(message(4 << 20, 7)));
        for (int i = 0; i < 200; i++) {
            assertEquals(message(i * i * 26, i), answers.get(i).get());
        }
        assertEquals(message(4 << 20, 7), answers.get(200).get());
    }

    /// The first message is held until all are sent: the socket is full by then, and what its
    /// senders wrote themselves, began to write, and left to the event loop comes together.
    @Test
    void whatSeveralThreadsSendArrivesInTheirOrderAlsoThroughAFullSocket() throws Exception {
        var sent = new CountDownLatch(1);
        List<List<Integer>> arrived =
                List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        MessageServer server =
                serve(
                        "node1",
                        (message, caller) -> {
                            ByteBuffer content = ((Bytes) message).content().duplicate();
                            List<Integer> numbers = arrived.get(content.getInt());
                            int number = content.getInt();
                            if (number >= 0) { // else it opens the connection
                                awaitOnce(sent);
                                numbers.add(number);
                            }
                            caller.reply(message);
                        });
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        connection.request(numbered(0, -1, 8)).get();
        List<Thread> senders = new ArrayList<>();
        List<CompletableFuture<WireMessage>> answers =
                Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 3; i++) {
            int sender = i;
            senders.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                var random = new java.util.Random(sender);
                                for (int number = 0; number < 600; number++) {
                                    int most = random.nextInt(10) == 0 ? 60_000 : 30_000;
                                    answers.add(
                                            connection.request(
                                                    numbered(
                                                            sender,
                                                            number,
                                                            8 + random.nextInt(most))));
                                }
                            }));
        }
        for (Thread sender : senders) {
            sender.join();
        }
        sent.countDown();
        for (CompletableFuture<WireMessage> answer : answers) {
            assertInstanceOf(Bytes.class, answer.get());
        }
        List<Integer> inOrder = IntStream.range(0, 600).boxed().toList();
        for (int i = 0; i < 3; i++) {
            assertEquals(inOrder, arrived.get(i));
        }
    }

    private static void awaitOnce(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Bytes numbered(int sender, int number, int lengthBytes) {
        var content = ByteBuffer.allocate(lengthBytes);
        return new Bytes(content.putInt(sender).putInt(number).clear());
    }

    @Test
    void aForeignClusterIsRefusedByName() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        var foreign = new UUID(3, 4);
        var connection =
                transport(foreign, "client", Role.CLIENT)
                        .connect(server.address(), null, List.of());
        var failure =
                assertThrows(
                        ExecutionException.class, () -> connection.request(message(1, 1)).get());
        assertInstanceOf(PeerFailure.class, failure.getCause());
        assertTrue(failure.toString().contains(foreign.toString()), failure.toString());
        assertTrue(failure.toString().contains(CLUSTER.toString()), failure.toString());
    }

    @Test
    void anotherMajorIsRefusedByName() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        byte[] hello =
                new Handshake(CLUSTER, Role.CLIENT, new NodeId("old"), 1, Handshake.MAJOR + 1, 0, 0)
                        .toHello();
        try (var socket = new Socket(server.address().getAddress(), server.address().getPort())) {
            socket.getOutputStream().write(hello);
            byte[] answer = socket.getInputStream().readAllBytes();
            assertEquals(Handshake.KIND_REFUSAL, answer[Handshake.MAGIC.length]);
            String text = new String(answer, java.nio.charset.StandardCharsets.UTF_8);
            assertTrue(text.contains("protocol %d.0".formatted(Handshake.MAJOR + 1)), text);
        }
    }

    @Test
    void aNodeThatAnswersAtAnothersAddressIsRefused() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node2"), List.of());
        var failure =
                assertThrows(
                        ExecutionException.class, () -> connection.request(message(1, 1)).get());
        assertTrue(
                failure.toString().contains("node1 answered at the address of node2"),
                failure.toString());
        Await.until("the connection is gone", () -> server.connectionCount() == 0);
        assertEquals(0, registry.counter("weft.transport.garbage").count());
    }

    @Test
    void garbageClosesThatConnectionAndHurtsNoOther() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        var good =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        good.request(message(10, 1)).get();
        byte[] hello = Handshake.of(CLUSTER, Role.CLIENT, new NodeId("evil"), 1).toHello();
        byte[] hugeLength = new byte[Envelope.HEAD_BYTES];
        ByteBuffer.wrap(hugeLength).putInt(Integer.MAX_VALUE);
        byte[] unknownType = envelope(0x5501, new byte[0]);
        byte[] malformed = envelope(0x7F01, new byte[] {0, 0, 0, 99});
        byte[] http = "GET / HTTP/1.1\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.UTF_8);
        List<byte[][]> attacks =
                List.of(
                        new byte[][] {http},
                        new byte[][] {hello, hugeLength},
                        new byte[][] {hello, unknownType},
                        new byte[][] {hello, malformed});
        for (byte[][] attack : attacks) {
            double before = registry.counter("weft.transport.garbage").count();
            try (var socket =
                    new Socket(server.address().getAddress(), server.address().getPort())) {
                for (byte[] part : attack) {
                    socket.getOutputStream().write(part);
                }
                // Ends only when the server closes the connection.
                socket.getInputStream().readAllBytes();
            } catch (java.net.SocketException e) {
                assertTrue(e.toString().contains("reset"), e.toString());
            }
            assertEquals(before + 1, registry.counter("weft.transport.garbage").count());
            assertEquals(message(10, 2), good.request(message(10, 2)).get());
        }
    }

    private static byte[] envelope(int typeId, byte[] payload) {
        var sent =
                Envelope.Outgoing.of(
                        typeId,
                        0,
                        7,
                        payload.length,
                        List.of(ByteBuffer.wrap(payload)),
                        CountedMemory.HEAP);
        return ByteBuffer.allocate(sent.lengthBytes()).put(sent.head()).put(payload).array();
    }

    /// Whatever bit of a request is another one on its way: it is not served.
    @Test
    void aMessageThatCameDamagedIsNotServedAndEndsTheConnection() throws Exception {
        var served = new AtomicInteger();
        MessageServer server =
                serve(
                        "node1",
                        (message, caller) -> {
                            served.incrementAndGet();
                            caller.reply(message);
                        });
        byte[] hello = Handshake.of(CLUSTER, Role.CLIENT, new NodeId("noisy"), 1).toHello();
        byte[] whole = envelope(0x7F01, new byte[] {0, 0, 0, 1, 42});
        // What is longer than what comes is waited for.
        for (int bit = 30; bit < 8 * whole.length; bit++) {
            byte[] damaged = whole.clone();
            damaged[bit / 8] ^= (byte) (0x80 >>> bit % 8);
            try (var socket =
                    new Socket(server.address().getAddress(), server.address().getPort())) {
                socket.getOutputStream().write(hello);
                socket.getOutputStream().write(damaged);
                // For a length that is one to three bytes more.
                socket.getOutputStream().write(new byte[3]);
                // Ends only when the server closes the connection.
                socket.setSoTimeout(20_000);
                socket.getInputStream().readAllBytes();
            } catch (java.net.SocketException e) {
                assertTrue(e.toString().contains("reset"), e.toString());
            }
            assertEquals(0, served.get(), "bit " + bit);
        }
        try (var socket = new Socket(server.address().getAddress(), server.address().getPort())) {
            socket.getOutputStream().write(hello);
            socket.getOutputStream().write(whole);
            Await.until("the message as it was is served", () -> served.get() == 1);
        }
    }

    @Test
    void outstandingRequestsFailAtOnceWhenTheConnectionBreaks() throws Exception {
        var waiting = new ConcurrentLinkedQueue<Caller>();
        MessageServer server = serve("node1", (_, caller) -> waiting.add(caller));
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        var answer = connection.request(message(10, 1));
        Await.until("the request is there", () -> !waiting.isEmpty());
        server.close();
        var failure = assertThrows(ExecutionException.class, answer::get);
        assertInstanceOf(PeerUnreachable.class, failure.getCause());
    }

    @Test
    void aBrokenConnectionIsMadeAnewAtItsNextUse() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        connection.request(message(10, 1)).get();
        int port = server.address().getPort();
        server.close();
        Await.until("the client has seen the end", () -> !connection.isOpen());
        assertThrows(ExecutionException.class, () -> connection.request(message(1, 1)).get());
        opened.add(
                transport(CLUSTER, "node1", Role.STORAGE)
                        .listen(
                                loopback(port),
                                List.of(
                                        new Service(
                                                FAMILY,
                                                (message, caller) -> caller.reply(message)))));
        Await.until(
                "a request over a new connection",
                () -> {
                    var answer = connection.request(message(10, 3));
                    return answer.handle((content, _) -> message(10, 3).equals(content)).get();
                });
    }

    @Test
    void aServerReadsNoFurtherWhileItHoldsTooMuch() throws Exception {
        var waiting = new ConcurrentLinkedQueue<Caller>();
        MessageServer server = serve("node1", (_, caller) -> waiting.add(caller));
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        List<CompletableFuture<WireMessage>> answers = new ArrayList<>();
        int count = 2 * MessageChannel.HELD_BYTES_MAX / (1 << 20);
        for (int i = 0; i < count; i++) {
            answers.add(connection.request(message(1 << 20, 1)));
            // The client's own queue is bounded too.
            int sent = i;
            Await.until(
                    "all but 32 have arrived, or the server reads no further",
                    () -> waiting.size() > sent - 32 || hasPaused());
        }
        Await.until("the server reads no further", this::hasPaused);
        // One read of the socket may complete a few messages more.
        assertTrue(waiting.size() <= MessageChannel.HELD_BYTES_MAX / (1 << 20) + 2);
        Caller next;
        int served = 0;
        while (served < count) {
            next = waiting.poll();
            if (next != null) {
                next.reply(message(1, 1));
                served++;
            }
        }
        for (var answer : answers) {
            assertEquals(message(1, 1), answer.get(20, TimeUnit.SECONDS));
        }
    }

    private boolean hasPaused() {
        return registry.counter("weft.transport.read.pauses").count() > 0;
    }

    @Test
    void anEndpointThatThrowsFailsTheRequestWithItsReason() throws Exception {
        MessageServer server =
                serve(
                        "node1",
                        (_, _) -> {
                            throw new IllegalStateException("on purpose");
                        });
        var connection =
                transport(CLUSTER, "client", Role.CLIENT)
                        .connect(server.address(), new NodeId("node1"), List.of());
        var failure =
                assertThrows(
                        ExecutionException.class, () -> connection.request(message(1, 1)).get());
        assertTrue(failure.toString().contains("on purpose"), failure.toString());
    }

    @Test
    void aSilentConnectionIsClosed() throws Exception {
        MessageServer server = serve("node1", (message, caller) -> caller.reply(message));
        try (var socket = new Socket(server.address().getAddress(), server.address().getPort())) {
            socket.getOutputStream().write(Handshake.MAGIC);
            assertArrayEquals(new byte[0], socket.getInputStream().readAllBytes());
        }
    }
}
