package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.Attachment;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;
import weft.runtime.Pause;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;
import weft.wire.holder.HolderMessage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/// Snapshots of volumes that are being written, and what is made of them, in a whole fabric.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(180)
final class SnapshotSystemTest {
    private static final int BLOCK = 4096;
    private static final int SECTOR = 512;
    private static final int CHUNK = 4 << 20;

    private LoopbackFabric fabric;

    @BeforeAll
    void start(@TempDir Path folder) throws Exception {
        fabric = LoopbackFabric.start(folder.resolve("fabric"));
    }

    @AfterAll
    void stop() {
        fabric.close();
    }

    private String type(String line) {
        LoopbackFabric.Ended ended = fabric.type(line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended.out();
    }

    private String refused(String line) {
        List<Object> before = fabric.wanted();
        LoopbackFabric.Ended ended = fabric.type(line);
        assertTrue(ended.exitCode() != 0, line + ": " + ended.out());
        assertEquals(before, fabric.wanted(), line);
        return ended.err();
    }

    private void create(String name) throws Exception {
        type("volume create " + name + " --size 64M");
        Await.until(name, () -> fabric.session().image().volumes().containsKey(name));
    }

    private Volume record(String name) throws IOException {
        return fabric.session()
                .records()
                .find(FabricPaths.volume(name), Volume.class)
                .orElseThrow()
                .noun();
    }

    private static void write(BlockVolume volume, long offset, byte value, int length)
            throws Exception {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, value);
        volume.write(offset, ByteBuffer.wrap(bytes)).get(30, TimeUnit.SECONDS);
    }

