package weft.coordination;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Network;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

class ZooKeeperFabricStoreTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), TIMEOUT);
    }

    @AfterEach
    void stop() {
        store.close();
        server.close();
    }

    @Test
    void ofTwoChangesFromOneVersionOneWins() throws IOException {
        store.commit(List.of(new Change.Create("/weft/vms/web1", new byte[] {1})));
        int version = store.read("/weft/vms/web1").orElseThrow().version();
        assertInstanceOf(
                Outcome.Committed.class,
                store.commit(List.of(new Change.Set("/weft/vms/web1", new byte[] {2}, version))));
        assertEquals(
                new Outcome.Conflict("/weft/vms/web1"),
                store.commit(List.of(new Change.Set("/weft/vms/web1", new byte[] {3}, version))));
        assertArrayEquals(new byte[] {2}, store.read("/weft/vms/web1").orElseThrow().data());
    }

    @Test
    void aCommitChangesAllOrNothingAndNamesTheConflict() throws IOException {
        store.commit(List.of(new Change.Create("/weft/vms/a", new byte[] {1})));
        var outcome =
                store.commit(
                        List.of(
                                new Change.Create("/weft/vms/b", new byte[] {1}),
                                new Change.Create("/weft/vms/a", new byte[] {2})));
        assertEquals(new Outcome.Conflict("/weft/vms/a"), outcome);
        assertTrue(store.read("/weft/vms/b").isEmpty());
    }

    /// Folders are made when they are missed. What else does not fit is still named, and is not
    /// taken for a missing folder.
    @Test
    void aCommitIntoNewFoldersNamesTheConflict() throws IOException {
        var made = List.<Change>of(new Change.Create("/weft/new/deep/a", new byte[] {1}));
        assertEquals(new Outcome.Committed(), store.commit(made));
        var second =
                List.<Change>of(
                        new Change.Create("/weft/new/other/b", new byte[] {1}),
                        new Change.Check("/weft/new/deep/a", 7));
        assertEquals(new Outcome.Conflict("/weft/new/deep/a"), store.commit(second));
        assertTrue(store.read("/weft/new/other/b").isEmpty());
        for (Change gone :
                List.of(
                        new Change.Set("/weft/gone/x", new byte[] {1}, 0),
                        new Change.Check("/weft/gone/x", 0),
                        new Change.Delete("/weft/gone/x", 0))) {
            var changes =
                    List.<Change>of(new Change.Create("/weft/new/deep/c", new byte[] {1}), gone);
            assertEquals(new Outcome.Conflict("/weft/gone/x"), store.commit(changes));
        }
        assertEquals(List.of("a"), store.children("/weft/new/deep"));
        assertEquals(List.of(), store.children("/weft/gone"));
    }

    @Test
    void severalRecordsAreSeenTogetherInOrder() throws IOException {
        List<String> paths = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            String path = "/weft/things/" + i;
            paths.add(path);
            if (i % 3 != 0) {
                store.commit(List.of(new Change.Create(path, new byte[] {(byte) i})));
            }
        }
        store.commit(List.of(new Change.Set("/weft/things/1", new byte[] {77}, 0)));
        var seen = store.glance(paths);
        for (int i = 0; i < paths.size(); i++) {
            assertEquals(i % 3 != 0, seen.get(i).isPresent(), paths.get(i));
            if (i % 3 != 0) {
                var versioned = seen.get(i).orElseThrow();
                assertEquals(i == 1 ? 77 : i, versioned.data()[0]);
                assertEquals(i == 1 ? 1 : 0, versioned.version());
            }
        }
    }

    @Test
    void volumeIdsAreNeverGivenTwice() throws IOException {
        var records = new FabricRecords(store);
        List<Long> given = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            assertEquals(new Outcome.Committed(), records.commitLayers(1, id -> taken(id, given)));
        }
        assertEquals(List.of(1L, 2L), given);
    }

    private static List<Change> taken(VolumeId id, List<Long> given) {
        given.add(id.value());
        return List.of();
    }

    /// What a change is made from may be deleted and made again, with the same version: seen by the
    /// counter, which is read first.
    @Test
    void aVolumeThatIsMadeAgainBehindAReadersBackIsSeen() throws IOException {
        var records = new FabricRecords(store);
        String path = FabricPaths.volume("disk");
        assertTrue(
                records.commitLayers(1, id -> List.of(made(path, id)))
                        instanceof Outcome.Committed);
        List<Volume> seen = new ArrayList<>();
        Outcome outcome =
                records.commitLayers(
                        0,
                        _ -> {
                            var found = records.find(path, Volume.class).orElseThrow();
                            seen.add(found.noun());
                            if (seen.size() == 1) {
                                records.delete(path);
                                records.commitLayers(1, id -> List.of(made(path, id)));
                            }
                            return List.of(
                                    FabricRecords.replacement(
                                            path,
                                            found.noun().withSizeBytes(8192),
                                            found.version()));
                        });
        assertEquals(new Outcome.Committed(), outcome);
        assertEquals(2, seen.size(), "read again");
        assertEquals(new VolumeId(2), records.find(path, Volume.class).orElseThrow().noun().id());
    }

    private static Change made(String path, VolumeId id) {
        return FabricRecords.creation(
                path, new Volume(id, "disk", 4096, Volume.Access.READ_WRITE, List.of(id), id));
    }

    @Test
    void aWatcherShowsWhatOthersChange() throws Exception {
        var records = new FabricRecords(store);
        records.create(FabricPaths.network("blue"), new Network("blue", 10, 4106, "10.0.0.0/24"));
        try (var watcher = FabricWatcher.start(store)) {
            assertTrue(watcher.image().networks().containsKey("blue"));
            var images = new LinkedBlockingQueue<FabricImage>();
            watcher.onChange(images::add);
            records.create(FabricPaths.network("red"), new Network("red", 20, 4116, "10.0.0.0/24"));
            awaitImage(images, image -> image.networks().containsKey("red"));
            records.delete(FabricPaths.network("red"));
            awaitImage(images, image -> !image.networks().containsKey("red"));
        }
    }

    @Test
    void whatWasWrittenSurvivesARestartOfTheServerAndWatchesGoOn() throws Exception {
        var records = new FabricRecords(store);
        try (var watcher = FabricWatcher.start(store)) {
            records.create(
                    FabricPaths.network("blue"), new Network("blue", 10, 4106, "10.0.0.0/24"));
            String address = server.connectString();
            server.close();
            server =
                    EmbeddedZooKeeper.start(
                            folder,
                            "127.0.0.1",
                            Integer.parseInt(address.substring(address.lastIndexOf(':') + 1)));
            var images = new LinkedBlockingQueue<FabricImage>();
            watcher.onChange(images::add);
            records.create(FabricPaths.network("red"), new Network("red", 20, 4116, "10.0.0.0/24"));
            awaitImage(
                    images,
                    image ->
                            image.networks().containsKey("red")
                                    && image.networks().containsKey("blue"));
        }
    }

    @Test
    void watchingARecordThatIsNotThereDoesNotMakeIt() throws Exception {
        try (var _ = FabricWatcher.start(store)) {
            assertTrue(store.read(FabricPaths.CLUSTER).isEmpty());
        }
    }

    /// The names of a folder come in one answer, which may be larger than the 1 MiB that ZooKeeper
    /// allows by default.
    @Test
    void aFolderMayHaveMoreNamesThanFitInAMebibyte() throws Exception {
        int count = 5_500;
        List<Change> batch = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            batch.add(new Change.Create("/weft/things/%0200d".formatted(i), new byte[1]));
            if (i % 500 == 0) {
                assertEquals(new Outcome.Committed(), store.commit(batch));
                batch.clear();
            }
        }
        assertEquals(count, store.children("/weft/things").size());
        var seen = new CompletableFuture<Integer>();
        try (var _ = store.watch("/weft/things", entries -> seen.complete(entries.size()))) {
            assertEquals(count + 1, seen.get(30, TimeUnit.SECONDS), "the folder itself, too");
        }
    }

    private static Volume volume(String name, int number) {
        var id = new VolumeId(number);
        return new Volume(id, name, 4096, Volume.Access.READ_WRITE, List.of(id), id);
    }

    /// Who names the kinds is not sent the others.
    @Test
    void aWatcherHasOnlyTheKindsItAsksFor() throws Exception {
        var records = new FabricRecords(store);
        records.create(FabricPaths.network("blue"), new Network("blue", 10, 4106, "10.0.0.0/24"));
        records.create(FabricPaths.volume("disk"), volume("disk", 1));
        try (var watcher = FabricWatcher.start(store, Set.of(FabricPaths.Kind.VOLUME))) {
            assertEquals(Set.of("disk"), watcher.image().volumes().keySet());
            assertTrue(watcher.image().networks().isEmpty());
        }
    }

    @Test
    void anAnnouncedRecordGoesWithItsProcess() throws Exception {
        var other = ZooKeeperFabricStore.connect(server.connectString(), TIMEOUT);
        var _ = other.announce("/weft/presence/host/h1", new byte[] {7});
        assertTrue(store.read("/weft/presence/host/h1").isPresent());
        other.close();
        assertFalse(store.read("/weft/presence/host/h1").isPresent());
    }

    @Test
    void noServerIsAClearError() {
        var failure =
                org.junit.jupiter.api.Assertions.assertThrows(
                        IOException.class,
                        () -> ZooKeeperFabricStore.connect("127.0.0.1:1", Duration.ofMillis(300)));
        assertTrue(failure.toString().contains("127.0.0.1:1"));
    }

    private static void awaitImage(
            LinkedBlockingQueue<FabricImage> images, Predicate<FabricImage> wanted)
            throws InterruptedException {
        while (true) {
            FabricImage image = images.poll(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
            if (image == null) {
                throw new AssertionError("no such image within " + TIMEOUT);
            }
            if (wanted.test(image)) {
                return;
            }
        }
    }
}
