package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk.ReadOutcome;
import weft.storage.replica.ReplicatedTables;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;

class StoreTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;

    private final SimStore sim = new SimStore(new Random(1));

    private void commitWrites(int from, int to) throws IOException {
        for (int sequence = from; sequence <= to; sequence++) {
            sim.commit(
                    SimStore.entry(
                            sequence,
                            SimStore.write(
                                    SimStore.BASE_ONLY,
                                    sequence % 3,
                                    sequence % 8 * BLOCK,
                                    SimStore.bytes(sequence, 2 * BLOCK))));
        }
    }

    @Test
    void aBlockWithoutItsChecksumIsReportedAsCorruptAndNotThrown() throws Exception {
        sim.open();
        commitWrites(1, 6);
        String file = "chunks/3/1-1.1";
        sim.disk.damage(file, 4096 + 1 * BLOCK + 77);
        var outcome = sim.read(SimStore.BASE_ONLY, 1, 0, 8);
        assertTrue(outcome instanceof ReadOutcome.Damaged, outcome::toString);
        assertTrue(outcome.toString().contains("block 1"), outcome::toString);
        assertTrue(sim.read(SimStore.BASE_ONLY, 2, 0, 8) instanceof ReadOutcome.Blocks);
    }

    /// A write of a part of a block looks into the maps of the layers below, for which others are
    /// dropped: that of the chunk that it changes is not, though it was clean before.
    @Test
    void aChunkThatIsBeingChangedKeepsItsMapWhileOthersAreLoaded() throws Exception {
        Store store = sim.open();
        var model = new GroupModel();
        long sequence = 0;
        for (List<VolumeId> layers : List.of(SimStore.BASE_ONLY, SimStore.CLONE_ON_BASE)) {
            commit(model, ++sequence, layers, 0, 0, 2 * BLOCK);
        }
        store.checkpoint();
        // More than may be in memory, and all of them dirty: only clean ones can be dropped.
        for (int chunk = 1; chunk < 12; chunk++) {
            commit(model, ++sequence, SimStore.BASE_ONLY, chunk, 0, BLOCK);
        }
        commit(model, ++sequence, SimStore.CLONE_ON_BASE, 0, 3 * BLOCK + 100, 700);
        commit(model, ++sequence, SimStore.CLONE_ON_BASE, 12, 100, 700);
        sim.assertReads(model, SimStore.CLONE_ON_BASE, 0, 0, 8);
        sim.assertReads(model, SimStore.CLONE_ON_BASE, 12, 0, 8);
    }

    private void commit(
            GroupModel model, long sequence, List<VolumeId> layers, int chunk, int at, int count)
            throws IOException {
        byte[] bytes = SimStore.bytes(sequence, count);
        Entry entry = SimStore.entry(sequence, SimStore.write(layers, chunk, at, bytes));
        sim.commit(entry);
        model.apply(entry);
    }

    /// A bad sector is one block, and not the end of the store; a whole write over it heals it.
    @Test
    void verifyingTellsDamagedAndUnreadableBlocksAlike() throws Exception {
        Store store = sim.open();
        commitWrites(1, 6);
        var key = new ChunkKey(SimStore.BASE_ONLY.getFirst(), 1);
        String file = "chunks/3/1-1.1";
        sim.disk.makeUnreadable(file, 4096 + 2 * BLOCK + 3);
        sim.disk.damage(file, 4096 + 4 * BLOCK + 77);
        ByteBuffer scratch = ByteBuffer.allocate(64 * BLOCK);

        sim.group().verify(-1, key, 0, scratch);
        assertEquals(3, sim.lastNextBlock, "the run of blocks 1 and 2");
        assertEquals(List.of(new DamagedBlock(key, 2)), sim.lastVerifiedDamaged);
        sim.group().verify(-1, key, 3, scratch);
        assertEquals(6, sim.lastNextBlock);
        assertEquals(List.of(new DamagedBlock(key, 4)), sim.lastVerifiedDamaged);
        sim.group().verify(-1, key, 6, scratch);
        assertEquals(ChunkKey.CHUNK_BLOCKS, sim.lastNextBlock);
        assertEquals(List.of(), sim.lastVerifiedDamaged);
        assertTrue(store.failure().isEmpty());

        sim.commit(
                SimStore.entry(
                        7,
                        SimStore.write(
                                SimStore.BASE_ONLY, 1, 2 * BLOCK, SimStore.bytes(7, BLOCK))));
        sim.group().verify(-1, key, 0, scratch);
        assertEquals(List.of(), sim.lastVerifiedDamaged);
    }

    @Test
    void whatIsPreparedAndNotAppliedIsCounted() throws Exception {
        Store store = sim.open();
        store.limitOpenBytes(3 * BLOCK);
        Entry first = SimStore.entry(1, write(0, 2 * BLOCK));
        sim.prepare(first);
        assertFalse(sim.group().isCrowded());
        Entry second = SimStore.entry(2, write(1, BLOCK));
        sim.prepare(second);
        assertTrue(sim.group().isCrowded());
        sim.group().apply(first);
        assertFalse(sim.group().isCrowded());
        sim.group().apply(second);
        sim.prepare(SimStore.entry(3, write(0, 3 * BLOCK)));
        assertTrue(sim.group().isCrowded());
    }

    @Test
    void whatAJoinerHoldsIsCountedUntilItBeginsAnew() throws Exception {
        Store store = sim.open();
        store.limitOpenBytes(3 * BLOCK);
        sim.group().append(1, new JournalRecord.VersionTaken(SimStore.PG, 1, false));
        sim.group().countHeld(2 * BLOCK);
        assertFalse(sim.group().isCrowded());
        sim.group().countHeld(3 * BLOCK);
        assertTrue(sim.group().isCrowded());
        sim.group().append(2, new JournalRecord.VersionTaken(SimStore.PG, 2, false));
        assertFalse(sim.group().isCrowded());
        sim.group().countHeld(3 * BLOCK);
        assertTrue(sim.group().isCrowded());
        sim.group().countHeld(0);
        assertFalse(sim.group().isCrowded());
    }

    private static Mutation write(int chunk, int lengthBytes) {
        return SimStore.write(SimStore.BASE_ONLY, chunk, 0, SimStore.bytes(chunk, lengthBytes));
    }

    @Test
    void aPartialWriteOverADamagedBlockDoesNotGiveItAGoodChecksum() throws Exception {
        sim.open();
        sim.commit(
                SimStore.entry(
                        1, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, BLOCK))));
        sim.disk.damage("chunks/3/1-0.1", 4096 + 3000);
        sim.commit(
                SimStore.entry(
                        2, SimStore.write(SimStore.BASE_ONLY, 0, 10, SimStore.bytes(2, 100))));
        assertTrue(sim.read(SimStore.BASE_ONLY, 0, 0, 1) instanceof ReadOutcome.Damaged);
        // A whole write heals it.
        sim.commit(
                SimStore.entry(
                        3, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(3, BLOCK))));
        assertTrue(sim.read(SimStore.BASE_ONLY, 0, 0, 1) instanceof ReadOutcome.Blocks);
    }

    /// Another store with the same entries.
    private static SimStore twin(int entries) throws IOException {
        var other = new StoreTest();
        other.sim.open();
        other.commitWrites(1, entries);
        return other.sim;
    }

    private static ChunkContent blockOf(SimStore store, DamagedBlock block) {
        store.group().readBlock(1, block);
        return store.lastChunk.orElseThrow();
    }

    @Test
    void aDamagedBlockIsRepairedByACopyOfTheSamePointOrOfItsChecksumAndByNoOther()
            throws Exception {
        sim.open();
        commitWrites(1, 7);
        var block = new DamagedBlock(new ChunkKey(SimStore.BASE, 1), 1);
        sim.disk.damage("chunks/3/1-1.1", 4096 + 1 * BLOCK + 77);
        sim.group().readBlock(1, block);
        assertEquals(Optional.of(block), sim.lastDamaged);

        // Chunk 1 has entries 1, 4 and 7; block 1 is written by 1 only.
        sim.group().repairBlock(2, block, blockOf(twin(4), block));
        assertTrue(sim.lastFits, "earlier, but the very checksum");
        assertTrue(sim.read(SimStore.BASE_ONLY, 1, 0, 8) instanceof ReadOutcome.Blocks);

        var rewritten = new DamagedBlock(block.key(), 7);
        sim.disk.damage("chunks/3/1-1.1", 4096 + 7 * BLOCK + 5);
        assertFalse(rewritten.isIn(blockOf(twin(6), rewritten)), "not there yet");
        sim.group().repairBlock(4, rewritten, blockOf(twin(7), rewritten));
        assertTrue(sim.lastFits);
        sim.store().checkpoint();
        sim.crash();
        sim.open();
        assertTrue(sim.read(SimStore.BASE_ONLY, 1, 0, 8) instanceof ReadOutcome.Blocks);
    }

    @Test
    void aBlockLostUnderAPartialWriteIsRepairedByTheMemberThatHasBoth() throws Exception {
        sim.open();
        var other = new SimStore(new Random(2));
        other.open();
        Entry whole =
                SimStore.entry(
                        1, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, BLOCK)));
        Entry part =
                SimStore.entry(
                        2, SimStore.write(SimStore.BASE_ONLY, 0, 10, SimStore.bytes(2, 100)));
        sim.commit(whole);
        sim.disk.damage("chunks/3/1-0.1", 4096 + 3000);
        sim.commit(part);
        other.commit(whole);
        var block = new DamagedBlock(new ChunkKey(SimStore.BASE, 0), 0);
        sim.group().repairBlock(1, block, blockOf(other, block));
        assertFalse(sim.lastFits, "without the second entry");
        other.commit(part);
        sim.group().repairBlock(2, block, blockOf(other, block));
        assertTrue(sim.lastFits);
        assertEquals(
                other.read(SimStore.BASE_ONLY, 0, 0, 1), sim.read(SimStore.BASE_ONLY, 0, 0, 1));
    }

    @Test
    void zeroesInTheTopLayerHideTheLayersBelow() throws Exception {
        sim.open();
        var model = new GroupModel();
        List<Mutation> mutations =
                List.of(
                        SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, 4 * BLOCK)),
                        new Mutation.Zero(SimStore.CLONE_ON_BASE, 0, BLOCK, BLOCK),
                        new Mutation.Discard(SimStore.CLONE_ON_BASE, 0, 2 * BLOCK - 1, BLOCK + 1),
                        SimStore.write(SimStore.CLONE_ON_BASE, 0, 5, SimStore.bytes(2, 9)),
                        new Mutation.Zero(SimStore.CLONE_ON_BASE, 0, 3 * BLOCK + 1, 7));
        long sequence = 1;
        for (Mutation mutation : mutations) {
            Entry entry = SimStore.entry(sequence++, mutation);
            sim.commit(entry);
            model.apply(entry);
        }
        sim.assertReads(model, SimStore.CLONE_ON_BASE, 0, 0, 6);
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 6);
    }

    @Test
    void aHeldGroupsPreparedEntriesDoNotPinTheJournal() throws Exception {
        Store store = sim.open();
        commitWrites(1, 2);
        Entry held =
                SimStore.entry(
                        3, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(3, BLOCK)));
        sim.prepare(held);
        store.flush();
        for (int round = 0; round < 30; round++) {
            // Enough records to roll: truncations of nothing.
            for (int i = 0; i < 30; i++) {
                sim.group().append(100, new JournalRecord.Truncated(SimStore.PG, 1, 3));
                store.flush();
            }
            store.checkpoint();
        }
        int segments = sim.disk.list("journal").size();
        assertTrue(segments <= 4, () -> segments + " segments");
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(2, found.appliedSequence());
        assertEquals(List.of(held), found.prepared());
    }

    @Test
    void newWritesAreRefusedBeforeTheReserveIsTouchedAndDeletesGiveSpaceBack() throws Exception {
        StoreSettings small = SimStore.TINY.withCapacityBytes(6 << 20);
        Store store = sim.open(small);
        long sequence = 1;
        while (store.freeBytes() >= 16 * BLOCK) {
            sim.commit(
                    SimStore.entry(
                            sequence,
                            SimStore.write(
                                    SimStore.BASE_ONLY,
                                    sequence,
                                    0,
                                    SimStore.bytes(sequence, 15 * BLOCK))));
            sequence++;
        }
        assertTrue(sequence > 10, "full at once");
        assertTrue(store.usedBytes() <= small.capacityBytes());
        sim.commit(SimStore.entry(sequence, new Mutation.DropLayer(SimStore.BASE)));
        assertTrue(store.freeBytes() > 10 * 16 * BLOCK);
        store.checkpoint();
        assertEquals(List.of(), sim.disk.list("chunks/3"));
    }

    @Test
    void aDiskThatOthersFillLeavesTheReserve() throws Exception {
        sim.disk.setFreeBytes(SimStore.TINY.reserveBytes() + (8 << 20));
        Store store = sim.open();
        assertTrue(store.freeBytes() > 0);
        sim.disk.setFreeBytes(SimStore.TINY.reserveBytes());
        sim.crash();
        sim.disk.setFreeBytes(SimStore.TINY.reserveBytes());
        assertEquals(0, sim.open().freeBytes());
    }

    @Test
    void aCopiedChunkIsDurableWhenDoneAndNeverReplacesAHigherOne() throws Exception {
        sim.open();
        commitWrites(1, 9);
        var key = new ChunkKey(SimStore.BASE, 1);
        sim.group().readChunk(1, key);
        ChunkContent content = sim.lastChunk.orElseThrow();
        assertEquals(new ChunkStamp(key, 1, 7), content.stamp());

        var target = new SimStore(new Random(2));
        target.open();
        target.group().installChunk(50, content);
        assertTrue(target.done.contains(50L));
        target.crash();
        target.open();
        target.group().listChunks(1, Optional.empty());
        assertEquals(List.of(content.stamp()), target.lastList);
        target.group().readChunk(2, key);
        assertEquals(Optional.of(content), target.lastChunk);

        var lower = new ChunkContent(new ChunkStamp(key, 1, 6), List.of());
        target.group().installChunk(51, lower);
        assertTrue(target.done.contains(51L));
        target.group().readChunk(3, key);
        assertEquals(Optional.of(content), target.lastChunk);

        target.group().deleteChunk(52, key);
        assertTrue(target.done.contains(52L));
        target.crash();
        target.open();
        target.group().listChunks(1, Optional.empty());
        assertEquals(List.of(), target.lastList);
    }

    @Test
    void stateIsWholeAfterACatchUp() throws Exception {
        Store store = sim.open();
        var tables = new ReplicatedTables();
        var adopted = new JournalRecord.Adopted(SimStore.PG, 4, 10, tables.encode());
        sim.group().append(1, new JournalRecord.VersionTaken(SimStore.PG, 4, false));
        sim.group().append(2, adopted);
        Entry early =
                SimStore.entry(
                        11, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, BLOCK)));
        Entry late =
                SimStore.entry(
                        12, SimStore.write(SimStore.BASE_ONLY, 1, 0, SimStore.bytes(2, BLOCK)));
        sim.prepare(early);
        sim.prepare(late);
        sim.group().leaveOut(early);
        sim.group().apply(late);
        sim.group().applyLate(early);
        sim.group().settle(60);
        assertTrue(sim.done.contains(60L));
        sim.group().append(3, new JournalRecord.VersionTaken(SimStore.PG, 5, true));
        store.flush();
        RecoveredState now = store.recovered(SimStore.PG);
        assertEquals(12, now.appliedSequence());
        assertTrue(now.inSync());
        assertEquals(ReplicatedTables.Standing.FINISHED, now.tables().standing(5, 12));
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(5, found.version());
        assertTrue(found.inSync());
        assertEquals(12, found.appliedSequence());
        var model = new GroupModel();
        model.apply(early);
        model.apply(late);
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 1);
        sim.assertReads(model, SimStore.BASE_ONLY, 1, 0, 1);
    }

    @Test
    void aCatchUpKeepsNothingOfWhatIsDecided() throws Exception {
        Store store = sim.open();
        store.limitOpenBytes(3 * BLOCK);
        sim.group().append(1, new JournalRecord.VersionTaken(SimStore.PG, 4, false));
        var tables = new ReplicatedTables().encode();
        sim.group().append(2, new JournalRecord.Adopted(SimStore.PG, 4, 0, tables));
        for (int i = 1; i <= 100; i++) {
            Entry entry = SimStore.entry(i, write(i % 3, BLOCK));
            sim.prepare(entry);
            sim.group().leaveOut(entry);
            assertFalse(sim.group().isCrowded());
        }
        store.checkpoint();
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(100, found.appliedSequence());
        assertEquals(List.of(), found.prepared());
        assertFalse(found.inSync());
    }

    @Test
    void aDroppedGroupStaysDropped() throws Exception {
        Store store = sim.open();
        sim.group().append(1, new JournalRecord.VersionTaken(SimStore.PG, 1, true));
        commitWrites(1, 5);
        store.checkpoint();
        commitWrites(6, 7);
        sim.group().dropAll(60);
        assertTrue(sim.done.contains(60L));
        store.flush();
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(0, found.appliedSequence());
        assertEquals(List.of(), found.prepared());
        assertFalse(found.inSync());
        sim.group().listChunks(1, Optional.empty());
        assertEquals(List.of(), sim.lastList);
        // And what comes after the drop is not lost with it.
        commitWrites(1, 3);
        sim.crash();
        assertEquals(3, sim.open().recovered(SimStore.PG).prepared().size());
    }

    @Test
    void aTruncatedEntryDoesNotComeBack() throws Exception {
        Store store = sim.open();
        commitWrites(1, 1);
        Entry void2 =
                SimStore.entry(
                        2, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(9, BLOCK)));
        sim.prepare(void2);
        sim.group().append(9, new JournalRecord.Truncated(SimStore.PG, 2, 1));
        Entry other =
                SimStore.entry(
                        2, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(10, BLOCK)));
        sim.prepare(other);
        store.flush();
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(other, found.prepared().getLast());
        assertEquals(2, found.appliedSequence() + found.prepared().size());
    }

    @Test
    void aStoreOfAnotherClusterIsRefusedByName() throws Exception {
        sim.open();
        var refusal =
                assertThrows(
                        IOException.class,
                        () -> new Store(sim.disk, sim.metadata, new UUID(8, 8), SimStore.TINY));
        assertTrue(refusal.toString().contains("belongs to cluster"), refusal::toString);
    }

    @Test
    void everyStartIsANewIncarnation() throws Exception {
        Store first = sim.open();
        sim.crash();
        Store second = sim.open();
        assertEquals(first.id(), second.id());
        assertTrue(second.member().incarnation() > first.member().incarnation());
    }

    @Test
    void blockMapsThatWereDroppedFromMemoryComeBackFromTheMetadata() throws Exception {
        Store store = sim.open();
        var model = new GroupModel();
        for (int sequence = 1; sequence <= 60; sequence++) {
            Entry entry =
                    SimStore.entry(
                            sequence,
                            SimStore.write(
                                    List.of(new VolumeId(1)),
                                    sequence,
                                    0,
                                    SimStore.bytes(sequence, BLOCK)));
            sim.commit(entry);
            model.apply(entry);
            if (sequence % 10 == 0) {
                store.checkpoint();
            }
        }
        for (int chunk = 1; chunk <= 60; chunk++) {
            sim.assertReads(model, SimStore.BASE_ONLY, chunk, 0, 2);
        }
    }
}
