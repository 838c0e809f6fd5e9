package weft.vmhost.migration;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.runtime.BootClock;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.transport.Transport;
import weft.vmhost.machine.Machine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.wire.migration.MigrationFamily;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/// All that a real source said in a real move, handshake included.
///
/// @param handshakeBytes the length of what comes before the first envelope
/// @param envelopes where each begins
record RecordedMove(byte[] bytes, int handshakeBytes, List<Integer> envelopes) {
    static final UUID CLUSTER = new UUID(1, 2);
    static final int HEAD_BYTES = 20;
    private static final int CHECKSUM_AT = 16;

    private static final int HANDSHAKE_HEAD_BYTES = 13;

    /// Moves the running machine to the address, and listens in.
    static RecordedMove of(Machine machine, Migration migration, InetSocketAddress destination)
            throws Exception {
        var said = new ByteArrayOutputStream();
        var self = Handshake.of(CLUSTER, Role.HOST, new NodeId("host1"), 1);
        try (var listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                var transport =
                        new Transport(
                                self,
                                List.of(new MigrationFamily()),
                                1,
                                new SimpleMeterRegistry())) {
            Thread.ofVirtual().start(() -> tap(listening, destination, said));
            try (var connection =
                    transport.connect(
                            (InetSocketAddress) listening.getLocalSocketAddress(),
                            new NodeId("host2"),
                            List.of())) {
                var source =
                        new MigrationSource(
                                migration,
                                new Moving(machine),
                                connection,
                                new Heedless(),
                                BootClock.SYSTEM);
                assertInstanceOf(MigrationSource.Outcome.Moved.class, source.run());
            }
        }
        return parse(said.toByteArray());
    }

    private static RecordedMove parse(byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        int at = HANDSHAKE_HEAD_BYTES + in.getInt(9);
        int handshakeBytes = at;
        var envelopes = new ArrayList<Integer>();
        while (at < bytes.length) {
            envelopes.add(at);
            at += HEAD_BYTES + in.getInt(at);
        }
        return new RecordedMove(bytes, handshakeBytes, List.copyOf(envelopes));
    }

    /// The same stream with right checksums, as far as its envelopes can be told.
    static byte[] sealed(byte[] bytes) {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        long at = bytes.length < HANDSHAKE_HEAD_BYTES ? -1 : HANDSHAKE_HEAD_BYTES + all.getInt(9);
        while (at >= HANDSHAKE_HEAD_BYTES && at + HEAD_BYTES <= bytes.length) {
            int start = (int) at;
            long end = at + HEAD_BYTES + (all.getInt(start) & 0xFFFF_FFFFL);
            if (end > bytes.length) {
                break;
            }
            var checksum = new CRC32C();
            checksum.update(bytes, start, CHECKSUM_AT);
            checksum.update(bytes, start + HEAD_BYTES, (int) end - start - HEAD_BYTES);
            all.putInt(start + CHECKSUM_AT, (int) checksum.getValue());
            at = end;
        }
        return bytes;
    }

    private static void tap(
            ServerSocket listening, InetSocketAddress destination, ByteArrayOutputStream said) {
        try (Socket source = listening.accept();
                var onward = new Socket(destination.getAddress(), destination.getPort())) {
            Thread.ofVirtual().start(() -> pump(onward, source, OutputStream.nullOutputStream()));
            pump(source, onward, said);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void pump(Socket from, Socket to, OutputStream copy) {
        var chunk = new byte[65536];
        try {
            InputStream in = from.getInputStream();
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                copy.write(chunk, 0, count);
                to.getOutputStream().write(chunk, 0, count);
            }
        } catch (IOException e) {
            // One side has closed: the conversation is over.
        }
    }

    /// The type of an envelope.
    int typeOf(int envelope) {
        return ByteBuffer.wrap(bytes).getShort(envelope + 4) & 0xffff;
    }

    /// Envelopes of a type.
    List<Integer> ofType(int type) {
        return envelopes.stream().filter(at -> typeOf(at) == type).toList();
    }

    private record Moving(Machine machine) implements MigrationSource.MovingMachine {
        @Override
        public GuestMemory memory() {
            return machine.memory();
        }

        @Override
        public void pause() {
            machine.pause();
        }

        @Override
        public ByteBuffer captureState() {
            return ByteBuffer.wrap(MachineSnapshot.capture(machine));
        }
    }

    private static final class Heedless implements MigrationSource.Journal {
        @Override
        public void progress(int round, long sentBytes, long remainingBytes) {}

        @Override
        public void switching() {}
    }
}
