package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/// What is made of snapshots, and of volumes in use, in a whole fabric().
@Timeout(180)
final class SnapshotSystemTest extends VolumeSystemTest {
    /// The whole life of a snapshot, as a person types it, with a volume that stays open.
    @Test
    void aSnapshotKeepsWhatWasAndIsClonedAndRolledBackTo() throws Exception {
        create("book");
        try (var holder = new HolderProcess(fabric(), "book-host");
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
                "the picture",
                () -> !fabric().session().image().volumes().containsKey("book@first"));
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
        try (var holder = new HolderProcess(fabric(), "tree-host");
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
        type("volume protect tree@base");
        type("volume protect tree");
        for (String line : List.of("volume delete tree@base", "volume rollback tree@base")) {
            assertTrue(refused(line).contains("weft volume unprotect"), line);
        }
        type("volume unprotect tree");
        type("volume unprotect tree@base");
        assertTrue(type("volume df tree").contains("tree@base"));
        assertFalse(type("volume df tree").contains("leaf"));
        type("volume delete tree@base");
        Await.until(
                "the picture",
                () -> !fabric().session().image().volumes().containsKey("tree@base"));
        assertArrayEquals(filled(1, CHUNK), readOnce("leaf", 0, CHUNK));
        type("volume delete tree");
        Await.until("the picture", () -> !fabric().session().image().volumes().containsKey("tree"));
        Await.until("nothing is left over", Duration.ofSeconds(60), () -> unowned() == 0);
        assertArrayEquals(filled(1, CHUNK), readOnce("leaf", 0, CHUNK));
    }

    /// A volume grows under its holder.
    @Test
    void aVolumeChangesItsSizeWhileItIsUsed() throws Exception {
        create("elastic");
        int end = (64 << 20) + 3 * BLOCK;
        var told = new AtomicInteger();
        try (var holder = new HolderProcess(fabric(), "elastic-host");
                RemoteVolume volume = holder.open("elastic")) {
            volume.onResize(told::incrementAndGet);
            assertTrue(fails(() -> volume.write(64 << 20, ByteBuffer.allocate(BLOCK)).get()));
            type("volume resize elastic --size 96M");
            write(volume, 64 << 20, (byte) 1, 2 * CHUNK);
            assertEquals(1, told.get());
            type("volume snapshot elastic@large");
            assertTrue(refused("volume resize elastic --size 65M").contains("--allow-shrink"));

            type("volume resize elastic --allow-shrink --size " + end);
            assertEquals(2, told.get());
            assertEquals(end, volume.sizeBytes());
            assertTrue(fails(() -> volume.write(end, ByteBuffer.allocate(BLOCK)).get()));
            write(volume, end - BLOCK, (byte) 2, BLOCK);
            type("volume resize elastic --size 96M");
            assertArrayEquals(filled(1, 2 * BLOCK), read(volume, 64 << 20, 2 * BLOCK));
            assertArrayEquals(filled(0, CHUNK), read(volume, end, CHUNK));
            // Parts of blocks are not completed from what was there, either.
            write(volume, end + 10, (byte) 3, 10);
            byte[] block = new byte[BLOCK];
            Arrays.fill(block, 10, 20, (byte) 3);
            assertArrayEquals(block, read(volume, end, BLOCK));
            // Layers that are not seen equally far are brought together only by flattening, and
            // the holder sees what it saw.
            write(volume, end + CHUNK, (byte) 5, CHUNK);
            type("volume snapshot elastic@between");
            type("volume delete elastic@between");
            type("volume flatten elastic");
            assertTrue(record("elastic").chain().ends().isEmpty());
            assertArrayEquals(block, read(volume, end, BLOCK));
            assertArrayEquals(filled(5, CHUNK), read(volume, end + CHUNK, CHUNK));
            assertArrayEquals(filled(1, 2 * BLOCK), read(volume, 64 << 20, 2 * BLOCK));
        }
        assertArrayEquals(filled(5, CHUNK), readOnce("elastic", end + CHUNK, CHUNK));
        assertArrayEquals(filled(2, BLOCK), readOnce("elastic", (64 << 20) + 2 * BLOCK, BLOCK));
        assertArrayEquals(filled(1, 2 * CHUNK), readOnce("elastic@large", 64 << 20, 2 * CHUNK));
        type("volume delete elastic@large");
        Await.until(
                "what was cut off is given back",
                Duration.ofSeconds(60),
                () -> stored("elastic") == 4 * BLOCK + CHUNK);
        assertArrayEquals(filled(1, 2 * BLOCK), readOnce("elastic", 64 << 20, 2 * BLOCK));
    }

    /// The clone has everything itself, and what is done to the layers it had means nothing to it.
    @Test
    void aCloneIsFlattenedWhileItIsWritten() throws Exception {
        create("root");
        try (var holder = new HolderProcess(fabric(), "root-host");
                RemoteVolume volume = holder.open("root")) {
            write(volume, 0, (byte) 1, 2 * CHUNK);
        }
        type("volume snapshot root@shared");
        type("volume clone root@shared one --size 96M");
        type("volume clone root@shared two");
        try (var holder = new HolderProcess(fabric(), "clone-host");
                RemoteVolume one = holder.open("one");
                RemoteVolume two = holder.open("two")) {
            write(one, BLOCK, (byte) 2, BLOCK);
            Volume before = record("one");
            type("volume flatten one");
            Volume flat = record("one");
            assertTrue(flat.layers().stream().allMatch(l -> l.volume().equals(flat.id())));
            assertEquals(2 * CHUNK, stored("one"));
            assertTrue(type("volume flatten one").contains("reads nothing of others"));
            write(one, 2 * BLOCK, (byte) 3, BLOCK);

            // Only the other clone has the shared layer now: what it writes is merged there.
            type("volume delete root@shared");
            type("volume delete root");
            write(two, 0, (byte) 4, 60 << 20);
            type("volume snapshot two@sealed");
            type("volume delete two@sealed");
            Await.until(
                    "the layers of the other clone are merged",
                    Duration.ofSeconds(60),
                    () -> record("two").layers().size() == 2);
            byte[] wanted = filled(1, 3 * CHUNK);
            Arrays.fill(wanted, BLOCK, 2 * BLOCK, (byte) 2);
            Arrays.fill(wanted, 2 * BLOCK, 3 * BLOCK, (byte) 3);
            Arrays.fill(wanted, 2 * CHUNK, 3 * CHUNK, (byte) 0);
            assertArrayEquals(wanted, read(one, 0, 3 * CHUNK));
            assertArrayEquals(wanted, readOnce("one", 0, 3 * CHUNK));
            assertArrayEquals(filled(4, CHUNK), read(two, CHUNK, CHUNK));
            Arrays.fill(wanted, 2 * BLOCK, 3 * BLOCK, (byte) 1);
            try (var pool =
                            new PoolSession(
                                    fabric().session().records().store(),
                                    fabric().session()::image);
                    BlockVolume late = pool.client().openReadOnly(before)) {
                assertArrayEquals(wanted, read(late, 0, 3 * CHUNK), "who comes late");
            }
        }
    }

    @Test
    void whatCannotBeFlattenedIsRefused() throws Exception {
        create("plain");
        assertTrue(type("volume flatten plain").contains("reads nothing of others"));
        type("volume snapshot plain@kept");
        assertTrue(refused("volume flatten plain@kept").contains("read-only"));
        assertTrue(refused("volume flatten plein").contains("did you mean 'plain'"));
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
        try (var holder = new HolderProcess(fabric(), "holes-host");
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
}
