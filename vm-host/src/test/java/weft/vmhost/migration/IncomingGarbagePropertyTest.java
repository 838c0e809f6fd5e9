package weft.vmhost.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.MacAddress;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fixtures.Await;
import weft.fixtures.MemoryVolume;
import weft.runtime.BootClock;
import weft.sim.Seed;
import weft.transport.Handshake;
import weft.transport.MessageServer;
import weft.transport.PeerConnection;
import weft.transport.Role;
import weft.transport.Service;
import weft.transport.Transport;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.MachineSpec;
import weft.vmhost.machine.PowerState;
import weft.vmhost.machine.TimerGuest;
import weft.wire.migration.MigrationFamily;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/// A recorded move is played to the destination again, changed: over a real socket, into a real
/// machine. Whatever comes, the machine arrives whole or not at all, what is no migration closes
/// its connection and is counted, and the next peer is served.
@Timeout(120)
class IncomingGarbagePropertyTest {
    private static final int PAGES = 0x0202;
    private static final int COMPLETE = 0x0204;
    private static final int TAKEN = 0x0206;

    private static final Migration MIGRATION =
            new Migration(
                    new UUID(3, 4),
                    "web1",
                    new NodeId("host1"),
                    new NodeId("host2"),
                    7,
                    Migration.Phase.COPYING,
                    0,
                    0,
                    0,
                    0,
                    0,
                    "");

    private static final SimpleMeterRegistry REGISTRY = new SimpleMeterRegistry();
    private static Transport transport;
    private static MessageServer server;
    private static PeerConnection neighbour;
    private static RecordedMove recorded;
    private static Target target;

    /// The machine that the bytes are for, and what became of it.
    private static final class Target implements IncomingMachine.Arrival, AutoCloseable {
        final Machine machine =
                new Machine(specification(), BootClock.SYSTEM, new Machine.Listener() {});
        final IncomingMachine incoming =
                new IncomingMachine(MIGRATION, machine, this, BootClock.SYSTEM);
        volatile int expected;
        volatile int completed;
        volatile int aborted;
        volatile String broken = "";

        @Override
        public boolean isExpected() {
            expected++;
            return true;
        }

        @Override
        public void complete(long pausedNanos) {
            assertInstanceOf(PowerState.Paused.class, machine.state());
            assertEquals("", broken);
            machine.resumeAfterBlackout(Duration.ofNanos(pausedNanos));
            machine.pause();
            completed++;
        }

        @Override
        public void aborted(String reason) {
            aborted++;
        }

        @Override
        public void broken(String reason) {
            assertEquals("", broken, "told once");
            assertEquals(0, completed, "it has arrived");
            broken = reason;
            machine.close();
        }

        @Override
        public void close() {
            incoming.close();
            machine.close();
        }
    }

    private static MachineSpec specification() {
        MachineSpec guest = TimerGuest.spec("web1");
        return new MachineSpec(
                guest.name(),
                guest.memoryBytes(),
                1,
                guest.boot(),
                List.of(new MachineSpec.Disk("root", new MemoryVolume(1 << 20, false))),
                List.of(new MachineSpec.Nic(MacAddress.parse("52:54:00:00:00:01"), 1450)));
    }

    @BeforeAll
    static void record() throws Exception {
        var self = Handshake.of(RecordedMove.CLUSTER, Role.HOST, new NodeId("host2"), 1);
        var family = new MigrationFamily();
        transport = new Transport(self, List.of(family), 1, REGISTRY);
        server =
                transport.listen(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        List.of(
                                new Service(
                                        family,
                                        (message, caller) ->
                                                target.incoming.onMessage(
                                                        (MigrationMessage) message, caller))));
        neighbour = transport.connect(server.address(), new NodeId("host2"), List.of());
        target = new Target();
        try (var source =
                new Machine(specification(), BootClock.SYSTEM, new Machine.Listener() {})) {
            source.start();
            Await.until("a dot", () -> source.console().outputEnd() > 0);
            recorded = RecordedMove.of(source, MIGRATION, server.address());
        } finally {
            target.close();
        }
        assertTrue(recorded.ofType(PAGES).size() >= 1, "pages");
        assertEquals(1, recorded.ofType(COMPLETE).size());
    }

    @AfterAll
    static void stop() {
        neighbour.close();
        server.close();
        transport.close();
    }

    @AfterEach
    void close() {
        target.close();
    }

    @Test
    void theUnchangedStreamArrives() throws Exception {
        play(recorded.bytes(), End.SOURCE);
        assertEquals(1, target.completed);
        assertEquals("", target.broken);
    }

    @Test
    void aPageOutsideOfTheRamIsRefused() throws Exception {
        for (long page : new long[] {0, 0x80000 - 1, 0x80000 + (32 << 8), -1, Long.MIN_VALUE}) {
            assertBreaks(
                    changed(PAGES, 16 + 4, bytes -> bytes.putLong(page)), "outside of the RAM");
        }
    }

    @Test
    void aPageNumberThatComesRoundToTheRamIsRefused() throws Exception {
        assertBreaks(
                changed(PAGES, 16 + 4, bytes -> bytes.putLong(1L << 52 | 0x80000)),
                "outside of the RAM");
    }

    @Test
    void aPauseThatCannotBeIsRefused() throws Exception {
        assertBreaks(changed(COMPLETE, 16, bytes -> bytes.putLong(-1)), "a pause of -1 ns");
        assertBreaks(changed(COMPLETE, 16, bytes -> bytes.putLong(Long.MAX_VALUE)), "a pause of");
    }

