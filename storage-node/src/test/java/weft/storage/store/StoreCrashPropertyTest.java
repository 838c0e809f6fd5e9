package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.disk.FileHeader;
import weft.storage.disk.Seeds;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/// The store's promise under crashes at every device operation, over several lives.
///
/// Writes are small (through the journal) and large (to their place, [SimStore#TINY] says from
/// which size), overlap, stay open over checkpoints, and are void before they are applied; chunks
/// are replaced as a whole meanwhile.
class StoreCrashPropertyTest {
    private static final int BLOCKS = 24;
    private static final int CHUNKS = 2;

    /// What was journaled and acknowledged is recovered, as applied or as prepared; when all
    /// prepared entries are applied again, every block reads as if there had been no crash, with
    /// its checksum.
    @Test
    void everyAcknowledgedEntrySurvivesACrashAtAnyDeviceOperation() throws Exception {
        var placed = new AtomicInteger();
        try (var reports = new Reports()) {
            reports.begin();
            Seeds.forEach(300, random -> placed.addAndGet(new Run(random).run()));
            // A crash may leave a file without a header: that is no foreign file and no damage.
            assertEquals(0, reports.count(Level.ERROR));
        }
        assertTrue(placed.get() > 300, () -> placed + " large writes were read back");
    }

    private static final class Run {
        private final Random random;
        private final SimStore sim;

        /// All that is prepared and not void: applied up to `applied`, journaled up to
        /// `acknowledged`.
        private final List<Entry> entries = new ArrayList<>();

        /// Entries that are void, unless a crash takes their truncation.
        private final List<Entry> perhapsVoid = new ArrayList<>();

        private long acknowledged;
        private int applied;
        private long version = 1;
        private boolean cloned;
        private int placed;

        Run(Random random) {
            this.random = random;
            sim = new SimStore(random);
        }

        /// Answers how many large writes recoveries had to read back.
        int run() throws IOException {
            for (int life = 0; life < 6; life++) {
                if (life < 5) {
                    sim.disk.crashAt(sim.disk.operations() + 5 + random.nextInt(400));
                }
                try {
                    Store store = sim.open();
                    settle(store);
                    checkEverything();
                    for (int step = 0; step < 80 && life < 5; step++) {
                        step(store);
                    }
                    if (life == 5) {
                        checkSpace(store);
                    }
                } catch (IOException | UncheckedIOException e) {
                    assertTrue(sim.disk.isCrashed(), () -> "failed without a crash: " + e);
                }
                if (life < 5) {
                    sim.crash();
                }
            }
            return placed;
        }

        /// What a replica does after a start: all prepared entries turn out to be committed.
        private void settle(Store store) throws IOException {
            RecoveredState found = store.recovered(SimStore.PG);
            long tail = found.appliedSequence() + found.prepared().size();
            assertTrue(
                    tail >= acknowledged,
                    () -> "acknowledged to %d, found to %d".formatted(acknowledged, tail));
            for (Entry entry : found.prepared()) {
                placed += isLarge(entry) ? 1 : 0;
                int index = (int) entry.sequence() - 1;
                boolean known = index < entries.size() && entries.get(index).equals(entry);
                if (!known) {
                    assertTrue(index >= acknowledged, () -> "replaced " + entry);
                    assertTrue(perhapsVoid.contains(entry), () -> "never prepared: " + entry);
                    truncate(index);
                    entries.add(entry);
                }
            }
            truncate((int) tail);
            perhapsVoid.clear();
            acknowledged = tail;
            version++;
            for (Entry entry : found.prepared()) {
                sim.group().apply(entry);
                rethrow(store);
            }
            applied = entries.size();
        }

        private static boolean isLarge(Entry entry) {
            return entry.mutation() instanceof Mutation.Write write
                    && write.checksums().remaining() / 4 * ChunkKey.BLOCK_BYTES
                            >= SimStore.TINY.placedBytesMin();
        }

        private void truncate(int size) {
            while (entries.size() > size) {
                entries.removeLast();
            }
        }

        private static void rethrow(Store store) throws IOException {
            if (store.failure().isPresent()) {
                throw store.failure().get();
            }
        }

