package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// An operator looks at the pool: what is told of groups, stores and space is what is there.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
final class PoolSystemTest {
    private static final int BLOCK = 4096;

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

    private JsonNode json(String line) throws Exception {
        return new ObjectMapper().readTree(type(line + " --json"));
    }

    private void write(String name, long offsetBytes, int lengthBytes) throws Exception {
        Volume volume = VolumeAdmin.find(fabric.session().image(), name);
        try (var pool =
                new PoolSession(fabric.session().records().store(), fabric.session()::image)) {
            var claimed = pool.client().claim(volume, "test");
            try (var open = pool.client().open(claimed)) {
                var bytes = ByteBuffer.allocate(lengthBytes);
                for (int at = 0; at < lengthBytes; at += BLOCK) {
                    bytes.put(at, (byte) 1);
                }
                open.write(offsetBytes, bytes).get(30, TimeUnit.SECONDS);
            }
        }
    }

    private void awaitVolume(String name) throws Exception {
        Await.until(name, () -> fabric.session().image().volumes().containsKey(name));
    }

    @Test
    void everyGroupIsWholeAndEveryStoreCarriesACopyOfIt() throws Exception {
        JsonNode map = json("pool map");
        assertEquals(32, map.size());
        int primaries = 0;
        for (JsonNode group : map) {
            assertEquals("whole", group.path("state").asText(), group.toString());
            assertEquals(3, group.path("members").size());
            assertEquals(group.path("wanted"), group.path("members"));
            primaries += group.path("primary").asText().equals("node1") ? 1 : 0;
        }
        JsonNode status = json("pool status");
        assertEquals(32, status.at("/health/whole").asInt());
        assertEquals(3, status.path("stores").size());
        JsonNode node1 = status.path("stores").get(0);
        assertEquals("node1", node1.path("node").asText());
        assertEquals(32, node1.path("copies").asInt());
        assertEquals(primaries, node1.path("primaries").asInt());
        assertEquals(0, node1.path("missing").asInt());
        assertTrue(node1.path("freeBytes").asLong() > 0);
        assertTrue(type("pool status").contains("pool: healthy"));
    }

    /// Each block is counted once, though there are three copies; a clone has what it wrote.
    @Test
    void spaceIsToldBlockByBlock() throws Exception {
        long before = json("pool df").path("storedBytes").asLong();
        type("volume create data --size 64M");
        awaitVolume("data");
        assertEquals(0, ownBytes("data"));
        // Beyond one chunk, so in several groups; and half a block, which takes a whole one.
        write("data", 4 << 20, 2 * (4 << 20));
        write("data", 100, 7);
        long stored = 2 * (4 << 20) + BLOCK;
        assertEquals(stored, ownBytes("data"));

        var admin = new VolumeAdmin(fabric.session().records());
        admin.seal(VolumeAdmin.find(fabric.session().image(), "data"));
        Await.until(
                "the seal",
                () ->
                        VolumeAdmin.find(fabric.session().image(), "data").access()
                                == Volume.Access.READ_ONLY);
        var _ = admin.clone(fabric.session().image(), "data", "copy", 64 << 20);
        awaitVolume("copy");
        write("copy", 0, BLOCK);
        assertEquals(BLOCK, ownBytes("copy"));
        assertEquals(stored, row("copy").path("inheritedBytes").asLong());
        assertEquals(0, ownBytes("data"), "what a clone has too is not given back");
        assertEquals(before + stored + BLOCK, json("pool df").path("storedBytes").asLong());
    }

    /// The chunk's file on a node, under its disks' folder.
    private Path chunkFile(String node, String volume, int chunk) throws Exception {
        long layer = VolumeAdmin.find(fabric.session().image(), volume).id().value();
        String prefix = layer + "-" + chunk + ".";
        var found = new AtomicReference<Path>();
        Await.until(
                "all of chunk " + chunk + " of " + volume + " at " + node,
                () -> {
                    try (var files = Files.walk(fabric.layout().folder().resolve(node))) {
                        files.filter(file -> file.getFileName().toString().startsWith(prefix))
                                .filter(file -> file.toFile().length() == BLOCK + (4 << 20))
                                .forEach(found::set);
                    } catch (IOException | UncheckedIOException e) {
                        return false; // A file went meanwhile.
                    }
                    return found.get() != null;
                });
        return found.get();
    }

