package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.runtime.Loop;
import weft.storage.journal.JournalRecord;
import weft.storage.journal.JournalSettings;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// The store on a real folder, with its threads.
class StoreFolderTest {
    private static final PlacementGroupId PG = SimStore.PG;
    private static final UUID CLUSTER = SimStore.CLUSTER;
    private static final StoreSettings SMALL =
            new StoreSettings(
                    new JournalSettings(1 << 20, 256 << 10, 256 << 10, 8 << 20, 8 << 20),
                    Long.MAX_VALUE,
                    1 << 20,
                    2 << 20,
                    200,
                    1 << 20,
                    16,
                    64 << 10);

    @TempDir Path folder;

    /// What a replica is to its disk: it applies what is durable.
    private static final class Applier implements ReplicaDisk.Events {
        final Semaphore durable = new Semaphore(0);
        final Semaphore done = new Semaphore(0);

        @Override
        public void onDurable(long ticket) {
            durable.release();
        }

        @Override
        public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {}

        @Override
        public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {}

        @Override
        public void onChunk(long ticket, Optional<ChunkContent> content) {}

        @Override
        public void onDone(long ticket) {
            done.release();
        }

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

    private static Entry entry(long sequence) {
        return SimStore.entry(
                sequence,
                SimStore.write(
                        SimStore.BASE_ONLY,
                        sequence % 5,
                        (int) (sequence % 31) * 1000,
                        SimStore.bytes(sequence, 6000)));
    }

    /// Writes for ever, printing each sequence when it is durable; killed by its parent.
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) throws Exception {
            var open = StoreFolder.open(Path.of(arguments[0]), CLUSTER, SMALL);
            open.store().start();
            var loop = new Loop("replica");
            var events = new Applier();
            ReplicaDisk disk = open.store().attach(PG, loop, events);
            for (long sequence = 1; ; sequence++) {
                Entry entry = entry(sequence);
                loop.execute(() ->
                        disk.append(entry.sequence(), new JournalRecord.Prepared(PG, 1, entry)));
                events.durable.acquire();
                System.out.println(sequence);
                loop.execute(() -> disk.apply(entry));
            }
        }
    }

    @Test
    void whatAKilledProcessAcknowledgedIsThere() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process writer =
                new ProcessBuilder(
                                java,
                                "-ea",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Writer.class.getName(),
                                folder.toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        long acknowledged = 0;
        try (var out =
                new BufferedReader(
                        new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8))) {
            while (acknowledged < 1500) {
                acknowledged = Long.parseLong(Optional.ofNullable(out.readLine()).orElseThrow());
            }
        } finally {
            writer.destroyForcibly();
            assertTrue(writer.waitFor(20, TimeUnit.SECONDS));
        }
        try (var open = StoreFolder.open(folder, CLUSTER, SMALL)) {
            RecoveredState found = open.store().recovered(PG);
            long tail = found.appliedSequence() + found.prepared().size();
            assertTrue(tail >= acknowledged, tail + " of " + acknowledged);
            assertTrue(found.appliedSequence() > 0, "no checkpoint was made");
            var sim = new SimStore(new Random(1));
            ReplicaDisk disk = open.store().attach(PG, Runnable::run, sim);
            sim.attached = disk;
            found.prepared().forEach(disk::apply);
            var model = new GroupModel();
            for (long sequence = 1; sequence <= tail; sequence++) {
                model.apply(entry(sequence));
            }
            for (int chunk = 0; chunk < 5; chunk++) {
                sim.assertReads(model, SimStore.BASE_ONLY, chunk, 0, 12);
            }
        }
    }

    @Test
    void aStoreIsOpenedOnce() throws Exception {
        try (var open = StoreFolder.open(folder, CLUSTER, SMALL)) {
            assertTrue(open.store().failure().isEmpty());
            var refusal =
                    assertThrows(IOException.class, () -> StoreFolder.open(folder, CLUSTER, SMALL));
            assertTrue(refusal.toString().contains("has it open"), refusal::toString);
        }
        StoreFolder.open(folder, CLUSTER, SMALL).close();
    }

    @Test
    void theMetadataOfAnotherStoreAreRefusedByName() throws Exception {
        Path one = folder.resolve("one");
        Path two = folder.resolve("two");
        List<String> ids = new ArrayList<>();
        for (Path each : List.of(one, two)) {
            try (var open = StoreFolder.open(each, CLUSTER, SMALL)) {
                ids.add(open.store().id().toString());
            }
        }
        exchange(one, two);
        for (Path each : List.of(one, two)) {
            var refusal =
                    assertThrows(IOException.class, () -> StoreFolder.open(each, CLUSTER, SMALL));
            String why = refusal.toString();
            assertTrue(why.contains("store in " + each + ": refused: the metadata"), why);
            assertTrue(why.contains("are not those of store"), why);
        }
        // Nothing was done to them.
        exchange(one, two);
        for (Path each : List.of(one, two)) {
            try (var open = StoreFolder.open(each, CLUSTER, SMALL)) {
                assertEquals(ids.removeFirst(), open.store().id().toString());
            }
        }
    }

    private void exchange(Path one, Path two) throws IOException {
        Path aside = folder.resolve("aside");
        Files.move(one.resolve("metadata"), aside);
        Files.move(two.resolve("metadata"), one.resolve("metadata"));
        Files.move(aside, two.resolve("metadata"));
    }

    @Test
    void zeroedBlocksGiveTheirSpaceBackToTheFileSystem() throws Exception {
        try (var open = StoreFolder.open(folder, CLUSTER, SMALL)) {
            open.store().start();
            var loop = new Loop("replica");
            var events = new Applier();
            ReplicaDisk disk = open.store().attach(PG, loop, events);
            int length = 48 * ChunkKey.BLOCK_BYTES;
            Entry write =
                    SimStore.entry(
                            1, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, length)));
            Entry zero =
                    SimStore.entry(
                            2,
                            new Mutation.Zero(
                                    SimStore.BASE_ONLY, 0, 0, length - ChunkKey.BLOCK_BYTES));
            loop.execute(() -> disk.apply(write));
            loop.execute(() -> disk.apply(zero));
            loop.execute(() -> disk.deleteChunk(1, new ChunkKey(SimStore.BASE, 9)));
            assertTrue(events.done.tryAcquire(20, TimeUnit.SECONDS));
            Path file = folder.resolve("chunks/3/1-0.1");
            assertEquals(49L * ChunkKey.BLOCK_BYTES, Files.size(file));
            assertTrue(allocatedBytes(file) <= 4L * ChunkKey.BLOCK_BYTES);
            loop.close();
        }
    }

    private static long allocatedBytes(Path file) throws Exception {
        Process stat =
                new ProcessBuilder("stat", "-c", "%b", file.toString())
                        .redirectErrorStream(true)
                        .start();
        String sectors = new String(stat.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Assumptions.assumeTrue(stat.waitFor() == 0, sectors);
        return Long.parseLong(sectors.strip()) * 512;
    }
}
