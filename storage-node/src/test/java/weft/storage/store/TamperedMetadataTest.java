package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.journal.JournalSettings;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;
import weft.storage.metadata.RocksMetadataStore;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// Someone was at RocksDB's files while the store was closed: what is served is what was
/// acknowledged, or nothing, and it is said why.
class TamperedMetadataTest {
    private static final UUID CLUSTER = SimStore.CLUSTER;
    private static final int CHUNKS = 4;
    private static final int ENTRIES_A_LIFE = 12;

    /// Installed in the second life, and in the third.
    private static final ChunkKey COPIED = new ChunkKey(SimStore.OTHER, 9);

    private static final ChunkKey COPIED_LAST = new ChunkKey(SimStore.OTHER, 10);
    private static final List<VolumeId> OTHER_ONLY = List.of(SimStore.OTHER);

    /// So few maps in memory that most are read from RocksDB.
    private static final StoreSettings SMALL =
            new StoreSettings(
                    new JournalSettings(256 << 10, 128 << 10, 128 << 10, 4 << 20, 8 << 20),
                    Long.MAX_VALUE,
                    1 << 20,
                    2 << 20,
                    60_000,
                    1 << 20,
                    16,
                    64 << 10);

    @TempDir Path folder;
    private final Random random = new Random(7);
    private ChunkContent copied;
    private long acknowledged;

    @BeforeEach
    void makeACopy() throws Exception {
        var donor = new SimStore(random);
        donor.open();
        byte[] bytes = SimStore.bytes(1, 5 * ChunkKey.BLOCK_BYTES);
        donor.commit(
                SimStore.entry(1, SimStore.write(OTHER_ONLY, COPIED.chunkIndex(), 4096, bytes)));
        donor.group().readChunk(1, COPIED);
        copied = donor.lastChunk.orElseThrow();
    }

    private ChunkContent copiedLast() {
        ChunkStamp stamp = copied.stamp();
        return new ChunkContent(
                new ChunkStamp(COPIED_LAST, stamp.version(), stamp.sequence()), copied.runs());
    }

    private static Entry entry(long sequence) {
        int offset = (int) (sequence % 31) * 1000;
        return SimStore.entry(
                sequence,
                SimStore.write(
                        SimStore.BASE_ONLY,
                        sequence % CHUNKS,
                        offset,
                        SimStore.bytes(sequence, 6000)));
    }

    /// Three lives; the last one ends as it is said, and so RocksDB has tables and a log.
    private Path used(boolean inOrder) throws IOException {
        Path store = folder.resolve("used");
        for (int life = 1; life < 3; life++) {
            try (var open = StoreFolder.open(store, CLUSTER, SMALL)) {
                SimStore sim = attach(open.store());
                if (life == 2) {
                    sim.group().installChunk(1, copied);
                }
                work(sim);
            }
        }
        Path killed = folder.resolve("killed");
        try (var open = StoreFolder.open(store, CLUSTER, SMALL)) {
            SimStore sim = attach(open.store());
            sim.group().installChunk(2, copiedLast());
            work(sim);
            copy(store, killed);
        }
        return inOrder ? store : killed;
    }

    private static SimStore attach(Store store) {
        var sim = new SimStore(new Random(1));
        sim.opened = store;
        sim.attached = store.attach(SimStore.PG, Runnable::run, sim);
        return sim;
    }

    private void work(SimStore sim) throws IOException {
        for (int i = 0; i < ENTRIES_A_LIFE; i++) {
            acknowledged++;
            sim.commit(entry(acknowledged));
            if (i % 5 == 4) {
                sim.store().checkpoint();
            }
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path each : all.toList()) {
                Files.copy(
                        each,
                        to.resolve(from.relativize(each).toString()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path each : all.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(each);
            }
        }
    }

    private static List<Path> files(Path store, Predicate<String> wanted) throws IOException {
        try (Stream<Path> all = Files.list(store.resolve("metadata"))) {
            return all.filter(file -> wanted.test(file.getFileName().toString())).sorted().toList();
        }
    }

    @FunctionalInterface
    private interface Damage {
        byte[] of(byte[] bytes);
    }

    private List<Damage> flips(int count) {
        List<Damage> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double where = random.nextDouble();
            all.add(bytes -> {
                bytes[(int) (where * bytes.length)] ^= 0x10;
                return bytes;
            });
        }
        return all;
    }

