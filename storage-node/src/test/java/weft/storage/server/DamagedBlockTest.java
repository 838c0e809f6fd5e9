package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Configuration;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.PoolScrub;
import weft.volume.PoolScrub.StoreScrub;
import weft.volume.VolumeException;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.function.ToLongFunction;

/// Bytes that change on a disk under a running pool, as those of a failing medium do.
@Timeout(120)
class DamagedBlockTest {
    private static final int BLOCK = 4096;
    private static final int BLOCKS = 256;
    private static final int HEADER_BYTES = 4096;

    @TempDir Path folder;
    private LocalCluster cluster;
    private Volume record;
    private BlockVolume volume;
    private final byte[] content = new byte[BLOCKS * BLOCK];

    @BeforeEach
    void start() throws Exception {
        cluster = new LocalCluster(folder, 0, 2);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            cluster.startNode(i);
        }
        cluster.placeGroups();
        PoolClient client = cluster.client("client");
        record = cluster.createVolume("disk", BLOCKS * BLOCK);
        volume = client.open(client.claim(record, "test"));
        new Random(5).nextBytes(content);
        volume.write(0, ByteBuffer.wrap(content)).get();
        cluster.awaitWhole(client);
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    /// The file of the volume's chunk on the node.
    private Path file(int node) throws IOException {
        try (var files = Files.list(cluster.folderOf(node).resolve("chunks").resolve("0"))) {
            String prefix = record.id().value() + "-0.";
            List<Path> found =
                    files.filter(f -> f.getFileName().toString().startsWith(prefix)).toList();
            assertEquals(1, found.size());
            return found.getFirst();
        }
    }

