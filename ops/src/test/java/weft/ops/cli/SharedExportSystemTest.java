package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.coordination.FabricPaths;
import weft.fabric.Attachment;
import weft.fabric.Export;
import weft.fabric.NodeId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/// One volume that several nodes export: what is done at one of them is seen at the others, and
/// neither cuts nor comings and goings are noticed by who writes.
@Timeout(180)
final class SharedExportSystemTest extends VolumeSystemTest {
    private static final NodeId ONE = new NodeId("node1");
    private static final NodeId TWO = new NodeId("node2");

    private PoolSession session() {
        return new PoolSession(fabric().session().records().store(), fabric().session()::image);
    }

    private void export(String volume) throws Exception {
        type("volume export " + volume + " --node node1 --node node2");
        Await.until("the exports", () -> fabric().session().image().exports().containsKey(volume));
    }

    private Attachment attachment(String volume) throws IOException {
        return fabric().session()
                .records()
                .find(FabricPaths.attachment(record(volume).id()), Attachment.class)
                .orElseThrow()
                .noun();
    }

    /// Each write waits for the last one's answer, at the other node: a snapshot that has the
    /// second of two has the first. The third volume is another process's.
    @Test
    void aCutOfWhatTwoNodesWriteIsClosedUnderWhatCausedWhat() throws Exception {
        create("both");
        create("third");
        export("both");
        var stop = new AtomicBoolean();
        try (var pool = session();
                var other = session();
                RemoteVolume at1 = pool.client().openExported(record("both"), ONE);
                RemoteVolume at2 = other.client().openExported(record("both"), TWO);
                var host = new HolderProcess(fabric(), "third-host");
                RemoteVolume third = host.open("third");
                ExecutorService threads = Executors.newCachedThreadPool()) {
            List<Future<?>> writers = new ArrayList<>();
            List<AtomicLong> rounds = new ArrayList<>();
            int chains = 4;
            for (int chain = 0; chain < chains; chain++) {
                long offset = chain * 3L * CHUNK;
                var round = new AtomicLong();
                rounds.add(round);
                writers.add(
                        threads.submit(() -> {
                            count(at1, at2, third, offset, stop, round);
                            return null;
                        }));
            }
            try {
                for (int cut = 0; cut < 12; cut++) {
                    List<Long> before = rounds.stream().map(AtomicLong::get).toList();
                    checkCut(pool, "c" + cut, chains);
                    Await.until(
                            "all go on after it",
                            () ->
                                    writers.stream().anyMatch(Future::isDone)
                                            || IntStream.range(0, chains)
                                                    .allMatch(i ->
                                                            rounds.get(i).get() > before.get(i)));
                }
            } finally {
                stop.set(true);
            }
            for (Future<?> writer : writers) {
                writer.get(60, TimeUnit.SECONDS);
            }
            assertEquals(2, attachment("both").sharers().size());
        }
        type("volume unexport both");
    }

    private static void count(
            BlockVolume at1,
            BlockVolume at2,
            BlockVolume third,
            long offset,
            AtomicBoolean stop,
            AtomicLong round)
            throws Exception {
        while (!stop.get()) {
            long n = round.get() + 1;
            for (BlockVolume volume : List.of(at1, at2, third)) {
                long place = volume == at2 ? offset + CHUNK : offset;
                write(volume, place, n);
                assertEquals(n, counter(volume == at1 ? at2 : volume, place));
            }
            round.set(n);
        }
    }

    private static void write(BlockVolume volume, long offset, long number) throws Exception {
        // A part of a block: the rest is completed from the layer below.
        var bytes = java.nio.ByteBuffer.allocate(512).putLong(0, number);
        volume.write(offset + 512, bytes).get(60, TimeUnit.SECONDS);
    }

    private static long counter(BlockVolume volume, long offset) throws Exception {
        return java.nio.ByteBuffer.wrap(read(volume, offset + 512, 512)).getLong(0);
    }