    private List<Damage> cuts(int count) {
        List<Damage> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double where = i / (double) count;
            all.add(bytes -> Arrays.copyOf(bytes, (int) (where * bytes.length)));
        }
        return all;
    }

    /// Each damage to each of these files of a copy of the store; none of them may go unnoticed and
    /// have an effect.
    ///
    /// @param wanted by its name
    /// @return how many were refused
    private int assertNothingIsForgotten(Path store, Predicate<String> wanted, List<Damage> damages)
            throws IOException {
        List<Path> files = files(store, wanted);
        assertTrue(!files.isEmpty(), "no such file");
        int refused = 0;
        for (Path file : files) {
            for (int i = -1; i < damages.size(); i++) {
                Path tried = folder.resolve("tried");
                copy(store, tried);
                Path damaged = tried.resolve("metadata").resolve(file.getFileName());
                if (i < 0) {
                    Files.delete(damaged);
                } else {
                    Files.write(damaged, damages.get(i).of(Files.readAllBytes(damaged)));
                }
                String what = file.getFileName() + ", damage " + i;
                Optional<String> why = refusal(tried, what);
                if (why.isPresent()) {
                    refused++;
                    // And it is not accepted because it was tried.
                    assertTrue(refusal(tried, what).isPresent(), what + ": accepted then");
                }
                delete(tried);
            }
        }
        return refused;
    }

    /// Why nothing is served; otherwise it is exactly what was acknowledged.
    private Optional<String> refusal(Path store, String what) {
        try (var open = StoreFolder.open(store, CLUSTER, SMALL)) {
            Optional<String> failure = failureOf(open.store(), what);
            failure.ifPresent(why -> assertTrue(why.contains("metadata"), what + ": " + why));
            return failure;
        } catch (IOException e) {
            String why = String.valueOf(e.getMessage());
            assertTrue(why.contains("store in " + store), what + ": " + why);
            assertTrue(why.contains("must be emptied"), what + ": " + why);
            return Optional.of(why);
        }
    }

    private Optional<String> failureOf(Store store, String what) throws IOException {
        RecoveredState found = store.recovered(SimStore.PG);
        assertEquals(acknowledged, found.appliedSequence() + found.prepared().size(), what);
        SimStore sim = attach(store);
        var model = new GroupModel();
        for (long sequence = 1; sequence <= acknowledged; sequence++) {
            model.apply(entry(sequence));
        }
        assertRead(sim, () -> sim.read(OTHER_ONLY, COPIED.chunkIndex(), 0, 8), what);
        found.prepared().forEach(sim.group()::apply);
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            int index = chunk;
            assertRead(sim, () -> sim.assertReads(model, SimStore.BASE_ONLY, index, 0, 12), what);
        }
        for (ChunkContent content : List.of(copied, copiedLast())) {
            if (store.failure().isEmpty()) {
                sim.group().readChunk(1, content.stamp().key());
            }
            if (store.failure().isEmpty()) {
                assertEquals(Optional.of(content), sim.lastChunk, what);
            }
        }
        return store.failure().map(IOException::getMessage);
    }

    /// A store that fails in it gives no answer.
    private static void assertRead(SimStore sim, Runnable read, String what) {
        if (sim.store().failure().isPresent()) {
            return;
        }
        sim.lastRead = null;
        try {
            read.run();
        } catch (NullPointerException e) {
            assertTrue(sim.store().failure().isPresent(), what + ": no answer");
        }
        boolean failed = sim.lastRead instanceof ReplicaDisk.ReadOutcome.Failed;
        assertTrue(!failed, what + ": answered as if the client were to know of it");
    }

    private void assertNothingIsForgotten(boolean inOrder) throws Exception {
        Path store = used(inOrder);
        assertEquals(Optional.empty(), refusal(copyOf(store), "nothing"));
        List<Damage> many = new ArrayList<>(flips(10));
        many.addAll(cuts(6));
        var refused = new TreeMap<String, Integer>();
        for (String kind : List.of("\\d+\\.sst", "MANIFEST-.*", "CURRENT", "\\d+\\.log")) {
            refused.put(kind, assertNothingIsForgotten(store, name -> name.matches(kind), many));
        }
        refused.forEach((kind, count) -> assertTrue(count > 3, kind + ": " + count));
    }

    private Path copyOf(Path store) throws IOException {
        Path copy = folder.resolve("copy");
        copy(store, copy);
        return copy;
    }

    @Test
    void nothingIsForgottenByAStoreThatWasClosed() throws Exception {
        assertNothingIsForgotten(true);
    }

    @Test
    void nothingIsForgottenByAStoreThatWasKilled() throws Exception {
        assertNothingIsForgotten(false);
    }

    /// A read that finds no map is the store's failure, and not the client's: another member has
    /// the chunk.
    @Test
    void aMapThatCannotBeReadFailsTheStore() throws Exception {
        var sim = new SimStore(random);
        sim.open();
        sim.commit(entry(1));
        sim.store().checkpoint();
        byte[] map = MetadataKeys.map(SimStore.PG, new ChunkKey(SimStore.BASE, 1));
        sim.metadata.write(new MetadataStore.Batch().delete(map));
        sim.crash();
        sim.open();
        assertRead(sim, () -> sim.read(SimStore.BASE_ONLY, 1, 0, 4), "no map");
        String why = String.valueOf(sim.store().failure().orElseThrow().getMessage());
        assertTrue(why.startsWith("metadata: chunk v1/1"), why);
    }

    /// As many numbers as there are to be, not one less at either end.
    @Test
    void theWindowOfNumbersMovesAndIsWhole() throws Exception {
        var sim = new SimStore(random);
        sim.open();
        for (int i = 0; i < StoreLife.WINDOW + 10; i++) {
            sim.group().deleteChunk(1, COPIED);
        }
        sim.crash();
        sim.open();
        sim.crash();
        List<byte[]> numbers = new ArrayList<>();
        sim.metadata.scan(MetadataKeys.NUMBERS, (key, _) -> numbers.add(key));
        assertEquals(StoreLife.WINDOW, numbers.size());
        sim.metadata.write(new MetadataStore.Batch().delete(numbers.getFirst()));
        IOException refused = assertThrows(IOException.class, sim::open);
        String why = String.valueOf(refused.getMessage());
        assertTrue(why.startsWith("refused: part of the metadata is lost, batches 13 to 13"), why);
    }

    /// Without its list RocksDB would make itself anew, and delete the tables.
    @Test
    void aListThatIsPutBackIsGoodAgain() throws Exception {
        Path store = used(true);
        Path list = store.resolve("metadata").resolve("CURRENT");
        byte[] bytes = Files.readAllBytes(list);
        Files.delete(list);
        assertTrue(refusal(store, "without").isPresent());
        assertTrue(refusal(store, "still without").isPresent());
        Files.write(list, bytes);
        assertEquals(Optional.empty(), refusal(store, "put back"));
    }

    /// The list of tables was cut short: what lay in one of them is not there, and what was written
    /// later is.
    @Test
    void aHoleInTheMidstIsFound() throws Exception {
        Path store = folder.resolve("holed");
        try (var open = StoreFolder.open(store, CLUSTER, SMALL)) {
            SimStore sim = attach(open.store());
            sim.group().installChunk(1, copied);
            for (int i = 0; i < 3; i++) {
                if (i == 1) {
                    sim.group().installChunk(2, copiedLast());
                }
                work(sim);
                for (int j = 0; j < RocksMetadataStore.LOGGED_BATCHES_MAX; j++) {
                    open.store().keepMillis(MetadataKeys.scrubbed(SimStore.PG), j);
                }
            }
            work(sim);
        }
        List<Damage> cuts = new ArrayList<>(cuts(24));
        int refused = assertNothingIsForgotten(store, name -> name.startsWith("MANIFEST"), cuts);
        assertTrue(refused > 12, refused + " of " + cuts.size());
    }
}
