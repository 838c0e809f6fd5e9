package weft.storage.catchup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.catchup.CatchUpPlan.Decision;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;

/// A store that joins while layers are written, cut, copied down and dropped ends up with what the
/// primary has, whatever it had before and whenever copies arrive.
class CatchUpPropertyTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;
    private static final VolumeId BOTTOM = new VolumeId(1);

    /// A group's chunks, each of one block, which is two numbers: one for each half.
    private static final class Group {
        final TreeMap<ChunkKey, long[]> blocks = new TreeMap<>();
        final Map<ChunkKey, Long> stamps = new HashMap<>();
        long last;

        void apply(Entry entry) {
            last = entry.sequence();
            switch (entry.mutation()) {
                case Mutation.Zero zero -> write(zero, entry.sequence());
                case Mutation.CopyDown copy -> {
                    long[] upper = blocks.get(copy.source());
                    if (upper != null) {
                        put(copy.chunk(), upper.clone(), entry.sequence());
                    }
                }
                case Mutation.DropLayer drop -> {
                    blocks.keySet().removeIf(key -> key.layer().equals(drop.layer()));
                    stamps.keySet().removeIf(key -> key.layer().equals(drop.layer()));
                }
                default -> throw new IllegalArgumentException(entry.toString());
            }
        }

        /// The entry's own sequence stands for the bytes written.
        private void write(Mutation.Zero change, long sequence) {
            long[] block = new long[2];
            for (VolumeId layer : change.layers()) {
                long[] found = blocks.get(new ChunkKey(layer, change.chunkIndex()));
                if (found != null) {
                    block = found.clone();
                    break;
                }
            }
            int first = change.offsetInChunk() / (BLOCK / 2);
            int count = change.lengthBytes() / (BLOCK / 2);
            for (int half = first; half < first + count; half++) {
                block[half] = sequence;
            }
            put(change.chunk(), block, sequence);
        }

        void put(ChunkKey key, long[] block, long sequence) {
            blocks.put(key, block);
            stamps.put(key, sequence);
        }

        ChunkStamp stamp(ChunkKey key) {
            return new ChunkStamp(key, 1, stamps.getOrDefault(key, 0L));
        }

        String text() {
            var text = new StringBuilder();
            blocks.forEach(
                    (key, block) -> text.append(key + "=" + block[0] + "," + block[1] + " "));
            return text.toString();
        }
    }

    /// What is on its way to the joining store.
    ///
    /// @param committed the primary's last entry when it was read
    private record Copy(ChunkKey key, Optional<long[]> block, long sequence, long committed) {}

    /// Both stores, and a volume whose top layer is written.
    private static final class World {
        final Random random;
        final Group primary = new Group();
        final Group joining = new Group();
        final CatchUpPlan plan = new CatchUpPlan(Long.MAX_VALUE);
        final List<Copy> travelling = new ArrayList<>();
        List<VolumeId> layers = List.of(BOTTOM);
        long sequence;

        World(long seed) {
            random = new Random(seed);
        }

        List<Entry> next() {
            List<Entry> entries = new ArrayList<>();
            Mutation mutation;
            int kind = random.nextInt(10);
            long index = random.nextInt(2);
            if (kind == 0 && layers.size() < 5) {
                var more = new ArrayList<>(layers);
                more.addFirst(layers.getFirst().nextGeneration());
                layers = List.copyOf(more);
            }
            int last = layers.size() - 1;
            if (kind < 3 && layers.size() > 2) {
                // The layer above the lowest one goes, when all of it was copied down.
                mutation =
                        new Mutation.CopyDown(
                                layers.get(last - 1), layers.get(last), index, 0, BLOCK);
            } else if (kind < 4 && layers.size() > 2) {
                var fewer = new ArrayList<>(layers);
                VolumeId gone = fewer.remove(last - 1);
                for (long i = 0; i < 2; i++) {
                    entries.add(entry(new Mutation.CopyDown(gone, layers.get(last), i, 0, BLOCK)));
                }
                layers = List.copyOf(fewer);
                mutation = new Mutation.DropLayer(gone);
            } else {
                int first = random.nextInt(2) * BLOCK / 2;
                int length = first == 0 && random.nextBoolean() ? BLOCK : BLOCK / 2;
                mutation = new Mutation.Zero(layers, index, first, length);
            }
            entries.add(entry(mutation));
            return entries;
        }

        private Entry entry(Mutation mutation) {
            return new Entry(1, ++sequence, 0, 0, 0, 0, mutation);
        }

        void commit(Entry entry) {
            primary.apply(entry);
            decide(entry);
        }

        private void decide(Entry entry) {
            if (plan.decide(entry, random.nextInt(20) > 0) == Decision.APPLY) {
                joining.apply(entry);
            }
        }

        /// Page by page, while entries commit.
        void compare() {
            joining.blocks.keySet().forEach(key -> plan.addOwn(joining.stamp(key)));
            List<Entry> meanwhile = new ArrayList<>();
            Optional<ChunkKey> after = Optional.empty();
            while (!plan.isCompared()) {
                List<ChunkKey> rest =
                        List.copyOf(
                                after.map(key -> primary.blocks.tailMap(key, false))
                                        .orElse(primary.blocks)
                                        .keySet());
                int size = Math.min(rest.size(), 1 + random.nextInt(4));
                List<ChunkStamp> page = rest.subList(0, size).stream().map(primary::stamp).toList();
                plan.compare(after, page, sequence, size == rest.size());
                if (size < rest.size()) {
                    after = Optional.of(page.getLast().key());
                    for (int i = random.nextInt(3); i > 0; i--) {
                        meanwhile.addAll(next());
                    }
                    meanwhile.stream()
                            .filter(entry -> entry.sequence() > primary.last)
                            .forEach(primary::apply);
                }
            }
            meanwhile.forEach(this::decide);
        }

        /// Asks for a chunk, or has one arrive.
        void copy() {
            if (random.nextBoolean() || travelling.isEmpty()) {
                plan.next()
                        .ifPresent(key ->
                                travelling.add(
                                        new Copy(
                                                key,
                                                Optional.ofNullable(primary.blocks.get(key))
                                                        .map(long[]::clone),
                                                primary.stamps.getOrDefault(key, 0L),
                                                primary.last)));
                return;
            }
            Copy copy = travelling.remove(random.nextInt(travelling.size()));
            assertTrue(plan.isRecent(copy.key(), copy.committed()), "none was asked for twice");
            joining.blocks.remove(copy.key());
            joining.stamps.remove(copy.key());
            copy.block().ifPresent(block -> joining.put(copy.key(), block, copy.sequence()));
            for (Entry held : plan.installed(copy.key())) {
                if (held.sequence() > copy.sequence()) {
                    joining.apply(held);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void aStoreThatJoinsMissesNothing(int thousand) {
        for (long seed = thousand * 1000L; seed < (thousand + 1) * 1000L; seed++) {
            var world = new World(seed);
            int missed = world.random.nextInt(20);
            int seen = world.random.nextInt(20);
            for (int i = 0; i < seen + missed; i++) {
                for (Entry entry : world.next()) {
                    world.primary.apply(entry);
                    if (i < seen) {
                        world.joining.apply(entry);
                    }
                }
            }
            world.compare();
            for (int i = 0; i < 60; i++) {
                if (world.random.nextInt(3) == 0) {
                    world.next().forEach(world::commit);
                } else {
                    world.copy();
                }
            }
            for (int i = 0; i < 1000 && !world.plan.isComplete(); i++) {
                world.copy();
            }
            assertEquals(0, world.plan.remainingCount(), "seed " + seed);
            assertEquals(world.primary.text(), world.joining.text(), "seed " + seed);
        }
    }

    /// A half block is completed from the layer below, which is not here yet, in a chunk that
    /// already travels.
    @Test
    void aPartOfABlockOverAMissingLayerIsCopiedOnceMore() {
        var world = new World(0);
        VolumeId top = BOTTOM.nextGeneration();
        world.layers = List.of(top, BOTTOM);
        world.primary.put(new ChunkKey(BOTTOM, 0), new long[] {7, 7}, 7);
        world.primary.put(new ChunkKey(top, 1), new long[] {8, 8}, 8);
        world.primary.put(new ChunkKey(BOTTOM, 1), new long[] {9, 9}, 9);
        world.sequence = 9;
        world.compare();
        List<ChunkKey> asked =
                List.of(world.plan.next().orElseThrow(), world.plan.next().orElseThrow());
        assertEquals(List.of(new ChunkKey(BOTTOM, 0), new ChunkKey(BOTTOM, 1)), asked);
        assertEquals(List.of(), world.plan.installed(asked.getLast()));
        assertEquals(Optional.of(new ChunkKey(top, 1)), world.plan.next());

        Entry part = world.entry(new Mutation.Zero(world.layers, 1, 0, BLOCK / 2));
        assertEquals(Decision.HOLD, world.plan.decide(part, true), "all that it reads is here");
        Entry over = world.entry(new Mutation.Zero(world.layers, 0, 0, BLOCK / 2));
        assertEquals(Decision.SKIP, world.plan.decide(over, true), "its result is copied");
    }
}