    private static byte[] read(BlockVolume volume, long offset, int length) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        volume.read(offset, bytes).get(30, TimeUnit.SECONDS);
        return bytes.array();
    }

    private byte[] readOnce(String name, long offset, int length) throws Exception {
        try (var pool =
                        new PoolSession(
                                fabric.session().records().store(), fabric.session()::image);
                BlockVolume open = pool.client().openReadOnly(record(name))) {
            return read(open, offset, length);
        }
    }

    private static byte[] filled(int value, int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    /// Two processes write counters in turns, each write after the last one's answer, in several
    /// chains at once. In a cut the second volume may not know of more than the first, nor lag by
    /// more than one: no write in the cut was issued after the answer of a write outside it.
    @Test
    void aCutOverVolumesOfTwoProcessesIsClosedUnderWhatCausedWhat() throws Exception {
        create("cause");
        create("effect");
        int chains = 6;
        var stop = new AtomicBoolean();
        try (var one = new HolderProcess(fabric, "one");
                var two = new HolderProcess(fabric, "two");
                RemoteVolume cause = one.open("cause");
                RemoteVolume effect = two.open("effect");
                var pool =
                        new PoolSession(
                                fabric.session().records().store(), fabric.session()::image);
                ExecutorService threads = Executors.newCachedThreadPool()) {
            List<Future<Long>> writers = new ArrayList<>();
            for (int chain = 0; chain < chains; chain++) {
                long offset = chain * 3L * CHUNK;
                writers.add(threads.submit(() -> countInTurns(cause, effect, offset, stop)));
            }
            int cuts = 20;
            try {
                for (int cut = 0; cut < cuts; cut++) {
                    var wanted =
                            List.of(
                                    new ConsistentCut.Wanted("cause", "c" + cut),
                                    new ConsistentCut.Wanted("effect", "c" + cut));
                    List<Volume> made =
                            new ConsistentCut(
                                            pool,
                                            fabric.session().records(),
                                            fabric.session()::image)
                                    .take(wanted, false);
                    try (BlockVolume causes = pool.client().openReadOnly(made.getFirst());
                            BlockVolume effects = pool.client().openReadOnly(made.getLast())) {
                        for (int chain = 0; chain < chains; chain++) {
                            long offset = chain * 3L * CHUNK;
                            long x = counter(causes, offset);
                            long y = counter(effects, offset);
                            assertTrue(
                                    y <= x && x <= y + 1,
                                    "cut %d, chain %d: %d after %d".formatted(cut, chain, y, x));
                        }
                    }
                    for (Volume snapshot : made) {
                        // Layers stay few.
                        var _ =
                                fabric.session()
                                        .records()
                                        .delete(FabricPaths.volume(snapshot.name()));
                    }
                    Pause.millis(20);
                }
            } finally {
                stop.set(true);
            }
            for (Future<Long> writer : writers) {
                assertTrue(writer.get(30, TimeUnit.SECONDS) > 5, "it went on meanwhile");
            }
        }
    }

    private static long countInTurns(
            BlockVolume cause, BlockVolume effect, long offset, AtomicBoolean stop)
            throws Exception {
        long n = 0;
        while (!stop.get()) {
            n++;
            for (BlockVolume volume : List.of(cause, effect)) {
                ByteBuffer block = ByteBuffer.allocate(BLOCK);
                block.putLong(0, n);
                volume.write(offset, block).get(30, TimeUnit.SECONDS);
            }
        }
        return n;
    }

    private static long counter(BlockVolume volume, long offset) throws Exception {
        return ByteBuffer.wrap(read(volume, offset, BLOCK)).getLong(0);
    }

    /// Eight writers, each in its own sector of one block: a write of a part of a block in the new
    /// layer is completed from the old one, and must not miss what was still on its way there.
    @Test
    void partsOfABlockThatAreWrittenDuringASnapshotAreNotLost() throws Exception {
        create("sectors");
        var stop = new AtomicBoolean();
        var tooOld = new AtomicInteger();
        try (var holder = new HolderProcess(fabric, "sectors-host");
                RemoteVolume volume = holder.open("sectors");
                ExecutorService threads = Executors.newCachedThreadPool()) {
            List<Future<Long>> writers = new ArrayList<>();
            for (int sector = 0; sector < BLOCK / SECTOR; sector++) {
                long offset = sector * (long) SECTOR;
                writers.add(
                        threads.submit(() -> {
                            long n = 0;
                            while (!stop.get()) {
                                ByteBuffer bytes = ByteBuffer.allocate(SECTOR);
                                bytes.putLong(0, ++n);
                                volume.write(offset, bytes).get(30, TimeUnit.SECONDS);
                                byte[] back = read(volume, offset, SECTOR);
                                if (ByteBuffer.wrap(back).getLong(0) != n) {
                                    tooOld.incrementAndGet();
                                }
                            }
                            return n;
                        }));
            }
            try {
                for (int cut = 0; cut < 20; cut++) {
                    type("volume snapshot sectors@s" + cut);
                    type("volume delete sectors@s" + cut);
                }
            } finally {
                stop.set(true);
            }
            for (int sector = 0; sector < writers.size(); sector++) {
                long last = writers.get(sector).get(30, TimeUnit.SECONDS);
                byte[] bytes = read(volume, sector * (long) SECTOR, SECTOR);
                assertEquals(last, ByteBuffer.wrap(bytes).getLong(0), "sector " + sector);
            }
            assertEquals(0, tooOld.get(), "each read what it had written");
            // The holder still reads through all the layers there were.
            Await.until(
                    "the layers of 20 deleted snapshots are merged",
                    Duration.ofSeconds(60),
                    () -> record("sectors").layers().size() == 2);
            for (int sector = 0; sector < writers.size(); sector++) {
                byte[] bytes = read(volume, sector * (long) SECTOR, SECTOR);
                assertEquals(writers.get(sector).get(), ByteBuffer.wrap(bytes).getLong(0));
            }
            assertArrayEquals(read(volume, 0, BLOCK), readOnce("sectors", 0, BLOCK));
        }
    }

    /// The whole life of a snapshot, as a person types it, with a volume that stays open.
    @Test
    void aSnapshotKeepsWhatWasAndIsClonedAndRolledBackTo() throws Exception {
        create("book");
        try (var holder = new HolderProcess(fabric, "book-host");
                RemoteVolume volume = holder.open("book")) {
            write(volume, 0, (byte) 1, 2 * CHUNK);
            type("volume snapshot book@first");
            write(volume, CHUNK - BLOCK, (byte) 2, 2 * BLOCK);
            volume.discard(0, 4 * BLOCK).get(30, TimeUnit.SECONDS);
            type("volume snapshot book@second");
            write(volume, 0, (byte) 3, BLOCK);

            assertArrayEquals(filled(3, BLOCK), read(volume, 0, BLOCK));
            assertArrayEquals(filled(0, BLOCK), read(volume, BLOCK, BLOCK));
            assertArrayEquals(filled(2, 2 * BLOCK), read(volume, CHUNK - BLOCK, 2 * BLOCK));
        }
        assertArrayEquals(filled(1, 2 * CHUNK), readOnce("book@first", 0, 2 * CHUNK));
        assertArrayEquals(filled(0, 4 * BLOCK), readOnce("book@second", 0, 4 * BLOCK));
        assertArrayEquals(filled(2, 2 * BLOCK), readOnce("book@second", CHUNK - BLOCK, 2 * BLOCK));

        assertTrue(refused("volume delete book").contains("its snapshot 'book@"));
        assertTrue(refused("volume snapshot book@first").contains("exists already"));
        assertTrue(refused("volume clone book copy").contains("weft volume snapshot book@NAME"));
        assertTrue(refused("volume rollback book").contains("no snapshot"));
        assertTrue(refused("volume snapshot book").contains("VOLUME@NAME"));
        assertTrue(refused("volume snapshot boak@x").contains("did you mean 'book'"));

        type("volume clone book@first copy --size 128M");
        type("volume rollback book@first");
        assertArrayEquals(filled(1, 2 * CHUNK), readOnce("book", 0, 2 * CHUNK));
        type("volume delete book@first");
        assertArrayEquals(filled(1, 2 * CHUNK), readOnce("copy", 0, 2 * CHUNK));
        assertEquals(128 << 20, record("copy").sizeBytes());

        Await.until(
                "the picture", () -> !fabric.session().image().volumes().containsKey("book@first"));
        type("volume rename book ledger");
        assertArrayEquals(
                filled(2, 2 * BLOCK), readOnce("ledger@second", CHUNK - BLOCK, 2 * BLOCK));
        JsonNode list = new ObjectMapper().readTree(type("volume list --json"));
        List<String> names = new ArrayList<>();
        list.forEach(
                row -> names.add(row.path("name").asText() + " " + row.path("access").asText()));
        assertTrue(names.contains("ledger@second snapshot"), names.toString());
        assertFalse(names.toString().contains("book"), names.toString());
    }

    /// Space comes back as records go: of the layers below a rollback, and of a volume that only a
    /// clone's layers outlive, nothing is lost and nothing stays.
    @Test
    void whatNoRecordHasIsGivenBackAndNothingElse() throws Exception {
        create("tree");
        try (var holder = new HolderProcess(fabric, "tree-host");
                RemoteVolume volume = holder.open("tree")) {
            write(volume, 0, (byte) 1, CHUNK);
            type("volume snapshot tree@base");
            write(volume, 0, (byte) 2, CHUNK);
        }
        assertEquals(2 * CHUNK, stored("tree"));
        type("volume rollback tree@base");
        Await.until(
                "what was written after the snapshot is given back",
                Duration.ofSeconds(60),
                () -> unowned() == 0);
        assertEquals(CHUNK, stored("tree"));
        assertArrayEquals(filled(1, CHUNK), readOnce("tree", 0, CHUNK));
        type("volume clone tree@base leaf");
        type("volume delete tree@base");
        Await.until(
                "the picture", () -> !fabric.session().image().volumes().containsKey("tree@base"));
        assertArrayEquals(filled(1, CHUNK), readOnce("leaf", 0, CHUNK));
        assertTrue(refused("volume delete tree").contains("its clone 'leaf'"));
        type("volume delete leaf");
        Await.until("the picture", () -> !fabric.session().image().volumes().containsKey("leaf"));
        assertArrayEquals(filled(1, CHUNK), readOnce("tree", 0, CHUNK));
    }

    /// A volume grows and shrinks under its holder; what comes back after a shrink is zeroes, and a
    /// snapshot keeps what was cut off.
    @Test
    void aVolumeChangesItsSizeWhileItIsUsed() throws Exception {
        create("elastic");
        var told = new AtomicInteger();
        try (var holder = new HolderProcess(fabric, "elastic-host");
                RemoteVolume volume = holder.open("elastic")) {
            volume.onResize(told::incrementAndGet);
            assertTrue(fails(() -> volume.write(64 << 20, ByteBuffer.allocate(BLOCK)).get()));
            type("volume resize elastic --size 96M");
            write(volume, 64 << 20, (byte) 1, 2 * CHUNK);
            assertEquals(1, told.get());
            type("volume snapshot elastic@large");
            assertTrue(refused("volume resize elastic --size 65M").contains("--allow-shrink"));
            type("volume resize elastic --size 65M --allow-shrink");
            assertEquals(65 << 20, volume.sizeBytes());
            assertTrue(fails(() -> volume.write(65 << 20, ByteBuffer.allocate(BLOCK)).get()));
            assertArrayEquals(filled(1, 1 << 20), read(volume, 64 << 20, 1 << 20));
            type("volume resize elastic --size 96M");
            assertArrayEquals(filled(0, 2 * CHUNK), read(volume, 65 << 20, 2 * CHUNK));
            assertArrayEquals(filled(1, 1 << 20), read(volume, 64 << 20, 1 << 20));
        }
        assertArrayEquals(filled(1, 2 * CHUNK), readOnce("elastic@large", 64 << 20, 2 * CHUNK));
        type("volume export elastic");
        assertTrue(
                refused("volume resize elastic --size 4M --allow-shrink").contains("is exported"));
        type("volume unexport elastic");
    }

    /// An NBD client goes on through a snapshot and a resize: its export is not taken away.
    @Test
    void anExportStaysThroughASnapshot() throws Exception {
        Assumptions.assumeTrue(isThere("qemu-io"), "needs qemu-io (qemu-utils)");
        create("steady");
        type("volume export steady");
        String uri = uri("steady");
        Await.until("it is offered", () -> output("nbdinfo", "--size", uri).startsWith("6"));
        Process client =
                new ProcessBuilder(
                                "qemu-io",
                                "-f",
                                "raw",
                                uri,
                                "-c",
                                "write -P 1 0 64k",
                                "-c",
                                "sleep 4000",
                                "-c",
                                "write -P 2 4k 4k",
                                "-c",
                                "read -P 2 4k 4k",
                                "-c",
                                "read -P 1 8k 56k")
                        .redirectErrorStream(true)
                        .start();
        try {
            Await.until("the first write", () -> readOnce("steady", 0, BLOCK)[0] == 1);
            type("volume snapshot steady@one");
            type("volume resize steady --size 128M");
            String out = new String(client.getInputStream().readAllBytes(), UTF_8);
            assertTrue(client.waitFor(30, TimeUnit.SECONDS));
            assertEquals(0, client.exitValue(), out);
            assertFalse(out.contains("failed") || out.contains("rror"), out);
        } finally {
            client.destroyForcibly();
        }
        assertArrayEquals(filled(1, 64 << 10), readOnce("steady@one", 0, 64 << 10));
        assertArrayEquals(filled(2, BLOCK), readOnce("steady", BLOCK, BLOCK));
        assertTrue(output("nbdinfo", "--size", uri).startsWith("134217728"));
        type("volume unexport steady");
    }

    /// Snapshots are exports like any, read by libnbd's and QEMU's tools, which see what is stored.
    @Test
    void aSnapshotIsExportedWithItsHoles() throws Exception {
        Assumptions.assumeTrue(
                isThere("nbdinfo") && isThere("qemu-img"),
                "needs nbdinfo (libnbd-bin) and qemu-img (qemu-utils)");
        create("holes");
        try (var holder = new HolderProcess(fabric, "holes-host");
                RemoteVolume volume = holder.open("holes")) {
            write(volume, CHUNK - BLOCK, (byte) 1, 2 * BLOCK);
            write(volume, 3 * CHUNK + 100, (byte) 1, 10);
            type("volume snapshot holes@then");
            write(volume, 0, (byte) 2, BLOCK);
            volume.discard(CHUNK, BLOCK).get(30, TimeUnit.SECONDS);
        }
        type("volume export holes@then");
        type("volume export holes");
        try {
            assertEquals(
                    List.of(
                            "0 %d 3".formatted(CHUNK - BLOCK),
                            "%d %d 0".formatted(CHUNK - BLOCK, 2 * BLOCK),
                            "%d %d 3".formatted(CHUNK + BLOCK, 2 * CHUNK - BLOCK),
                            "%d %d 0".formatted(3 * CHUNK, BLOCK),
                            "%d %d 3".formatted(3 * CHUNK + BLOCK, 13 * CHUNK - BLOCK)),
                    mapOf("holes@then"));
            assertEquals(
                    List.of(
                            "0 %d 0".formatted(BLOCK),
                            "%d %d 3".formatted(BLOCK, CHUNK - 2 * BLOCK),
                            "%d %d 0".formatted(CHUNK - BLOCK, BLOCK),
                            "%d %d 3".formatted(CHUNK, 2 * CHUNK),
                            "%d %d 0".formatted(3 * CHUNK, BLOCK),
                            "%d %d 3".formatted(3 * CHUNK + BLOCK, 13 * CHUNK - BLOCK)),
                    mapOf("holes"));
            JsonNode qemu =
                    new ObjectMapper()
                            .readTree(
                                    output("qemu-img", "map", "--output=json", uri("holes@then")));
            long data = 0;
            for (JsonNode extent : qemu) {
                data += extent.path("data").asBoolean() ? extent.path("length").asLong() : 0;
            }
            assertEquals(3 * BLOCK, data, qemu.toString());
        } finally {
            type("volume unexport holes@then");
            type("volume unexport holes");
        }
    }

    private static boolean isThere(String program) {
        return Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    private static String output(String... command) throws Exception {
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            String out = new String(process.getInputStream().readAllBytes(), UTF_8);
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), String.join(" ", command));
            return out;
        } finally {
            process.destroyForcibly();
        }
    }

    private String uri(String export) throws Exception {
        JsonNode shown = new ObjectMapper().readTree(type("volume show " + export + " --json"));
        return shown.path("export").asText();
    }

    /// Offset, length and state of each extent, neighbours of one state joined.
    private List<String> mapOf(String export) throws Exception {
        String uri = uri(export);
        AtomicReference<String> json = new AtomicReference<>("");
        Await.until(
                export + " is offered",
                () -> {
                    json.set(output("nbdinfo", "--map", "--json", uri));
                    return json.get().startsWith("[");
                });
        List<long[]> joined = new ArrayList<>();
        for (JsonNode extent : new ObjectMapper().readTree(json.get())) {
            long[] next = {
                extent.path("offset").asLong(),
                extent.path("length").asLong(),
                extent.path("type").asLong()
            };
            if (!joined.isEmpty() && joined.getLast()[2] == next[2]) {
                joined.getLast()[1] += next[1];
            } else {
                joined.add(next);
            }
        }
        return joined.stream().map(e -> "%d %d %d".formatted(e[0], e[1], e[2])).toList();
    }

    /// A clone that is written while it is flattened, from a chain of layers: afterwards it has
    /// what it wrote and, for the rest, what it was cloned from, without that.
    @Test
    void aCloneIsMadeIndependentWhileItIsWritten() throws Exception {
        create("parent");
        try (var holder = new HolderProcess(fabric, "parent-host");
                RemoteVolume volume = holder.open("parent")) {
            write(volume, 0, (byte) 1, 2 * CHUNK);
            type("volume snapshot parent@one");
            write(volume, CHUNK, (byte) 2, CHUNK / 2);
            volume.discard(0, 8 * BLOCK).get(30, TimeUnit.SECONDS);
            type("volume snapshot parent@two");
        }
        assertTrue(refused("volume flatten parent").contains("is no clone"));
        type("volume clone parent@two child");
        byte[] expected = readOnce("parent@two", 0, 3 * CHUNK);
        try (var holder = new HolderProcess(fabric, "child-host");
                RemoteVolume child = holder.open("child");
                ExecutorService threads = Executors.newCachedThreadPool()) {
            write(child, 4 * BLOCK, (byte) 3, 8 * BLOCK);
            Arrays.fill(expected, 4 * BLOCK, 12 * BLOCK, (byte) 3);
            var stop = new AtomicBoolean();
            Future<Integer> writer =
                    threads.submit(() -> {
                        int n = 0;
                        while (!stop.get()) {
                            int at = CHUNK + n % 512 * BLOCK + 100;
                            write(child, at, (byte) 4, BLOCK);
                            Arrays.fill(expected, at, at + BLOCK, (byte) 4);
                            n++;
                        }
                        return n;
                    });
            try {
                type("volume flatten child");
            } finally {
                stop.set(true);
            }
            assertTrue(writer.get(30, TimeUnit.SECONDS) > 0);
            assertArrayEquals(expected, read(child, 0, 3 * CHUNK));
        }
        Volume independent = record("child");
        assertTrue(
                independent.layers().stream()
                        .allMatch(layer -> layer.volume().equals(independent.id())));
        assertArrayEquals(expected, readOnce("child", 0, 3 * CHUNK));
        for (String gone : List.of("parent@one", "parent@two", "parent")) {
            type("volume delete " + gone);
            Await.until(gone, () -> !fabric.session().image().volumes().containsKey(gone));
        }
        Await.until("what the parent had is gone", Duration.ofSeconds(60), () -> unowned() == 0);
        assertArrayEquals(expected, readOnce("child", 0, 3 * CHUNK));
    }

    private long stored(String volume) throws Exception {
        JsonNode report = new ObjectMapper().readTree(type("pool df --json"));
        for (JsonNode row : report.path("volumes")) {
            if (row.path("volume").asText().equals(volume)) {
                return row.path("ownBytes").asLong() + row.path("inheritedBytes").asLong();
            }
        }
        throw new AssertionError(report.toString());
    }

    private long unowned() throws Exception {
        return new ObjectMapper().readTree(type("pool df --json")).path("unownedBytes").asLong();
    }

    /// A holder that hears late: what it withheld it had to let go, and such a cut does not count.
    @Test
    void aCutThatAProcessCouldNotBeHeldForIsTriedAgain() throws Exception {
        create("prompt");
        create("late");
        var settles = new AtomicInteger();
        HolderProcess.Deafness deaf =
                ear ->
                        (message, caller) -> {
                            if (message instanceof HolderMessage.Settle
                                    && settles.incrementAndGet() == 1) {
                                Thread.ofVirtual()
                                        .start(() -> {
                                            Pause.millis(200);
                                            ear.onMessage(message, caller);
                                        });
                            } else {
                                ear.onMessage(message, caller);
                            }
                        };
        try (var one = new HolderProcess(fabric, "prompt-host");
                var two = new HolderProcess(fabric, "late-host", deaf);
                RemoteVolume prompt = one.open("prompt");
                RemoteVolume late = two.open("late")) {
            write(prompt, 0, (byte) 1, BLOCK);
            write(late, 0, (byte) 1, BLOCK);
            type("volume snapshot prompt@cut late@cut");
            assertTrue(settles.get() >= 2, "the first cut was void");
            assertTrue(record("late").layers().size() >= 3, "and left a layer");
            assertArrayEquals(filled(1, BLOCK), readOnce("late@cut", 0, BLOCK));
        }
    }

    /// Nobody is known to have ended its writes: the volume is taken away from it, unless it is in
    /// use.
    @Test
    void aHolderThatIsGoneIsFenced() throws Exception {
        create("orphan");
        var gone = new HolderProcess(fabric, "gone-host");
        RemoteVolume volume = gone.open("orphan");
        write(volume, 0, (byte) 1, BLOCK);
        long token = token("orphan");
        // It is there, and does not say so.
        gone.close();
        try (var back = new HolderProcess(fabric, "gone-host")) {
            type("volume snapshot orphan@end");
            assertTrue(back.pool() != null);
        }
        assertArrayEquals(filled(1, BLOCK), readOnce("orphan@end", 0, BLOCK));
        Await.until("a higher token", () -> token("orphan") > token);

        create("offered");
        type("volume export offered");
        try (var holder = new HolderProcess(fabric, "mute-host", ear -> (message, caller) -> {});
                RemoteVolume offered = holder.open("offered")) {
            write(offered, 0, (byte) 1, BLOCK);
            LoopbackFabric.Ended mute = fabric.type("volume snapshot offered@x");
            assertEquals(ExitCode.REFUSED.value(), mute.exitCode(), mute.out());
            assertTrue(mute.err().contains("does not answer"), mute.err());
            write(offered, 0, (byte) 2, BLOCK);
            type("volume snapshot offered@x --force");
            Callable<Object> late = () -> offered.write(0, ByteBuffer.allocate(BLOCK)).get();
            assertTrue(fails(late), "the old holder is refused");
            assertArrayEquals(filled(2, BLOCK), readOnce("offered@x", 0, BLOCK));
        }
    }

    private long token(String volume) throws IOException {
        return fabric.session()
                .records()
                .find(FabricPaths.attachment(record(volume).id()), Attachment.class)
                .orElseThrow()
                .noun()
                .token();
    }

    private static boolean fails(Callable<Object> action) {
        try {
            action.call();
            return false;
        } catch (Exception e) {
            String why = String.valueOf(e.getMessage());
            return why.contains("newer holder")
                    || why.contains("token")
                    || why.contains("not within");
        }
    }

    @Test
    void aVolumeThatNobodyHoldsIsCutToo() throws Exception {
        create("fresh");
        type("volume snapshot fresh@empty");
        assertEquals(1, record("fresh@empty").layers().size());
        assertEquals(2, record("fresh").layers().size());
        try (var holder = new HolderProcess(fabric, "fresh-host");
                RemoteVolume volume = holder.open("fresh")) {
            write(volume, 0, (byte) 1, BLOCK);
        }
        assertArrayEquals(filled(0, BLOCK), readOnce("fresh@empty", 0, BLOCK));
        assertEquals(
                Volume.Access.READ_ONLY,
                VolumeAdmin.find(fabric.session().image(), "fresh@empty").access());
    }
}