    @Test
    void aDamagedStateOfTheDevicesIsRefused() throws Exception {
        assertBreaks(changed(COMPLETE, 16 + 8 + 4 + 40, bytes -> bytes.putInt(-1)), "damaged");
    }

    @Test
    void anAnswerThatNobodyAskedForIsRefused() throws Exception {
        byte[] bytes = recorded.bytes().clone();
        ByteBuffer.wrap(bytes).putShort(recorded.ofType(PAGES).getFirst() + 4, (short) TAKEN);
        long before = garbage();
        play(bytes, End.DESTINATION);
        assertEquals(before + 1, garbage());
        assertEquals(0, target.completed);
    }

    @Test
    void pagesWithoutABeginAreRefused() throws Exception {
        assertBreaks(without(recorded.envelopes().getFirst()), "without a begin");
    }

    @Test
    void anAbsurdLengthIsRefusedBeforeItIsReserved() throws Exception {
        for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 64 << 20}) {
            byte[] bytes = recorded.bytes().clone();
            ByteBuffer.wrap(bytes).putInt(recorded.ofType(PAGES).getFirst(), length);
            long before = garbage();
            play(bytes, End.DESTINATION);
            assertEquals(before + 1, garbage());
            assertEquals(0, target.completed);
        }
    }

    /// Every cut: nothing arrives, and nothing is taken for garbage; the record ends the wait.
    @Test
    void aStreamThatIsCutOffDoesNotArrive() throws Exception {
        var random = new Random(1);
        for (int i = 0; i < 25; i++) {
            play(cut(recorded.bytes(), random.nextInt(recorded.bytes().length)), End.SOURCE);
            assertEquals(0, target.completed);
            assertEquals("", target.broken);
        }
    }

    @Test
    void whateverComesTheMachineArrivesWholeOrNotAtAll() throws Exception {
        int arrived = 0;
        int broke = 0;
        for (long seed : Seed.runs(250)) {
            var random = new Random(seed);
            String hint = "replay with -Dweft.seed=" + seed;
            long before = garbage();
            play(new Mutation(recorded, random).apply(), End.SOURCE);

            assertTrue(target.completed + (target.broken.isEmpty() ? 0 : 1) <= 1, hint);
            assertFalse(
                    target.broken.contains("Exception") || target.broken.contains("Error"),
                    () -> hint + ": " + target.broken);
            if (!target.broken.isEmpty()) {
                assertTrue(garbage() > before, () -> hint + ": not counted: " + target.broken);
                broke++;
            }
            arrived += target.completed;
        }
        System.out.println("of 250 changed streams %d arrived, %d broke".formatted(arrived, broke));
        play(recorded.bytes(), End.SOURCE);
        assertEquals(1, target.completed, "a good stream after all the bad ones");
    }

    private void assertBreaks(byte[] bytes, String words) throws Exception {
        long before = garbage();
        play(bytes, End.DESTINATION);
        assertTrue(target.broken.contains(words), "broken by: '" + target.broken + "'");
        assertEquals(before + 1, garbage());
        assertEquals(0, target.completed);
    }

    /// Who is to end the connection.
    private enum End {
        SOURCE,
        DESTINATION
    }

    /// Plays the bytes to a new machine, and waits until all that they cause has happened.
    private void play(byte[] bytes, End end) throws Exception {
        target.close();
        target = new Target();
        try (var socket = new Socket(server.address().getAddress(), server.address().getPort())) {
            socket.setSoTimeout(20_000);
            try {
                socket.getOutputStream().write(bytes);
                if (end == End.SOURCE) {
                    socket.shutdownOutput();
                }
                var answers = new byte[65536];
                while (socket.getInputStream().read(answers) >= 0) {
                    // Until the destination has nothing more to say.
                }
            } catch (java.net.SocketTimeoutException e) {
                throw new AssertionError("the destination keeps the connection open", e);
            } catch (IOException e) {
                // It has reset the connection: closed, too.
            }
        }
        // One who asks for something else waits behind all that has come.
        var question = new MigrationMessage.Begin(MIGRATION.id(), "another", 0, 0);
        var answer = neighbour.request(question).get(20, TimeUnit.SECONDS);
        assertInstanceOf(MigrationMessage.NotCommitted.class, answer);
        Await.until("the end of the connection", () -> server.connectionCount() == 1);
    }

    private static long garbage() {
        return (long) REGISTRY.counter("weft.transport.garbage").count();
    }

    /// The stream with something else in the first envelope of that type.
    private static byte[] changed(int type, int offset, UnaryOperator<ByteBuffer> put) {
        byte[] bytes = recorded.bytes().clone();
        int at = recorded.ofType(type).getFirst() + RecordedMove.HEAD_BYTES;
        var _ = put.apply(ByteBuffer.wrap(bytes).position(at + offset));
        return RecordedMove.sealed(bytes);
    }

    private static byte[] without(int envelope) {
        byte[] all = recorded.bytes();
        int length = RecordedMove.HEAD_BYTES + ByteBuffer.wrap(all).getInt(envelope);
        byte[] rest = new byte[all.length - length];
        System.arraycopy(all, 0, rest, 0, envelope);
        System.arraycopy(all, envelope + length, rest, envelope, rest.length - envelope);
        return rest;
    }

    private static byte[] cut(byte[] bytes, int length) {
        return java.util.Arrays.copyOf(bytes, length);
    }
}