        private void step(Store store) throws IOException {
            switch (random.nextInt(16)) {
                case 0 -> store.checkpoint();
                case 1 -> {
                    // Between taking the maps and saving them.
                    sim.metadata.beforeNextWrite(() -> {
                        write(store);
                        write(store);
                    });
                    store.checkpoint();
                }
                case 2 -> checkEverything();
                case 3 -> voidOpen();
                case 4 -> replaceChunk(store);
                case 5 -> prepare(store);
                default -> write(store);
            }
        }

        private void write(Store store) throws IOException {
            prepare(store);
            store.flush();
            acknowledged = entries.size();
            perhapsVoid.clear();
            commit(store, random.nextInt(4) == 0 ? 1 : Integer.MAX_VALUE);
        }

        private void prepare(Store store) throws IOException {
            int together = 1 + random.nextInt(3);
            for (int i = 0; i < together; i++) {
                Entry entry = SimStore.entry(version, entries.size() + 1, mutation());
                entries.add(entry);
                sim.prepare(entry);
                rethrow(store);
            }
        }

        private void commit(Store store, int most) throws IOException {
            int end = (int) Math.min(acknowledged, applied + (long) most);
            while (applied < end) {
                sim.group().apply(entries.get(applied));
                rethrow(store);
                applied++;
            }
        }

        /// A new primary does not have what is open here.
        private void voidOpen() {
            int keep = applied + random.nextInt(entries.size() - applied + 1);
            perhapsVoid.addAll(entries.subList(keep, entries.size()));
            truncate(keep);
            acknowledged = Math.min(acknowledged, keep);
            version++;
            sim.group().append(0, new JournalRecord.Truncated(SimStore.PG, 1, keep));
        }

        /// A chunk is replaced by a copy that is just like it.
        private void replaceChunk(Store store) throws IOException {
            sim.lastChunk = Optional.empty();
            sim.group().readChunk(0, new ChunkKey(SimStore.BASE, random.nextInt(CHUNKS)));
            if (sim.lastChunk.isPresent()) {
                sim.group().installChunk(0, sim.lastChunk.get());
            }
            rethrow(store);
        }

        private Mutation mutation() {
            cloned |= random.nextInt(20) == 0;
            if (cloned && random.nextInt(40) == 0) {
                return new Mutation.DropLayer(SimStore.CLONE);
            }
            long chunk = random.nextInt(CHUNKS);
            // Once it is being merged, nothing is written to the upper layer until it is dropped.
            boolean merging = isMerging(SimStore.CLONE);
            boolean mergingOther = isMerging(SimStore.OTHER);
            if (mergingOther && random.nextInt(10) == 0) {
                return new Mutation.DropLayer(SimStore.OTHER);
            }
            if (cloned && !merging && (mergingOther ? random.nextBoolean() : isRare())) {
                return copyDown(SimStore.OTHER, chunk);
            }
            if (merging || cloned && !isCutOff() && isRare()) {
                return copyDown(SimStore.CLONE, chunk);
            }
            if (cloned && random.nextInt(10) == 0) {
                return fillOrCover(chunk);
            }
            if (cloned && isRare()) {
                int first = random.nextInt(BLOCKS);
                int length = (1 + random.nextInt(BLOCKS - first)) * ChunkKey.BLOCK_BYTES;
                return new Mutation.Trim(
                        SimStore.BASE_ONLY, chunk, first * ChunkKey.BLOCK_BYTES, length);
            }
            return change(layers(mergingOther), chunk);
        }

        private boolean isRare() {
            return random.nextInt(20) == 0;
        }

        private List<VolumeId> layers(boolean mergingOther) {
            if (!cloned) {
                return SimStore.BASE_ONLY;
            }
            if (!mergingOther && random.nextInt(3) == 0) {
                return List.of(SimStore.OTHER, SimStore.BASE);
            }
            return isCutOff() ? List.of(SimStore.CLONE) : SimStore.CLONE_ON_BASE;
        }

        /// Whether the clone does without its base by now, so that another layer's blocks go there.
        private boolean isCutOff() {
            return entries.stream()
                    .anyMatch(entry ->
                            entry.mutation() instanceof Mutation.CopyDown copy
                                    && copy.upper().equals(SimStore.OTHER));
        }

