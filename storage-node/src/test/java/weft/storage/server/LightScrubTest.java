package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolSettings;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.sim.Seed;
import weft.storage.replica.ReplicaDisk;
import weft.storage.store.StoreFolder;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.PoolScrub;
import weft.volume.PoolScrub.StoreScrub;
import weft.wire.audit.AuditMessage.LightStatus;
import weft.wire.audit.AuditMessage.ScrubStatus;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;

/// Copies whose checksums are good and whose maps are not those of the others; and how scrubbing is
/// told to go on otherwise.
@Timeout(180)
class LightScrubTest {
    private static final int BLOCK = 4096;
    private static final int CHUNKS = 3;
    private static final int BLOCKS = 64;
    private static final PlacementGroupId PG = new PlacementGroupId(0);

    @TempDir Path folder;
    private LocalCluster cluster;
    private PoolClient client;
    private Volume record;
    private BlockVolume volume;

    @BeforeEach
    void start() throws Exception {
        cluster = new LocalCluster(folder, 0, 2);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            cluster.startNode(i);
        }
        cluster.placeGroups();
        client = cluster.client("client");
        record = cluster.createVolume("disk", (long) CHUNKS * ChunkKey.CHUNK_BYTES);
        volume = client.open(client.claim(record, "test"));
        byte[] content = new byte[BLOCKS * BLOCK];
        new Random(5).nextBytes(content);
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            volume.write((long) chunk * ChunkKey.CHUNK_BYTES, ByteBuffer.wrap(content)).get();
        }
        cluster.awaitWhole(client);
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    private ChunkKey chunk(int index) {
        return new ChunkKey(record.layers().getFirst(), index);
    }

    /// Of a store that its node does not serve, driven by its caller.
    private static final class Answers implements ReplicaDisk.Events {
        @Nullable ChunkContent content;

        @Override
        public void onDurable(long ticket) {}

        @Override
        public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {}

        @Override
        public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {}

        @Override
        public void onChunk(long ticket, Optional<ChunkContent> read) {
            content = read.orElseThrow();
        }

        @Override
        public void onDone(long ticket) {}

        @Override
        public void onDamaged(long ticket, DamagedBlock block) {
            throw new AssertionError(block + " is damaged");
        }

        @Override
        public void onRepaired(long ticket, boolean fits) {}

        @Override
        public void onFailed(long ticket, String detail) {
            throw new AssertionError(detail);
        }
    }

    /// Changes a chunk of a node that is stopped for it, and keeps its stamp: what a program that
    /// applies an entry wrongly would leave.
    private void tamper(int node, ChunkKey key, UnaryOperator<List<ChunkContent.Run>> change)
            throws Exception {
        cluster.stopNode(node);
        try (var open =
                StoreFolder.open(
                        cluster.folderOf(node), cluster.clusterId, cluster.storeSettings)) {
            var answers = new Answers();
            ReplicaDisk disk = open.store().attach(PG, Runnable::run, answers);
            disk.readChunk(1, key);
            ChunkContent was = Objects.requireNonNull(answers.content);
            disk.installChunk(2, new ChunkContent(was.stamp(), change.apply(was.runs())));
        }
        cluster.startNode(node);
        Await.until("a member again", () -> cluster.isMember(0, node));
    }

    private static List<ChunkContent.Run> withoutTheLastBlock(List<ChunkContent.Run> runs) {
        ChunkContent.Run last = runs.getLast();
        int kept = last.blocks() - 1;
        List<ChunkContent.Run> changed = new ArrayList<>(runs.subList(0, runs.size() - 1));
        changed.add(
                new ChunkContent.Run(
                        last.firstBlock(),
                        kept,
                        last.payload().slice(0, kept * BLOCK),
                        last.checksums().slice(0, kept * 4)));
        return changed;
    }

    private int secondary() throws IOException {
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            if (!cluster.member(i).equals(cluster.configuration(0).primary())) {
                return i;
            }
        }
        throw new AssertionError("no secondary");
    }

    private static long sum(PoolScrub.Result result, ToLongFunction<LightStatus> field) {
        return result.stores().stream()
                .map(StoreScrub::status)
                .map(ScrubStatus::light)
                .mapToLong(field)
                .sum();
    }

    private PoolScrub.Result awaitLight(PoolScrub scrub) throws Exception {
        Await.until("compared", () -> sum(scrub.status(), LightStatus::dueGroups) == 0);
        return scrub.status();
    }

    private PoolScrub.Result compare() throws Exception {
        PoolScrub scrub = client.scrub();
        assertEquals(List.of(), scrub.beginLight().silent());
        return awaitLight(scrub);
    }

    private static List<String> differences(PoolScrub.Result result) {
        return result.stores().stream()
                .flatMap(store -> store.status().light().differences().stream())
                .toList();
    }

    private double counted() {
        return cluster.registry.counter("weft.storage.chunks.differing").count();
    }

    @Test
    void aMapThatDiffersIsFoundAndNamedAndItsDataAreNotToBlame() throws Exception {
        PoolScrub.Result before = compare();
        assertEquals(CHUNKS, sum(before, LightStatus::comparedChunks));
        assertEquals(0, sum(before, LightStatus::differingChunks));
        assertEquals(0, sum(before, LightStatus::skippedGroups));
        assertEquals(0, counted());
        int odd = secondary();
        tamper(odd, chunk(1), LightScrubTest::withoutTheLastBlock);

        PoolScrub.Result found = compare();

        assertEquals(1, sum(found, LightStatus::differingChunks));
        assertEquals(1, counted());
        String difference = differences(found).getFirst();
        assertTrue(difference.contains("chunk " + chunk(1) + ": "), difference);
        assertTrue(difference.contains((BLOCKS - 1) + " blocks, "), difference);
        assertTrue(difference.endsWith(cluster.member(odd).store() + " against most"), difference);
        // Nothing was repaired, and a deep scrub finds each copy as its own map has it.
        PoolScrub scrub = client.scrub();
        var _ = scrub.begin();
        Await.until(
                "verified",
                () -> scrub.status().stores().stream().allMatch(s -> s.status().dueGroups() == 0));
        for (StoreScrub store : scrub.status().stores()) {
            assertEquals(0, store.status().repairedBlocks() + store.status().lostBlocks());
            assertTrue(store.status().verifiedMillis() > 0);
        }
        assertEquals(1, sum(compare(), LightStatus::differingChunks));
        // Once the chunk is gone, so is the difference.
        volume.discard(0, (int) record.sizeBytes()).get();
        for (int index = 0; index < CHUNKS; index++) {
            volume.write((long) index * ChunkKey.CHUNK_BYTES, ByteBuffer.allocate(BLOCK)).get();
        }
        assertEquals(0, sum(compare(), LightStatus::differingChunks));
    }

    /// How zeroes are kept is each member's own business.
    @Test
    void aBlockOfZeroesIsTheSameStoredOrNot() throws Exception {
        volume.write(0, ByteBuffer.allocate(2 * BLOCK)).get();
        cluster.awaitWhole(client);
        tamper(secondary(), chunk(0), LightScrubTest::withZeroesNotStored);
        assertEquals(0, sum(compare(), LightStatus::differingChunks));
    }

    private static List<ChunkContent.Run> withZeroesNotStored(List<ChunkContent.Run> runs) {
        ChunkContent.Run first = runs.getFirst();
        int rest = first.blocks() - 2;
        List<ChunkContent.Run> changed = new ArrayList<>();
        ByteBuffer nothing = ByteBuffer.allocate(0);
        changed.add(new ChunkContent.Run(0, 2, nothing, nothing));
        changed.add(
                new ChunkContent.Run(
                        2,
                        rest,
                        first.payload().slice(2 * BLOCK, rest * BLOCK),
                        first.checksums().slice(2 * 4, rest * 4)));
        changed.addAll(runs.subList(1, runs.size()));
        return changed;
    }

    /// Whole blocks, parts, zeroes, several at a time; the members are at other points of the log
    /// all the while.
    @Test
    void whileClientsWriteNothingDiffers() throws Exception {
        for (long seed : Seed.runs(1)) {
            System.out.println("LightScrubTest: -Dweft.seed=" + seed);
            compareUnderWrites(new Random(seed));
        }
    }

    private void compareUnderWrites(Random random) throws Exception {
        var writers = new ArrayList<Writer>();
        for (int i = 0; i < 3; i++) {
            var writer = new Writer(new Random(random.nextLong()));
            writers.add(writer);
            writer.next();
        }
        PoolScrub scrub = client.scrub();
        int rounds = 60;
        for (int i = 0; i < rounds; i++) {
            assertEquals(List.of(), differences(compare()));
        }
        assertEquals(0, counted());
        assertEquals(0, sum(scrub.status(), LightStatus::skippedGroups));
        assertEquals((long) rounds * CHUNKS, sum(scrub.status(), LightStatus::comparedChunks));
        int written = 0;
        for (Writer writer : writers) {
            writer.ending = true;
            written += writer.ended.get();
        }
        assertTrue(written > rounds, written + " writes");
    }

    /// One write after the other, at its own pace.
    private final class Writer {
        final CompletableFuture<Integer> ended = new CompletableFuture<>();
        volatile boolean ending;
        private final Random random;
        private int written;

        Writer(Random random) {
            this.random = random;
        }

        void next() {
            var _ =
                    write(random)
                            .whenComplete((_, failure) -> {
                                written++;
                                if (failure != null) {
                                    ended.completeExceptionally(failure);
                                } else if (ending) {
                                    ended.complete(written);
                                } else {
                                    next();
                                }
                            });
        }
    }

    private CompletableFuture<?> write(Random random) {
        long chunk = (long) random.nextInt(CHUNKS) * ChunkKey.CHUNK_BYTES;
        int offset = random.nextInt(BLOCKS * BLOCK);
        int length = 1 + random.nextInt(20_000);
        if (random.nextInt(4) == 0) {
            return volume.discard(chunk + offset / BLOCK * BLOCK, length / BLOCK * BLOCK + BLOCK);
        }
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return volume.write(chunk + offset, ByteBuffer.wrap(bytes));
    }

    @Test
    void withAMemberAwayTheOthersAreCompared() throws Exception {
        int away = secondary();
        cluster.stopNode(away);
        PoolScrub scrub = client.scrub();
        // Its node is not to answer: it is not there. Nor are others that are busy with that.
        Await.until("the others are asked", () -> areTwo(scrub.beginLight()));
        Await.until(
                "compared",
                () -> {
                    PoolScrub.Result now = scrub.status();
                    return areTwo(now) && sum(now, LightStatus::dueGroups) == 0;
                });
        PoolScrub.Result result = scrub.status();
        assertTrue(sum(result, LightStatus::comparedChunks) >= CHUNKS, result::toString);
        assertEquals(0, sum(result, LightStatus::skippedGroups));
        assertEquals(0, sum(result, LightStatus::differingChunks));
    }

    private static boolean areTwo(PoolScrub.Result result) {
        return result.stores().size() == 2;
    }

    private void set(PoolSettings settings) throws IOException {
        var records = new FabricRecords(cluster.store);
        if (!records.create(FabricPaths.SETTINGS, settings)) {
            var _ = records.update(FabricPaths.SETTINGS, PoolSettings.class, _ -> settings);
        }
    }

    private static PoolSettings rate(long bytesPerSecond) {
        return new PoolSettings(bytesPerSecond, null, null, null, null, null);
    }

    private static boolean isDone(PoolScrub scrub) throws IOException {
        return scrub.status().stores().stream().allMatch(s -> s.status().dueGroups() == 0);
    }

    /// At the first rate a chunk takes eight seconds, and all of them 24.
    @Test
    void aRateThatIsSetReachesAScrubInTheMidstOfAGroup() throws Exception {
        PoolSettings slow = rate(8 * BLOCK);
        set(slow);
        Await.until("the nodes have heard", () -> cluster.watcher.image().settings().equals(slow));
        PoolScrub scrub = client.scrub();
        var _ = scrub.begin();
        Await.until("begun", () -> verified(scrub) > 0);
        // Between two chunks.
        assertEquals(0, sum(compare(), LightStatus::skippedGroups));
        assertEquals(CHUNKS, sum(scrub.status(), LightStatus::comparedChunks));
        assertTrue(!isDone(scrub));
        set(rate(1 << 30));
        Await.until("done at the other rate", Duration.ofSeconds(8), () -> isDone(scrub));
        assertEquals(3L * CHUNKS * BLOCKS * BLOCK, verified(scrub));
    }

    private static long verified(PoolScrub scrub) throws IOException {
        return scrub.status().stores().stream().mapToLong(s -> s.status().verifiedBytes()).sum();
    }

    @Test
    void periodsThatAreSetBringTheTurnsRound() throws Exception {
        set(new PoolSettings(null, 1L, 1L, null, null, null));
        PoolScrub scrub = client.scrub();
        Await.until(
                "compared and verified by themselves, twice",
                () ->
                        verified(scrub) > 2 * 3L * CHUNKS * BLOCKS * BLOCK
                                && sum(scrub.status(), LightStatus::comparedChunks) > 2 * CHUNKS);
        assertTrue(scrub.status().stores().stream().allMatch(s -> s.status().verifiedMillis() > 0));
    }
}
