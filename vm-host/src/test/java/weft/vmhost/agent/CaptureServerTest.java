package weft.vmhost.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.SwitchPort;
import weft.wire.WireMessage;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.CapturedFrame;
import weft.wire.capture.CaptureMessage.Direction;
import weft.wire.capture.CaptureMessage.Frames;
import weft.wire.capture.CaptureMessage.Read;
import weft.wire.capture.CaptureMessage.Refused;
import weft.wire.capture.CaptureMessage.Scope;
import weft.wire.capture.CaptureMessage.Start;
import weft.wire.capture.CaptureMessage.Started;
import weft.wire.capture.CaptureMessage.Stop;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/// Captures at a real switch; the captures' clock is stepped.
@Timeout(60)
class CaptureServerTest {
    private static final NodeId HOST = new NodeId("east");
    private static final MacAddress A = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress B = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress SPY = MacAddress.parse("52:54:00:00:00:0c");
    private static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);
    private static final int NO_PATIENCE = 0;

    private final AtomicLong nowNanos = new AtomicLong(1);
    private final Semaphore arrived = new Semaphore(0);
    private VSwitch vswitch;
    private CaptureServer server;
    private SwitchPort a;
    private SwitchPort spy;

    @BeforeEach
    void start() throws IOException {
        var anywhere = new InetSocketAddress("127.0.7.3", 0);
        vswitch =
                new VSwitch(
                        VSwitchSettings.of(HOST, anywhere),
                        System::nanoTime,
                        new SimpleMeterRegistry());
        vswitch.applyImage(
                new ForwardingImage(
                        List.of(
                                new Network("blue", 10, 100, "10.0.0.0/24"),
                                new Network("red", 20, 200, "10.0.0.0/24")),
                        List.of(
                                new PortBinding("a-0", "blue", A, "10.0.0.1/24", HOST, null, 1),
                                new PortBinding("b-0", "blue", B, "10.0.0.2/24", HOST, null, 1),
                                new PortBinding("spy-0", "red", SPY, "10.0.0.1/24", HOST, null, 1)),
                        Map.of(HOST, vswitch.underlayAddress()),
                        Map.of()));
        a = vswitch.plug("a-0", "blue", A, (_, _, _) -> {});
        vswitch.plug("b-0", "blue", B, (_, _, _) -> arrived.release());
        spy = vswitch.plug("spy-0", "red", SPY, (_, _, _) -> {});
        server = new CaptureServer(vswitch, nowNanos::get, () -> 42);
    }

    @AfterEach
    void stop() {
        server.close();
        vswitch.close();
    }

    /// A client that waits for its answer.
    private static final class Client implements Caller {
        final CompletableFuture<WireMessage> answer = new CompletableFuture<>();

        @Override
        public Handshake peer() {
            return Handshake.of(new UUID(1, 1), Role.CLIENT, new NodeId("client"), 1);
        }

        @Override
        public boolean expectsReply() {
            return true;
        }

        @Override
        public void charge(int bytes) {}

        @Override
        public void send(WireMessage message) {
            throw new AssertionError("nobody asked for " + message);
        }

        @Override
        public void reply(WireMessage message) {
            answer.complete(message);
        }

        @Override
        public void fail(String reason) {
            answer.completeExceptionally(new IOException(reason));
        }
    }

    private CompletableFuture<WireMessage> ask(CaptureMessage question) {
        var client = new Client();
        server.onMessage(question, client);
        return client.answer;
    }

    private <T> T ask(CaptureMessage question, Class<T> expected) throws Exception {
        return assertInstanceOf(expected, ask(question).get(20, TimeUnit.SECONDS));
    }

    private long capture(Scope scope, String name) throws Exception {
        return ask(new Start(scope, name), Started.class).id();
    }

    /// Sends to everyone in blue and waits until all has passed the switch.
    private void send(int frames, int lengthBytes) throws InterruptedException {
        byte[] frame =
                ByteBuffer.allocate(lengthBytes)
                        .put(BROADCAST.toBytes())
                        .put(A.toBytes())
                        .putShort((short) 0x88b5)
                        .array();
        for (int i = 0; i < frames; i++) {
            a.transmit(frame, 0, frame.length);
            assertTrue(arrived.tryAcquire(20, TimeUnit.SECONDS), "no frame came");
        }
    }

    @Test
    void aNetworksCaptureShowsEachPlaceAndNothingOfAnotherNetwork() throws Exception {
        long blue = capture(Scope.NETWORK, "blue");
        long red = capture(Scope.NETWORK, "red");
        send(1, 60);
        List<CapturedFrame> seen = ask(new Read(blue, NO_PATIENCE), Frames.class).frames();
        assertEquals(
                List.of(Direction.FROM_PORT, Direction.TO_PORT),
                seen.stream().map(CapturedFrame::direction).toList());
        assertEquals(List.of("a-0", "b-0"), seen.stream().map(CapturedFrame::where).toList());
        assertEquals(60, seen.getFirst().bytes().remaining());
        assertEquals(42, seen.getFirst().epochNanos());
        assertEquals(List.of(), ask(new Stop(red), Frames.class).frames());

        long port = capture(Scope.PORT, "spy-0");
        spy.transmit(new byte[60], 0, 60);
        Frames ofSpy = ask(new Read(port, 2_000), Frames.class);
        assertEquals(List.of("spy-0"), ofSpy.frames().stream().map(CapturedFrame::where).toList());
    }

    @Test
    void aReadWaitsForAFrameButNotLongerThanItsPatience() throws Exception {
        long id = capture(Scope.PORT, "a-0");
        CompletableFuture<WireMessage> first = ask(new Read(id, 1_000_000));
        send(1, 60);
        assertEquals(
                1, assertInstanceOf(Frames.class, first.get(20, TimeUnit.SECONDS)).frames().size());

        CompletableFuture<WireMessage> second = ask(new Read(id, 1_000_000));
        // A message that is answered later says that the read was taken before.
        var _ = ask(new Stop(0), Refused.class);
        assertFalse(second.isDone());
        nowNanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(CaptureMessage.PATIENCE_MILLIS_MAX));
        assertEquals(
                new Frames(0, List.of()),
                assertInstanceOf(Frames.class, second.get(20, TimeUnit.SECONDS)));
    }

    @Test
    void framesBeyondTheBoundsAreCountedAndNotKept() throws Exception {
        long id = capture(Scope.PORT, "a-0");
        send(CaptureMessage.KEPT_FRAMES_MAX + 3, 14);
        Frames many = ask(new Read(id, NO_PATIENCE), Frames.class);
        assertEquals(CaptureMessage.KEPT_FRAMES_MAX, many.frames().size());
        assertEquals(3, many.lost());

        send(5, 1500);
        Frames again = ask(new Read(id, NO_PATIENCE), Frames.class);
        assertEquals(5, again.frames().size(), "room again after a read");
        assertEquals(0, again.lost());

        int keptBytes = again.frames().getFirst().keptBytes();
        int fitting = CaptureMessage.KEPT_BYTES_MAX / keptBytes;
        send(fitting + 2, 1500);
        Frames large = ask(new Stop(id), Frames.class);
        assertEquals(fitting, large.frames().size());
        assertEquals(2, large.lost());
    }

    @Test
    void aCaptureThatNobodyReadsEndsItselfAndOneThatIsReadGoesOn() throws Exception {
        long forgotten = capture(Scope.NETWORK, "blue");
        long read = capture(Scope.NETWORK, "blue");
        nowNanos.addAndGet(CaptureServer.UNREAD_MAX.toNanos() - 1);
        var _ = ask(new Read(read, NO_PATIENCE), Frames.class);
        nowNanos.addAndGet(1);
        var _ = ask(new Read(read, NO_PATIENCE), Frames.class);
        Refused refused = ask(new Read(forgotten, NO_PATIENCE), Refused.class);
        assertTrue(refused.reason().contains("30 s"), refused.reason());
    }

    @Test
    void aHostTakesOnlySoManyCapturesAndAStoppedOneMakesRoom() throws Exception {
        long first = capture(Scope.NETWORK, "blue");
        for (int i = 1; i < CaptureServer.CAPTURES_MAX; i++) {
            var _ = capture(Scope.NETWORK, "blue");
        }
        var _ = ask(new Start(Scope.NETWORK, "blue"), Refused.class);
        var _ = ask(new Stop(first), Frames.class);
        var _ = ask(new Stop(first), Refused.class);
        var _ = capture(Scope.NETWORK, "blue");
    }

    @Test
    void theEndOfACaptureAnswersTheReadThatWaits() throws Exception {
        long id = capture(Scope.NETWORK, "red");
        CompletableFuture<WireMessage> waiting = ask(new Read(id, 2_000));
        var _ = ask(new Stop(id), Frames.class);
        assertEquals(new Frames(0, List.of()), waiting.get(20, TimeUnit.SECONDS));
    }
}