    private static void damage(Path file, int block) throws Exception {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {77}), BLOCK + (long) block * BLOCK + 5);
        }
    }

    @Test
    void scrubbingRepairsWhatDecayedAndSaysWhatIsLost() throws Exception {
        type("volume create archive --size 16M");
        awaitVolume("archive");
        write("archive", 0, 8 << 20);
        damage(chunkFile("node1", "archive", 0), 3);
        damage(chunkFile("node2", "archive", 0), 1000);
        damage(chunkFile("node3", "archive", 1), 7);
        JsonNode stores = json("pool scrub").path("stores");
        assertEquals(3, stores.size());
        for (JsonNode store : stores) {
            assertEquals(1, store.path("repairedBlocks").asInt(), stores.toString());
            assertEquals(0, store.path("lostBlocks").asInt());
            assertEquals(0, store.path("due").asInt());
            assertTrue(store.path("verifiedBytes").asLong() >= 8 << 20);
        }
        assertEquals((byte) 1, read("archive", 3 * BLOCK, BLOCK).get(0));

        for (String node : List.of("node1", "node2", "node3")) {
            damage(chunkFile(node, "archive", 1), 20);
        }
        LoopbackFabric.Ended ended = fabric.type("pool scrub");
        assertEquals(1, ended.exitCode(), ended.err());
        assertTrue(ended.err().contains("block 20 of chunk"), ended.err());
        assertTrue(ended.out().contains("LOST"), ended.out());
        write("archive", (4 << 20) + 20 * BLOCK, BLOCK);
        type("pool scrub");
        assertTrue(type("pool scrub --status").contains("node2"));
        assertEquals(2, fabric.type("pool scrub --status --no-wait").exitCode());
    }

    /// What is set is shown, and what is not says so; nodes go by it at once.
    @Test
    void settingsAreSetShownAndTakenBack() throws Exception {
        JsonNode before = json("pool get");
        assertEquals(6, before.size());
        for (JsonNode setting : before) {
            assertTrue(!setting.path("source").asText().equals("set"), before.toString());
        }
        assertEquals("32M", json("pool get scrub-rate").get(0).path("value").asText());
        assertTrue(json("pool get moves").get(0).path("value").isNull());
        assertEquals("scrub-rate is 48M", type("pool set scrub-rate 48M").strip());
        assertEquals("replace-after is 20m", type("pool set replace-after 1200s").strip());
        assertEquals("set", json("pool get scrub-rate").get(0).path("source").asText());
        assertEquals("48M", json("pool get scrub-rate").get(0).path("value").asText());
        assertTrue(type("pool status").contains("set: scrub-rate 48M, replace-after 20m"));
        assertEquals(48 << 20, json("pool status").at("/settings/scrubBytesPerSecond").asInt());
        assertEquals(2, fabric.type("pool set scrub-rate 1K").exitCode());
        assertEquals("48M", json("pool get scrub-rate").get(0).path("value").asText());
        assertEquals("scrub-rate is 32M", type("pool set scrub-rate default").strip());
        assertEquals(
                "replace-after is what each control was started with",
                type("pool set replace-after default").strip());
        assertTrue(!type("pool status").contains("set: "));
    }

    @Test
    void copiesAreComparedWithoutReadingThem() throws Exception {
        type("volume create compared --size 16M");
        awaitVolume("compared");
        write("compared", 0, 16 << 20);
        JsonNode report = json("pool scrub --light");
        assertEquals(0, report.path("stores").size());
        assertEquals(0, report.path("differences").size());
        assertEquals(3, report.path("light").size());
        long compared = 0;
        for (JsonNode store : report.path("light")) {
            compared += store.path("comparedChunks").asLong();
            assertEquals(0, store.path("differingChunks").asLong(), report.toString());
            assertEquals(0, store.path("skipped").asLong(), report.toString());
            assertEquals(0, store.path("due").asInt());
            Instant.parse(store.path("comparedSince").asText());
        }
        assertTrue(compared >= 4, report.toString());
        String both = type("pool scrub --status");
        assertTrue(both.contains("VERIFIED") && both.contains("DIFFERING"), both);
    }

    @Test
    void aVolumeGrowsAndReadsZeroesBeyondItsOldEnd() throws Exception {
        type("volume create elastic --size 6M");
        awaitVolume("elastic");
        write("elastic", 0, 6 << 20);
        type("volume resize elastic --size 32M");
        awaitSize("elastic", 32 << 20);
        assertEquals(6 << 20, ownBytes("elastic"));
        ByteBuffer read = read("elastic", (6 << 20) - BLOCK, 26 << 20);
        assertEquals((byte) 1, read.get(0), "within");
        for (int i = BLOCK; i < read.limit(); i++) {
            assertEquals(0, read.get(i), "beyond, at " + i);
        }
    }

    private void awaitSize(String name, long sizeBytes) throws Exception {
        Await.until(
                name + " of " + sizeBytes,
                () -> VolumeAdmin.find(fabric.session().image(), name).sizeBytes() == sizeBytes);
    }

    private ByteBuffer read(String name, long offsetBytes, int lengthBytes) throws Exception {
        Volume volume = VolumeAdmin.find(fabric.session().image(), name);
        try (var pool =
                        new PoolSession(
                                fabric.session().records().store(), fabric.session()::image);
                var open = pool.client().openReadOnly(volume)) {
            var bytes = ByteBuffer.allocate(lengthBytes);
            open.read(offsetBytes, bytes).get(30, TimeUnit.SECONDS);
            return bytes.flip();
        }
    }

    /// The benchmark on a volume of this fabric: fio through NBD, then our own client. It lets go
    /// of the volume, and leaves nothing in its folder.
    @Test
    void aVolumeOfARunningFabricIsMeasuredAndLetGo(@TempDir Path folder) throws Exception {
        type("volume create speed --size 64M");
        awaitVolume("speed");
        String options =
                " --volume speed --loads write4k-qd1,read4k-qd1 --repeat 1 --seconds 1 --dir ";
        JsonNode report = json("bench disk" + options + folder);
        assertEquals("disk", report.path("bench").asText());
        for (String name :
                new String[] {
                    "write4k-qd1", "read4k-qd1", "native-write4k-qd1", "native-read4k-qd1-p99"
                }) {
            double median = -1;
            for (JsonNode row : report.path("rows")) {
                median =
                        row.path("name").asText().equals(name)
                                ? row.at("/weft/median").asDouble()
                                : median;
            }
            assertTrue(median > 0, name + " in " + report);
        }
        assertEquals(0, folder.toFile().list().length);
        Await.until("the export is gone", () -> fabric.session().image().exports().isEmpty());

        var admin = new VolumeAdmin(fabric.session().records());
        admin.seal(VolumeAdmin.find(fabric.session().image(), "speed"));
        Await.until(
                "the seal",
                () ->
                        VolumeAdmin.find(fabric.session().image(), "speed").access()
                                == Volume.Access.READ_ONLY);
        String sealed = fabric.type("bench disk --volume speed --dir " + folder).err();
        assertTrue(sealed.contains("read-only"), sealed);
        String refused = fabric.type("bench disk --volume nosuch --dir " + folder).err();
        assertTrue(refused.contains("there is no volume 'nosuch'"), refused);
        assertEquals(0, folder.toFile().list().length);
    }

    private JsonNode row(String volume) throws Exception {
        for (JsonNode row : json("pool df").path("volumes")) {
            if (row.path("volume").asText().equals(volume)) {
                return row;
            }
        }
        throw new AssertionError("df does not tell of " + volume);
    }

    private long ownBytes(String volume) throws Exception {
        return row(volume).path("ownBytes").asLong();
    }
}