        private Mutation change(List<VolumeId> layers, long chunk) {
            boolean aligned = random.nextBoolean();
            int unit = aligned ? ChunkKey.BLOCK_BYTES : 1;
            int offset = random.nextInt(BLOCKS * ChunkKey.BLOCK_BYTES / unit) * unit;
            int room = BLOCKS * ChunkKey.BLOCK_BYTES - offset;
            int most = (random.nextBoolean() ? 2 : 9) * ChunkKey.BLOCK_BYTES;
            int length = (1 + random.nextInt(Math.min(room, most) / unit)) * unit;
            return switch (random.nextInt(8)) {
                case 0 -> new Mutation.Zero(layers, chunk, offset, length);
                case 1 -> new Mutation.Discard(layers, chunk, offset, length);
                default ->
                        SimStore.write(
                                layers, chunk, offset, SimStore.bytes(random.nextLong(), length));
            };
        }

        private boolean isMerging(VolumeId upper) {
            for (Entry entry : entries.reversed()) {
                if (entry.mutation() instanceof Mutation.CopyDown copy
                        && copy.upper().equals(upper)) {
                    return true;
                }
                if (entry.mutation() instanceof Mutation.DropLayer drop
                        && drop.layer().equals(upper)) {
                    return false;
                }
            }
            return false;
        }

        private Mutation copyDown(VolumeId upper, long chunk) {
            int first = random.nextInt(BLOCKS);
            int count = 1 + random.nextInt(Math.min(9, BLOCKS - first));
            return new Mutation.CopyDown(
                    upper,
                    SimStore.BASE,
                    chunk,
                    first * ChunkKey.BLOCK_BYTES,
                    count * ChunkKey.BLOCK_BYTES);
        }

        private Mutation fillOrCover(long chunk) {
            int first = random.nextInt(BLOCKS);
            int count = 1 + random.nextInt(Math.min(9, BLOCKS - first));
            int offset = first * ChunkKey.BLOCK_BYTES;
            int length = count * ChunkKey.BLOCK_BYTES;
            List<VolumeId> layers = List.of(SimStore.CLONE);
            if (random.nextBoolean()) {
                return new Mutation.Cover(layers, chunk, offset, length);
            }
            byte[] bytes = SimStore.bytes(random.nextLong(), length);
            Mutation.Write write = SimStore.write(layers, chunk, offset, bytes);
            return new Mutation.Fill(layers, chunk, offset, write.payload(), write.checksums());
        }

        private void checkEverything() {
            var model = new GroupModel();
            for (Entry entry : entries.subList(0, applied)) {
                model.apply(entry);
            }
            ByteBuffer scratch = ByteBuffer.allocate(16 * ChunkKey.BLOCK_BYTES);
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                sim.assertReads(model, SimStore.BASE_ONLY, chunk, 0, BLOCKS);
                sim.assertReads(model, SimStore.CLONE_ON_BASE, chunk, 0, BLOCKS);
                sim.assertReads(model, List.of(SimStore.OTHER), chunk, 0, BLOCKS);
                var key = new ChunkKey(SimStore.BASE, chunk);
                sim.lastNextBlock = 0;
                while (sim.store().failure().isEmpty()
                        && sim.lastNextBlock < ChunkKey.CHUNK_BLOCKS) {
                    sim.group().verify(0, key, sim.lastNextBlock, scratch);
                    assertEquals(List.of(), sim.lastVerifiedDamaged);
                }
            }
        }

        /// When nothing is open, a checkpoint gives all space back that no map names, but for what
        /// is kept.
        private void checkSpace(Store store) throws IOException {
            store.checkpoint();
            store.checkpoint();
            Map<VolumeId, Long> byLayer = new HashMap<>();
            store.addStoredBytes(SimStore.PG, byLayer);
            sim.group().listChunks(0, Optional.empty());
            long headers = (long) sim.lastList.size() * FileHeader.SIZE_BYTES;
            long stored = byLayer.values().stream().mapToLong(Long::longValue).sum();
            assertEquals(stored + headers, store.chunkBytes() - store.spareBytes());
        }
    }
}
