package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.FailureDomain;
import weft.fabric.NodeDisk;
import weft.fabric.NodeId;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.storage.journal.JournalSettings;
import weft.storage.store.StoreSettings;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.VolumeException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/// Three nodes of two disks each: two groups, one on the first disks and one on the second.
@Timeout(180)
class SeveralDisksTest {
    private static final int GROUPS = 2;
    private static final int MIB = 1 << 20;
    private static final int PIECE = 128 << 10;
    private static final long VOLUME_BYTES = 64L * ChunkKey.CHUNK_BYTES;

    @TempDir Path folder;
    private LocalCluster cluster;

    @BeforeEach
    void makeCluster() throws IOException {
        cluster = new LocalCluster(folder, 1, 2);
    }

    private void start(StoreSettings settings) throws Exception {
        cluster.disksPerNode = GROUPS;
        cluster.storeSettings = settings;
        for (int node = 1; node <= LocalCluster.REPLICAS; node++) {
            cluster.startNode(node);
        }
        cluster.placeGroups();
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    private Volume volume() throws IOException {
        return cluster.createVolume("data", VOLUME_BYTES);
    }

    /// Where the volume's n-th chunk of that group begins.
    private static long offsetIn(int group, int nth, Volume volume) {
        int seen = 0;
        for (long chunk = 0; chunk * ChunkKey.CHUNK_BYTES < VOLUME_BYTES; chunk++) {
            var pg = Placement.groupOf(volume.placementRoot(), chunk, 1);
            if (pg.value() == group && seen++ == nth) {
                return chunk * ChunkKey.CHUNK_BYTES;
            }
        }
        throw new AssertionError("no chunk " + nth + " in group " + group);
    }

    private static ByteBuffer bytes(int value, int lengthBytes) {
        ByteBuffer bytes = ByteBuffer.allocate(lengthBytes);
        while (bytes.hasRemaining()) {
            bytes.putInt(value);
        }
        return bytes.flip();
    }

    private static void write(BlockVolume open, long offset, int value) throws Exception {
        open.write(offset, bytes(value, 4096)).get(60, TimeUnit.SECONDS);
    }

    private static void requireRead(BlockVolume open, long offset, int value) throws Exception {
        var read = ByteBuffer.allocate(4096);
        open.read(offset, read).get(60, TimeUnit.SECONDS);
        assertEquals(bytes(value, 4096), read.flip());
    }

    private void want(int group, List<StoreId> wanted) throws IOException {
        var _ =
                cluster.records.update(
                        FabricPaths.placementGroup(new PlacementGroupId(group)),
                        Configuration.class,
                        now -> now.withWanted(wanted));
    }

    private boolean hasExactly(int group, List<StoreId> stores) throws IOException {
        Configuration now = cluster.configuration(group);
        return now.members().size() == stores.size() && stores.stream().allMatch(now::hasStore);
    }

    /// Also with two of its copies on one node meanwhile: they need leases from each other.
    @Test
    void aGroupMovesFromOneDiskOfANodeToTheOther() throws Exception {
        start(StoreSettings.DEFAULT);
        Volume volume = volume();
        PoolClient client = cluster.client("client");
        try (var open = client.open(client.claim(volume, "test"))) {
            write(open, offsetIn(0, 0, volume), 1);
            StoreId from = cluster.member(1, 0).store();
            StoreId to = cluster.member(1, 1).store();
            StoreId other = cluster.member(2, 0).store();
            want(0, List.of(from, to, other));
            Await.until("two copies on node1", () -> hasExactly(0, List.of(from, to, other)));
            write(open, offsetIn(0, 0, volume), 2);
            requireRead(open, offsetIn(0, 0, volume), 2);
            want(0, List.of(to, other, cluster.member(3, 0).store()));
            Await.until(
                    "moved, and led from there",
                    () ->
                            !cluster.configuration(0).hasStore(from)
                                    && cluster.configuration(0).primary().store().equals(to));
            write(open, offsetIn(0, 0, volume), 3);
            requireRead(open, offsetIn(0, 0, volume), 3);
            cluster.awaitWhole(client);
        }
    }

    @Test
    void aDiskThatFailsIsThatDiskOnly() throws Exception {
        start(StoreSettings.DEFAULT);
        Volume volume = volume();
        PoolClient client = cluster.client("client");
        try (var open = client.open(client.claim(volume, "test"))) {
            StoreId lost = cluster.member(1, 1).store();
            StoreId stays = cluster.member(1, 0).store();
            Files.move(cluster.folderOf(1, 1), cluster.folderOf(1, 2));
            Await.until("the node tells of it", () -> !cluster.disks(1).get(1).failure().isEmpty());
            NodeDisk told = cluster.disks(1).get(1);
            assertEquals(lost, told.store());
            assertTrue(told.failure().contains(cluster.folderOf(1, 1).toString()), told.failure());
            assertEquals(stays, cluster.disks(1).get(0).served().orElseThrow().store());
            Await.until("out of its group", () -> !cluster.configuration(1).hasStore(lost));
            for (int group = 0; group < GROUPS; group++) {
                write(open, offsetIn(group, 0, volume), 7 + group);
                requireRead(open, offsetIn(group, 0, volume), 7 + group);
            }
            assertTrue(cluster.configuration(0).hasStore(stays));
            assertEquals(1, cluster.registry.counter("weft.storage.store.failures").count());
            assertEquals(1, serving(0));
            assertEquals(0, serving(1));
        }
    }

    private double serving(int disk) {
        return cluster.registry
                .get("weft_storage_disk_serving")
                .tag("folder", cluster.folderOf(1, disk).toString())
                .gauge()
                .value();
    }

    @Test
    void aFullDiskRefusesWritesAndTheOthersTakeThem() throws Exception {
        var journal = new JournalSettings(MIB, 256 << 10, 256 << 10, 8 * MIB, 8 * MIB);
        start(
                new StoreSettings(
                        journal,
                        32L * MIB,
                        MIB,
                        MIB,
                        200,
                        StoreSettings.DEFAULT.mapBytesMax(),
                        StoreSettings.DEFAULT.filesMax(),
                        StoreSettings.DEFAULT.placedBytesMin()));
        Volume volume = volume();
        PoolClient client = cluster.client("client");
        try (var open = client.open(client.claim(volume, "test"))) {
            var refusal = assertThrows(ExecutionException.class, () -> fill(open, volume));
            var why = assertInstanceOf(VolumeException.class, refusal.getCause());
            assertEquals(VolumeException.Reason.NO_SPACE, why.reason());
            for (int nth = 0; nth < 3; nth++) {
                write(open, offsetIn(1, nth, volume), nth);
                requireRead(open, offsetIn(1, nth, volume), nth);
            }
        }
    }

    /// Writes more to the first group than its disks may take.
    private static void fill(BlockVolume open, Volume volume) throws Exception {
        for (int nth = 0; nth < 10; nth++) {
            // Each fits a record of the journal, which is where it goes when space is scarce.
            for (int at = 0; at < ChunkKey.CHUNK_BYTES; at += PIECE) {
                open.write(offsetIn(0, nth, volume) + at, bytes(at, PIECE))
                        .get(60, TimeUnit.SECONDS);
            }
        }
    }

    private void swap(Path one, Path other) throws IOException {
        Path between = folder.resolve("between");
        Files.move(one, between);
        Files.move(other, one);
        Files.move(between, other);
    }

    private NodeDisk startedWith(int node, int disk) throws Exception {
        cluster.startNode(node);
        Await.until("announced", () -> !cluster.disks(node).isEmpty());
        return cluster.disks(node).get(disk);
    }

    @Test
    void aDiskOfAnotherNodeIsRefusedByNameUntilItIsAdopted() throws Exception {
        start(StoreSettings.DEFAULT);
        StoreId first = cluster.member(1, 1).store();
        StoreId second = cluster.member(2, 1).store();
        cluster.stopNode(1);
        cluster.stopNode(2);
        swap(cluster.folderOf(1, 1), cluster.folderOf(2, 1));
        NodeDisk refused = startedWith(1, 1);
        assertEquals(second, refused.store());
        assertTrue(refused.failure().contains("belongs to node 'node2'"), refused.failure());
        assertTrue(cluster.disks(1).get(0).served().isPresent());
        assertEquals(new NodeId("node1"), record(first).node());
        cluster.stopNode(1);
        cluster.adopted = List.of(second.uuid().toString().substring(0, 8));
        assertEquals(second, startedWith(1, 1).served().orElseThrow().store());
        assertEquals(new NodeId("node1"), record(second).node());
        assertEquals(cluster.folderOf(1, 1).toString(), record(second).folder());
        assertEquals(record(cluster.member(1, 0).store()).domain(), record(second).domain());
    }

    private PoolStore record(StoreId store) throws IOException {
        return cluster.records.find(FabricPaths.store(store), PoolStore.class).orElseThrow().noun();
    }

    @Test
    void anEmptyFolderIsNotTakenForANewDiskWhileItsStoreIsNotGivenUp() throws Exception {
        start(StoreSettings.DEFAULT);
        StoreId missing = cluster.member(1, 1).store();
        cluster.stopNode(1);
        Files.move(cluster.folderOf(1, 1), cluster.folderOf(1, 2));
        Files.createDirectory(cluster.folderOf(1, 1));
        NodeDisk refused = startedWith(1, 1);
        assertTrue(
                refused.failure().contains(missing.uuid().toString().substring(0, 8)),
                refused.failure());
        try (var files = Files.list(cluster.folderOf(1, 1))) {
            assertEquals(List.of(), files.toList());
        }
        cluster.stopNode(1);
        var _ =
                cluster.records.update(
                        FabricPaths.store(missing),
                        PoolStore.class,
                        store -> store.withState(PoolStore.State.REMOVED));
        StoreId fresh = startedWith(1, 1).served().orElseThrow().store();
        assertFalse(fresh.equals(missing));
        assertEquals(PoolStore.State.IN, record(fresh).state());
    }

    @Test
    void aNodeThatCanServeNothingDoesNotStartAndSaysWhy() throws Exception {
        start(StoreSettings.DEFAULT);
        cluster.stopNode(1);
        for (int disk = 0; disk < GROUPS; disk++) {
            Files.write(cluster.folderOf(1, disk).resolve("identity"), new byte[] {1, 2, 3});
        }
        var refusal = assertThrows(IOException.class, () -> cluster.startNode(1));
        for (int disk = 0; disk < GROUPS; disk++) {
            String named = cluster.folderOf(1, disk) + ": the store's file 'identity' is damaged";
            assertTrue(String.valueOf(refusal.getMessage()).contains(named), refusal::toString);
        }
    }

    @Test
    void aDiskWhoseMetadataWereTamperedWithIsThatDiskOnly() throws Exception {
        start(StoreSettings.DEFAULT);
        Volume volume = volume();
        PoolClient client = cluster.client("client");
        try (var open = client.open(client.claim(volume, "test"))) {
            write(open, offsetIn(1, 0, volume), 1);
            cluster.stopNode(1);
            Path metadata = cluster.folderOf(1, 1).resolve("metadata");
            String current = Files.readString(metadata.resolve("CURRENT")).strip();
            Files.delete(metadata.resolve(current));
            NodeDisk refused = startedWith(1, 1);
            assertTrue(refused.failure().contains(current), refused.failure());
            assertTrue(refused.failure().contains(metadata.toString()), refused.failure());
            StoreId stays = cluster.disks(1).get(0).served().orElseThrow().store();
            Await.until(
                    "its other disk is in its group again",
                    () -> cluster.configuration(0).hasStore(stays));
            for (int group = 0; group < GROUPS; group++) {
                write(open, offsetIn(group, 0, volume), 7 + group);
                requireRead(open, offsetIn(group, 0, volume), 7 + group);
            }
        }
    }

    /// Otherwise copies could share the machine: what stands on different hosts may.
    @Test
    void aNewDiskStandsWhereTheNodeStands() throws Exception {
        start(StoreSettings.DEFAULT);
        cluster.stopNode(1);
        var moved = new FailureDomain("east", "r12", "elsewhere");
        for (int disk = 0; disk < GROUPS; disk++) {
            StoreId store = storeIn(cluster.folderOf(1, disk));
            var _ =
                    cluster.records.update(
                            FabricPaths.store(store),
                            PoolStore.class,
                            known -> known.withDomain(moved));
        }
        cluster.disksPerNode = 3;
        assertEquals(moved, record(startedWith(1, 2).served().orElseThrow().store()).domain());
    }

    private StoreId storeIn(Path path) throws IOException {
        for (String name : cluster.store.children(FabricPaths.STORES)) {
            var found = cluster.records.find(FabricPaths.STORES + "/" + name, PoolStore.class);
            if (found.isPresent() && found.get().noun().folder().equals(path.toString())) {
                return found.get().noun().store();
            }
        }
        throw new AssertionError("no store in " + path);
    }
}
