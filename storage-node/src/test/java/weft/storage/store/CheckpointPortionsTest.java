package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;

/// A checkpoint that saves its groups in portions: here each of three groups is one.
class CheckpointPortionsTest {
    private static final int GROUPS = 3;

    /// Their maps are more than the eighth part of the 64 KiB that a tiny store keeps.
    private static final int CHUNKS = 26;

    private static final int BLOCKS = 24;

    @Test
    void aCrashAtAnyOperationOfItLosesNothing() throws Exception {
        Set<Integer> portions = new HashSet<>();
        int operations = 0;
        while (crashes(operations, portions)) {
            operations++;
        }
        assertEquals(Set.of(0, 1, 2, 3), portions, "how many groups were saved");
    }

    /// One life that ends in the checkpoint's n-th operation, and what the next finds; false if the
    /// checkpoint has fewer.
    private static boolean crashes(int operation, Set<Integer> portions) throws IOException {
        var sim = new SimStore(new Random(operation));
        Store store = sim.open();
        List<Group> groups = attach(sim, store);
        for (Group group : groups) {
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                group.commit(sim, write(chunk, 0, BLOCKS));
                if (chunk % 8 == 7) {
                    store.checkpoint(); // The journal is tiny, too.
                }
            }
        }
        store.checkpoint();
        for (Group group : groups) {
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                group.commit(sim, write(chunk, chunk % 20, chunk % 8 == 0 ? 4 : 1));
            }
            group.commit(
                    sim, new Mutation.Zero(SimStore.BASE_ONLY, 1, 0, 6 * ChunkKey.BLOCK_BYTES));
            group.prepare(write(2, 0, 5));
            store.flush();
        }
        sim.disk.crashAt(sim.disk.operations() + operation);
        boolean crashed = false;
        try {
            store.checkpoint();
        } catch (IOException e) {
            crashed = true;
        }
        sim.crash();
        Store next = sim.open();
        int saved = 0;
        for (Group group : groups) {
            saved += group.check(sim, next) ? 1 : 0;
        }
        portions.add(saved);
        return crashed;
    }

    private static Mutation write(int chunk, int first, int blocks) {
        byte[] bytes = SimStore.bytes(chunk * 31L + blocks, blocks * ChunkKey.BLOCK_BYTES);
        return SimStore.write(SimStore.BASE_ONLY, chunk, first * ChunkKey.BLOCK_BYTES, bytes);
    }

    private static List<Group> attach(SimStore sim, Store store) {
        List<Group> groups = new ArrayList<>();
        for (int i = 0; i < GROUPS; i++) {
            var pg = new PlacementGroupId(10 + i);
            groups.add(new Group(pg, store.attach(pg, Runnable::run, sim)));
        }
        return groups;
    }

    /// One group, and what it should hold once all that was prepared is applied.
    private static final class Group {
        private final PlacementGroupId pg;
        private final ReplicaDisk disk;
        private final GroupModel model = new GroupModel();
        private long sequence;

        Group(PlacementGroupId pg, ReplicaDisk disk) {
            this.pg = pg;
            this.disk = disk;
        }

        Entry prepare(Mutation mutation) {
            sequence++;
            Entry entry = SimStore.entry(sequence, mutation);
            disk.append(sequence, new JournalRecord.Prepared(pg, 1, entry));
            model.apply(entry);
            return entry;
        }

        void commit(SimStore sim, Mutation mutation) throws IOException {
            Entry entry = prepare(mutation);
            sim.store().flush();
            disk.apply(entry);
        }

        /// Answers whether the checkpoint saved it: the last but one was applied by then.
        boolean check(SimStore sim, Store next) {
            RecoveredState found = next.recovered(pg);
            assertEquals(sequence, found.appliedSequence() + found.prepared().size());
            ReplicaDisk again = next.attach(pg, Runnable::run, sim);
            found.prepared().forEach(again::apply);
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                again.read(
                        0,
                        new ReadBlocks(
                                pg,
                                1,
                                0,
                                SimStore.BASE_ONLY,
                                chunk,
                                0,
                                BLOCKS * ChunkKey.BLOCK_BYTES));
                var expected = model.read(SimStore.BASE_ONLY, chunk, 0, BLOCKS);
                switch (Objects.requireNonNull(sim.lastRead)) {
                    case ReplicaDisk.ReadOutcome.Blocks(var blocks, var _) ->
                            assertEquals(expected, blocks);
                    case ReplicaDisk.ReadOutcome other -> throw new AssertionError(other);
                }
            }
            return found.appliedSequence() == sequence - 1;
        }
    }
}