    private void checkCut(PoolSession pool, String name, int chains) throws Exception {
        List<Volume> made =
                new ConsistentCut(pool, fabric().session().records(), fabric().session()::image)
                        .take(
                                List.of(
                                        new ConsistentCut.Snapshot("both", name),
                                        new ConsistentCut.Snapshot("third", name)),
                                false);
        try (BlockVolume both = pool.client().openReadOnly(made.getFirst());
                BlockVolume third = pool.client().openReadOnly(made.getLast())) {
            for (int chain = 0; chain < chains; chain++) {
                long offset = chain * 3L * CHUNK;
                long x = counter(both, offset);
                long y = counter(both, offset + CHUNK);
                long z = counter(third, offset);
                assertTrue(
                        z <= y && y <= x && x <= z + 1,
                        "cut %s, chain %d: %d, %d, %d".formatted(name, chain, x, y, z));
            }
        }
        for (Volume snapshot : made) {
            // Layers stay few.
            var _ = fabric().session().records().delete(FabricPaths.volume(snapshot.name()));
        }
    }

    @Test
    void whoComesLaterTakesNothingFromThoseWhoExportTooAndAHostTakesAll() throws Exception {
        create("turns");
        export("turns");
        try (var pool = session();
                var other = session();
                RemoteVolume at1 = pool.client().openExported(record("turns"), ONE)) {
            write(at1, 0, (byte) 1, BLOCK);
            assertEquals(1, at1.token());
            RemoteVolume at2 = other.client().openExported(record("turns"), TWO);
            write(at2, 0, (byte) 2, BLOCK);
            assertArrayEquals(filled(2, BLOCK), read(at1, 0, BLOCK));
            write(at1, 0, (byte) 3, BLOCK);
            assertArrayEquals(filled(3, BLOCK), read(at2, 0, BLOCK));
            assertEquals(List.of(2L, 2L), List.of(at1.token(), at2.token()));
            assertEquals("nbd @ node1, node2", attachment("turns").holder());

            // The same node, started again: what is left of its last life is refused.
            try (var again = session();
                    RemoteVolume next = again.client().openExported(record("turns"), TWO)) {
                write(next, 0, (byte) 4, BLOCK);
                assertTrue(fails(() -> at2.write(0, java.nio.ByteBuffer.allocate(BLOCK)).get()));
                write(at1, BLOCK, (byte) 5, BLOCK);
                assertEquals(2, attachment("turns").sharers().size());

                // A living node that is taken out is refused, and the other is cut as ever.
                type("volume unexport turns --node node2");
                assertTrue(fails(() -> next.write(0, java.nio.ByteBuffer.allocate(BLOCK)).get()));
                type("volume snapshot turns@alone");
                write(at1, BLOCK, (byte) 7, BLOCK);
                assertArrayEquals(filled(5, BLOCK), readOnce("turns@alone", BLOCK, BLOCK));
                try (var host = new HolderProcess(fabric(), "turns-host");
                        RemoteVolume alone = host.open("turns")) {
                    write(alone, 0, (byte) 6, BLOCK);
                    for (RemoteVolume late : List.of(at1, next)) {
                        assertTrue(
                                fails(() ->
                                        late.write(0, java.nio.ByteBuffer.allocate(BLOCK)).get()));
                    }
                    assertArrayEquals(filled(6, BLOCK), read(alone, 0, BLOCK));
                }
            }
        }
        type("volume unexport turns");
    }

    /// The other one had no client yet: nothing of the hung one is left for it to meet.
    @Test
    void aNodeThatAloneHadClientsIsFencedWhenItIsTakenOut() throws Exception {
        create("spare");
        export("spare");
        try (var pool = session();
                RemoteVolume at1 = pool.client().openExported(record("spare"), ONE)) {
            write(at1, 0, (byte) 1, BLOCK);
            type("volume unexport spare --node node1");
            assertTrue(attachment("spare").isNobody());
            assertTrue(fails(() -> at1.write(0, java.nio.ByteBuffer.allocate(BLOCK)).get()));
            assertArrayEquals(filled(1, BLOCK), readOnce("spare", 0, BLOCK));
        }
        type("volume unexport spare --node node2");
    }

