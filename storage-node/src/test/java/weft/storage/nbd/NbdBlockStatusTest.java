package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fixtures.MemoryVolume;
import weft.volume.BlockVolume;
import weft.wire.storage.BlockState;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// BLOCK_STATUS and its negotiation, byte by byte: what is refused, and where extents begin and
/// end.
class NbdBlockStatusTest {
    private static final int BLOCK = 4096;
    private static final long SIZE_BYTES = 128L << 20;
    private static final String ALLOCATION = "base:allocation";

    private NbdServer server;

    @BeforeEach
    void start() throws IOException {
        var exports = new NbdExports();
        exports.add("disk", () -> CompletableFuture.completedFuture(new EveryThirdBlock()));
        server =
                new NbdServer(
                        new InetSocketAddress("127.0.0.1", 0),
                        exports,
                        Optional.empty(),
                        new SimpleMeterRegistry());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /// Of three blocks one has bytes and the others are holes.
    private static final class EveryThirdBlock implements BlockVolume {
        private final MemoryVolume bytes = new MemoryVolume((int) SIZE_BYTES, false);

        @Override
        public CompletableFuture<byte[]> map(long offsetBytes, long lengthBytes) {
            long first = offsetBytes / BLOCK;
            byte[] states =
                    new byte[(int) ((offsetBytes + lengthBytes + BLOCK - 1) / BLOCK - first)];
            for (int i = 0; i < states.length; i++) {
                states[i] =
                        switch ((int) ((first + i) % 3)) {
                            case 0 -> BlockState.DATA.code();
                            case 1 -> BlockState.ZERO.code();
                            default -> BlockState.UNMAPPED.code();
                        };
            }
            return CompletableFuture.completedFuture(states);
        }

        @Override
        public long sizeBytes() {
            return SIZE_BYTES;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
            return bytes.read(offsetBytes, destination);
        }

        @Override
        public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
            return bytes.write(offsetBytes, source);
        }

        @Override
        public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
            return bytes.writeZeroes(offsetBytes, lengthBytes);
        }

