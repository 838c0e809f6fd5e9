package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.disk.Seeds;
import weft.storage.replica.RecoveredState;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// The store's promise under crashes at every device operation, over several lives.
class StoreCrashPropertyTest {
    private static final int BLOCKS = 12;
    private static final int CHUNKS = 2;

    /// What was journaled and acknowledged is recovered, as applied or as prepared; when all
    /// prepared entries are applied again, every block reads as if there had been no crash, with
    /// its checksum.
    @Test
    void everyAcknowledgedEntrySurvivesACrashAtAnyDeviceOperation() throws Exception {
        Seeds.forEach(100, random -> new Run(random).run());
    }

    private static final class Run {
        private final Random random;
        private final SimStore sim;
        private final List<Entry> entries = new ArrayList<>();
        private long acknowledged;
        private boolean cloned;
        private boolean merging;

        Run(Random random) {
            this.random = random;
            sim = new SimStore(random);
        }

        void run() throws IOException {
            for (int life = 0; life < 5; life++) {
                if (life < 4) {
                    sim.disk.crashAt(sim.disk.operations() + 5 + random.nextInt(250));
                }
                try {
                    Store store = sim.open();
                    settle(store);
                    checkEverything();
                    for (int step = 0; step < 60 && life < 4; step++) {
                        step(store);
                    }
                } catch (IOException | UncheckedIOException e) {
                    assertTrue(sim.disk.isCrashed(), () -> "failed without a crash: " + e);
                }
                if (life < 4) {
                    sim.crash();
                }
            }
        }

        /// What a replica does after a start: all prepared entries turn out to be committed.
        private void settle(Store store) throws IOException {
            RecoveredState found = store.recovered(SimStore.PG);
            long tail = found.appliedSequence() + found.prepared().size();
            assertTrue(
                    tail >= acknowledged,
                    () -> "acknowledged to %d, found to %d".formatted(acknowledged, tail));
            assertTrue(tail <= entries.size());
            while (entries.size() > tail) {
                entries.removeLast();
            }
            acknowledged = tail;
            for (Entry entry : found.prepared()) {
                assertEquals(entries.get((int) entry.sequence() - 1), entry);
                sim.group().apply(entry);
                rethrow(store);
            }
        }

        private static void rethrow(Store store) throws IOException {
            if (store.failure().isPresent()) {
                throw store.failure().get();
            }
        }

        private void step(Store store) throws IOException {
            switch (random.nextInt(12)) {
                case 0 -> store.checkpoint();
                case 1 -> checkEverything();
                default -> {
                    int together = 1 + random.nextInt(3);
                    int from = entries.size();
                    for (int i = 0; i < together; i++) {
                        Entry entry = SimStore.entry(entries.size() + 1, mutation());
                        entries.add(entry);
                        sim.prepare(entry);
                    }
                    store.flush();
                    acknowledged = entries.size();
                    for (Entry entry : entries.subList(from, entries.size())) {
                        sim.group().apply(entry);
                        rethrow(store);
                    }
                }
            }
        }

        private Mutation mutation() {
            cloned |= random.nextInt(20) == 0;
            List<VolumeId> layers = cloned ? SimStore.CLONE_ON_BASE : SimStore.BASE_ONLY;
            if (cloned && random.nextInt(40) == 0) {
                merging = false;
                return new Mutation.DropLayer(SimStore.CLONE);
            }
            long chunk = random.nextInt(CHUNKS);
            // Once it is being merged, nothing is written to the upper layer until it is dropped.
            merging |= cloned && random.nextInt(20) == 0;
            if (merging || cloned && random.nextInt(10) == 0) {
                return layerChange(chunk);
            }
            boolean aligned = random.nextBoolean();
            int unit = aligned ? ChunkKey.BLOCK_BYTES : 1;
            int offset = random.nextInt(BLOCKS * ChunkKey.BLOCK_BYTES / unit) * unit;
            int room = BLOCKS * ChunkKey.BLOCK_BYTES - offset;
            int length =
                    (1 + random.nextInt(Math.min(room, 5 * ChunkKey.BLOCK_BYTES) / unit)) * unit;
            return switch (random.nextInt(6)) {
                case 0 -> new Mutation.Zero(layers, chunk, offset, length);
                case 1 -> new Mutation.Discard(layers, chunk, offset, length);
                default ->
                        SimStore.write(
                                layers, chunk, offset, SimStore.bytes(random.nextLong(), length));
            };
        }

        private Mutation layerChange(long chunk) {
            int first = random.nextInt(BLOCKS);
            int count = 1 + random.nextInt(BLOCKS - first);
            int offset = first * ChunkKey.BLOCK_BYTES;
            int length = count * ChunkKey.BLOCK_BYTES;
            if (merging) {
                return new Mutation.CopyDown(SimStore.CLONE, SimStore.BASE, chunk, offset, length);
            }
            byte[] bytes = SimStore.bytes(random.nextLong(), length);
            Mutation.Write write = SimStore.write(List.of(SimStore.CLONE), chunk, offset, bytes);
            return new Mutation.Fill(
                    write.layers(), chunk, offset, write.payload(), write.checksums());
        }

        private void checkEverything() {
            var model = new GroupModel();
            for (Entry entry : entries) {
                model.apply(entry);
            }
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                sim.assertReads(model, SimStore.BASE_ONLY, chunk, 0, BLOCKS);
                sim.assertReads(model, SimStore.CLONE_ON_BASE, chunk, 0, BLOCKS);
            }
        }
    }
}