    /// As a person does it, with QEMU's programs for clients.
    @Test
    void clientsOfTwoNodesWriteOneVolume() throws Exception {
        Assumptions.assumeTrue(
                isThere("qemu-io") && isThere("nbdinfo"),
                "needs qemu-io (qemu-utils) and nbdinfo (libnbd-bin)");
        create("wide");
        String out = type("volume export wide --node node1");
        assertTrue(out.contains("exported at nbd://"), out);
        assertTrue(refused("volume export wide").contains("is exported already, by node1"));
        assertTrue(refused("volume export wide --node node1").contains("name another node"));
        assertTrue(refused("volume export wide --node nobody").contains("no live storage node"));
        assertTrue(
                refused("volume export wide --node node2 --read-only")
                        .contains("one export is the same at all its nodes"));
        JsonNode json = new ObjectMapper().readTree(type("volume export wide --node node2 --json"));
        List<String> uris = new ArrayList<>();
        json.path("uris").forEach(uri -> uris.add(uri.asText()));
        assertEquals(2, uris.size(), json.toString());
        assertEquals(uris.getLast(), json.path("uri").asText());
        for (String uri : uris) {
            Await.until(uri, () -> canBeAsked(uri));
            assertTrue(output("nbdinfo", uri).contains("can_multi_conn: true"));
        }

        try (var one = new Client(uris.getFirst());
                var two = new Client(uris.getLast())) {
            one.does("write -P 0x11 0 1M");
            two.does("read -P 0x11 0 1M");
            two.does("write -P 0x55 48M 4k");
            two.does("write -P 0x22 4k 4k");
            one.does("read -P 0x22 4k 4k");
            type("volume snapshot wide@first");
            one.does("write -P 0x33 0 4k");
            two.does("read -P 0x33 0 4k");
            two.does("write -z 8k 4k");
            one.does("read -P 0 8k 4k");
            type("volume resize wide --size 32M --allow-shrink --force");
            sizeAtBoth(uris, 32 << 20);
            type("volume resize wide --size 128M");
            sizeAtBoth(uris, 128 << 20);
            type("volume unexport wide --node node2");
            assertTrue(refused("volume unexport wide --node node2").contains("but by node1"));
            one.does("write -P 0x44 12k 4k");
            type("volume snapshot wide@alone");
            one.does("write -P 0x66 12k 4k");
            one.does("read -P 0x66 12k 4k");
            Await.until("node2 offers it no more", () -> !canBeAsked(uris.getLast()));
            assertEquals(List.of(ONE), record("wide", Export.class).nodes());
        }
        assertArrayEquals(filled(0x11, BLOCK), readOnce("wide@first", 0, BLOCK));
        assertArrayEquals(filled(0x44, BLOCK), readOnce("wide@alone", 3 * BLOCK, BLOCK));
        assertArrayEquals(filled(0x66, BLOCK), readOnce("wide", 3 * BLOCK, BLOCK));
        assertArrayEquals(filled(0, BLOCK), readOnce("wide", 48 << 20, BLOCK));
        assertArrayEquals(filled(0x55, BLOCK), readOnce("wide@first", 48 << 20, BLOCK));
        type("volume unexport wide --node node1");
        assertTrue(refused("volume unexport wide").contains("is not exported"));
    }

    private static void sizeAtBoth(List<String> uris, long sizeBytes) throws Exception {
        Await.until(
                sizeBytes + " bytes at both",
                () ->
                        canBeAsked(uris.getFirst(), sizeBytes)
                                && canBeAsked(uris.getLast(), sizeBytes));
    }

    private Export record(String volume, Class<Export> type) throws IOException {
        return fabric().session()
                .records()
                .find(FabricPaths.export(volume), type)
                .orElseThrow()
                .noun();
    }

    /// A qemu-io that stays connected.
    private static final class Client implements AutoCloseable {
        private final Process process;

        Client(String uri) throws IOException {
            process =
                    new ProcessBuilder("qemu-io", "-f", "raw", "-t", "none", uri)
                            .redirectErrorStream(true)
                            .start();
        }

        /// A command and its answer: `wrote …`, `read …`; a read of other bytes tells so.
        void does(String command) throws Exception {
            var out = process.getOutputStream();
            out.write((command + "\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
            var answer = new StringBuilder();
            Await.until(
                    command,
                    Duration.ofSeconds(30),
                    () -> {
                        while (process.getInputStream().available() > 0) {
                            answer.append((char) process.getInputStream().read());
                        }
                        return answer.toString().contains(" ops;");
                    });
            assertFalse(
                    answer.toString().contains("failed") || answer.toString().contains("rror"),
                    command + ": " + answer);
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    private static boolean canBeAsked(String uri) throws Exception {
        return !output("nbdinfo", "--size", uri).isEmpty();
    }

    private static boolean canBeAsked(String uri, long sizeBytes) throws Exception {
        return output("nbdinfo", "--size", uri).startsWith(Long.toString(sizeBytes));
    }
}