        @Override
        public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
            return bytes.discard(offsetBytes, lengthBytes);
        }

        @Override
        public CompletableFuture<Void> flush() {
            return bytes.flush();
        }

        @Override
        public void close() {
            bytes.close();
        }
    }

    private static byte[] contexts(String export, String... queries) {
        ByteBuffer body = ByteBuffer.allocate(1024);
        put(body, export);
        body.putInt(queries.length);
        for (String query : queries) {
            put(body, query);
        }
        byte[] bytes = new byte[body.flip().remaining()];
        body.get(bytes);
        return bytes;
    }

    private static void put(ByteBuffer body, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        body.putInt(bytes.length).put(bytes);
    }

    private NbdClient structured() throws IOException {
        NbdClient client = new NbdClient(server.address()).greeted(3);
        client.option(NbdProtocol.OPT_STRUCTURED_REPLY, new byte[0]);
        assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
        return client;
    }

    private static void go(NbdClient client) throws IOException {
        client.option(NbdProtocol.OPT_GO, NbdClient.wanted("disk"));
        while (client.optionReply().type() != NbdProtocol.REP_ACK) {
            // The export's properties.
        }
    }

    @Test
    void onlyWhatIsThereCanBeNegotiated() throws IOException {
        try (NbdClient client = structured()) {
            for (String[] query : new String[][] {{}, {"base:"}, {ALLOCATION}}) {
                client.option(NbdProtocol.OPT_LIST_META_CONTEXT, contexts("disk", query));
                NbdClient.OptionReply found = client.optionReply();
                assertEquals(NbdProtocol.REP_META_CONTEXT, found.type());
                assertEquals(ALLOCATION, new String(found.body(), 4, 15, StandardCharsets.UTF_8));
                assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            }
            for (int option :
                    List.of(NbdProtocol.OPT_LIST_META_CONTEXT, NbdProtocol.OPT_SET_META_CONTEXT)) {
                client.option(option, contexts("disk", "qemu:dirty-bitmap:b"));
                assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
                client.option(option, contexts("nothing", ALLOCATION));
                assertEquals(NbdProtocol.REP_ERR_UNKNOWN, client.optionReply().type());
                for (byte[] bad : List.of(new byte[3], new byte[] {-1, -1, -1, -1, 0, 0, 0, 0})) {
                    client.option(option, bad);
                    assertEquals(NbdProtocol.REP_ERR_INVALID, client.optionReply().type());
                }
                byte[] whole = contexts("disk", ALLOCATION);
                byte[] less = java.util.Arrays.copyOf(whole, whole.length - 1);
                client.option(option, less);
                assertEquals(NbdProtocol.REP_ERR_INVALID, client.optionReply().type());
            }
        }
        try (NbdClient client = new NbdClient(server.address()).greeted(3)) {
            client.option(NbdProtocol.OPT_SET_META_CONTEXT, contexts("disk", ALLOCATION));
            assertEquals(
                    NbdProtocol.REP_ERR_INVALID,
                    client.optionReply().type(),
                    "structured replies come first");
        }
    }

    @Test
    void statusIsToldOnlyToThoseWhoNegotiatedIt() throws IOException {
        try (NbdClient client = structured()) {
            go(client);
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, 0, BLOCK);
            assertEquals(NbdProtocol.EINVAL, errorOf(client));
        }
        try (NbdClient client = structured()) {
            client.option(NbdProtocol.OPT_SET_META_CONTEXT, contexts("disk", ALLOCATION));
            assertEquals(NbdProtocol.REP_META_CONTEXT, client.optionReply().type());
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            // Set anew, and for nothing.
            client.option(NbdProtocol.OPT_SET_META_CONTEXT, contexts("disk"));
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            go(client);
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, 0, BLOCK);
            assertEquals(NbdProtocol.EINVAL, errorOf(client));
        }
    }

    private static int errorOf(NbdClient client) throws IOException {
        assertEquals(NbdProtocol.STRUCTURED_REPLY_MAGIC, client.in.readInt());
        assertEquals(NbdProtocol.CHUNK_FLAG_DONE, client.in.readShort());
        assertEquals((short) NbdProtocol.CHUNK_ERROR, client.in.readShort());
        assertEquals(7, client.in.readLong());
        assertEquals(6, client.in.readInt());
        int error = client.in.readInt();
        assertEquals(0, client.in.readShort());
        return error;
    }

    private static List<String> extents(NbdClient client) throws IOException {
        assertEquals(NbdProtocol.STRUCTURED_REPLY_MAGIC, client.in.readInt());
        assertEquals(NbdProtocol.CHUNK_FLAG_DONE, client.in.readShort());
        assertEquals(NbdProtocol.CHUNK_BLOCK_STATUS, client.in.readShort());
        assertEquals(7, client.in.readLong());
        int count = (client.in.readInt() - 4) / 8;
        assertEquals(NbdMetaContexts.ALLOCATION_ID, client.in.readInt());
        List<String> extents = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            extents.add(client.in.readInt() + ":" + client.in.readInt());
        }
        return extents;
    }

    @Test
    void extentsBeginAndEndWithTheRequest() throws IOException {
        try (NbdClient client = structured()) {
            client.option(NbdProtocol.OPT_SET_META_CONTEXT, contexts("disk", ALLOCATION));
            assertEquals(NbdProtocol.REP_META_CONTEXT, client.optionReply().type());
            assertEquals(NbdProtocol.REP_ACK, client.optionReply().type());
            go(client);
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, 0, 4 * BLOCK);
            assertEquals(List.of("4096:0", "8192:3", "4096:0"), extents(client));
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, 100, BLOCK);
            assertEquals(List.of("3996:0", "100:3"), extents(client));
            client.request(
                    NbdProtocol.CMD_BLOCK_STATUS,
                    NbdProtocol.CMD_FLAG_REQ_ONE,
                    7,
                    BLOCK,
                    9 * BLOCK);
            assertEquals(List.of("8192:3"), extents(client));
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, SIZE_BYTES - 1, 1);
            assertEquals(
                    List.of("1:" + ((SIZE_BYTES / BLOCK - 1) % 3 == 0 ? 0 : 3)), extents(client));
            client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, 0, SIZE_BYTES);
            long told = 0;
            for (String extent : extents(client)) {
                told += Integer.parseInt(extent.substring(0, extent.indexOf(':')));
            }
            assertEquals(NbdProtocol.STATUS_BYTES_MAX, told, "a part, and the client asks again");
            for (long[] bad : new long[][] {{0, 0}, {SIZE_BYTES, 1}, {-1, 1}, {1, SIZE_BYTES}}) {
                client.request(NbdProtocol.CMD_BLOCK_STATUS, 0, 7, bad[0], bad[1]);
                assertEquals(NbdProtocol.EINVAL, errorOf(client));
            }
            client.request(NbdProtocol.CMD_CACHE, 0, 8, 0, SIZE_BYTES);
            assertEquals(new NbdClient.Reply(8, NbdProtocol.OK), client.reply());
            client.request(NbdProtocol.CMD_CACHE, 0, 8, SIZE_BYTES, 1);
            assertEquals(new NbdClient.Reply(8, NbdProtocol.EINVAL), client.reply());
        }
    }
}