    private int primary() throws IOException {
        Configuration group = cluster.configuration(0);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            if (cluster.member(i).equals(group.primary())) {
                return i;
            }
        }
        throw new AssertionError("no node is primary of " + group);
    }

    private static void flip(Path file, int block, int offset) throws IOException {
        try (var channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            long position = HEADER_BYTES + (long) block * BLOCK + offset;
            channel.read(one, position);
            one.put(0, (byte) ~one.get(0)).rewind();
            channel.write(one, position);
        }
    }

    private byte[] read(int block, int count) throws Exception {
        ByteBuffer into = ByteBuffer.allocate(count * BLOCK);
        volume.read((long) block * BLOCK, into).get();
        return into.array();
    }

    private double count(String meter) {
        return cluster.registry.counter(meter).count();
    }

    private void assertHealed(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        for (int i = 0; i < content.length; i++) {
            assertEquals(content[i], bytes[HEADER_BYTES + i], "byte " + i);
        }
    }

    @Test
    void aDamagedBlockOfThePrimaryIsReadFromAnotherMemberAndHealed() throws Exception {
        Path file = file(primary());
        flip(file, 3, 0);
        flip(file, 4, 4095);
        flip(file, 200, 17);
        assertArrayEquals(content, read(0, BLOCKS));
        assertHealed(file);
        assertEquals(3, count("weft.storage.blocks.repaired"));
        assertEquals(0, count("weft.storage.blocks.lost"));
    }

    @Test
    void damageInDifferentPlacesOfAllMembersLosesNothing() throws Exception {
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            flip(file(node), 10 * node, 99);
        }
        assertArrayEquals(content, read(0, BLOCKS));
        assertHealed(file(primary()));
        assertEquals(1, count("weft.storage.blocks.repaired"));
    }

    /// All nodes' counts, when none has anything to do any more.
    private PoolScrub.Result scrub() throws Exception {
        PoolScrub scrub = cluster.client("scrubber").scrub();
        PoolScrub.Result begun = scrub.begin();
        assertEquals(List.of(), begun.silent());
        Await.until(
                "scrubbed",
                () -> scrub.status().stores().stream().allMatch(s -> s.status().dueGroups() == 0));
        return scrub.status();
    }

    private static long sum(PoolScrub.Result result, ToLongFunction<ScrubStatus> field) {
        return result.stores().stream().map(StoreScrub::status).mapToLong(field).sum();
    }

    @Test
    void scrubbingHealsWhatNobodyReadsOnEveryMember() throws Exception {
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            flip(file(node), 10 * node, 99);
            flip(file(node), 10 * node + 1, 4000);
        }

        PoolScrub.Result found = scrub();

        assertEquals(6, sum(found, ScrubStatus::repairedBlocks));
        assertEquals(0, sum(found, ScrubStatus::lostBlocks));
        assertEquals(0, sum(found, ScrubStatus::skippedGroups));
        assertEquals(3L * BLOCKS * BLOCK, sum(found, ScrubStatus::verifiedBytes));
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            assertHealed(file(node));
        }
        // Once more: nothing is left to repair.
        assertEquals(6, sum(scrub(), ScrubStatus::repairedBlocks));
    }

    /// The primary may repair its own for the secondary that asks, or by itself.
    @Test
    void scrubbingHealsABlockThatIsBadOnTwoMembers() throws Exception {
        int primary = primary();
        int secondary = primary % LocalCluster.REPLICAS + 1;
        flip(file(primary), 255, 0);
        flip(file(secondary), 255, 0);
        PoolScrub.Result found = scrub();
        assertEquals(0, sum(found, ScrubStatus::lostBlocks));
        assertEquals(0, sum(found, ScrubStatus::skippedGroups));
        assertHealed(file(primary));
        assertHealed(file(secondary));
    }

    /// Nobody asks; also after the node was stopped and started.
    @Test
    void scrubbingComesRoundByItself() throws Exception {
        int node = primary() == 1 ? 2 : 1;
        cluster.stopNode(node);
        flip(file(node), 100, 4);
        cluster.scrubSettings =
                new ScrubSettings(1 << 30, Duration.ofMillis(200), Duration.ofDays(1));
        cluster.startNode(node);
        Await.until("repaired", () -> count("weft.storage.blocks.repaired") >= 1);
        assertHealed(file(node));
    }

    @Test
    void aFileThatIsGoneIsWrittenAnewByScrubbing() throws Exception {
        int node = primary() == 1 ? 2 : 1;
        Files.delete(file(node));
        assertEquals(BLOCKS, sum(scrub(), ScrubStatus::repairedBlocks));
    }

    /// As files are confused by hand: the node goes on, and all is well again.
    @Test
    void theFileOfAnotherStoreIsMadeGoodFromTheOthers() throws Exception {
        int node = primary() == 1 ? 2 : 1;
        byte[] foreign = Files.readAllBytes(file(node % LocalCluster.REPLICAS + 1));
        for (int i = HEADER_BYTES; i < foreign.length; i += BLOCK) {
            foreign[i] ^= 1;
        }
        cluster.stopNode(node);
        Files.write(file(node), foreign);
        cluster.startNode(node);
        Await.until(
                "it is a member again",
                () -> cluster.configuration(0).members().contains(cluster.member(node)));
        assertArrayEquals(content, read(0, BLOCKS));
        PoolScrub.Result found = scrub();
        assertEquals(0, sum(found, ScrubStatus::lostBlocks));
        assertHealed(file(node));
        assertEquals(BLOCKS, count("weft.storage.blocks.repaired"));
    }

    @Test
    void scrubbingSaysWhatIsLost() throws Exception {
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            flip(file(node), 5, 99);
        }
        PoolScrub.Result found = scrub();
        assertEquals(3, sum(found, ScrubStatus::lostBlocks));
        assertEquals(0, sum(found, ScrubStatus::repairedBlocks));
        for (StoreScrub store : found.stores()) {
            List<String> losses = store.status().losses();
            assertTrue(losses.getFirst().contains("block 5 of chunk"), losses::toString);
        }
    }

    @Test
    void aPartialWriteOverADamagedBlockIsHealedWithBoth() throws Exception {
        flip(file(primary()), 7, 3000);
        byte[] part = new byte[100];
        new Random(6).nextBytes(part);
        volume.write(7 * BLOCK + 10, ByteBuffer.wrap(part)).get();
        System.arraycopy(part, 0, content, 7 * BLOCK + 10, part.length);
        assertArrayEquals(content, read(0, BLOCKS));
        assertEquals(1, count("weft.storage.blocks.repaired"));
        // Not by its number: a large write left the block frozen, so it is elsewhere in the file.
        assertEquals(0, sum(scrub(), ScrubStatus::repairedBlocks));
    }

    @Test
    void whereAllCopiesAreBadThereIsAnErrorAndNeverWrongData() throws Exception {
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            flip(file(node), 5, 99);
        }
        var failure = assertThrows(ExecutionException.class, () -> read(5, 1));
        var reason = assertInstanceOf(VolumeException.class, failure.getCause());
        assertEquals(VolumeException.Reason.CORRUPT, reason.reason());
        assertTrue(reason.toString().contains("intact on no member"), reason::toString);
        assertEquals(1, count("weft.storage.blocks.lost"));
        // Its neighbours are there, and a write of the whole block makes it good.
        byte[] before = new byte[5 * BLOCK];
        System.arraycopy(content, 0, before, 0, before.length);
        assertArrayEquals(before, read(0, 5));
        volume.write(5 * BLOCK, ByteBuffer.wrap(content, 5 * BLOCK, BLOCK)).get();
        assertArrayEquals(content, read(0, BLOCKS));
        // Secondaries may hear of the commit only now, and have theirs repaired.
        assertEquals(0, sum(scrub(), ScrubStatus::lostBlocks));
    }
}
