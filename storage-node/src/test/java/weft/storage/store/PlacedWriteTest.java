package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.ChunkKey;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.ReplicaDisk.ReadOutcome;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;

/// Large writes go to their place once; [StoreCrashPropertyTest] has them survive.
@Timeout(60)
class PlacedWriteTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;
    private final SimStore sim = new SimStore(new Random(1));
    private static final int LARGE = 8 * BLOCK;

    private static Entry large(long sequence, int block) {
        return SimStore.entry(
                sequence,
                SimStore.write(
                        SimStore.BASE_ONLY, 0, block * BLOCK, SimStore.bytes(sequence, LARGE)));
    }

    /// Bytes of the journal that are not zero.
    private long journalBytes() throws IOException {
        long bytes = 0;
        for (String segment : sim.disk.list("journal")) {
            byte[] contents = sim.disk.contents("journal/" + segment);
            for (byte each : contents) {
                bytes += each == 0 ? 0 : 1;
            }
        }
        return bytes;
    }

    @Test
    void aLargeWriteIsInTheChunksFileOnceAndNotInTheJournal() throws Exception {
        Store store = sim.open();
        sim.commit(large(1, 0));
        long before = journalBytes();
        sim.prepare(large(2, 16));
        store.flush();
        assertTrue(journalBytes() - before < BLOCK, "only a record");
        long operations = sim.disk.operations();
        sim.group().apply(large(2, 16));
        assertEquals(operations, sim.disk.operations(), "to apply it changes the map only");
        assertTrue(sim.read(SimStore.BASE_ONLY, 0, 16, 8) instanceof ReadOutcome.Blocks);
        assertEquals(2 * 8 * BLOCK + 4096, sim.disk.lengthBytes("chunks/3/1-0.1") - 8 * BLOCK);
    }

    /// The journal's own file is open and would take the record all the same.
    @Test
    void aLargeWriteWhoseFileIsGoneIsNotAcknowledged() throws Exception {
        Store store = sim.open();
        sim.commit(large(1, 0));
        long before = journalBytes();
        sim.prepare(large(2, 16));
        sim.disk.delete("chunks/3/1-0.1");
        assertThrows(IOException.class, store::flush);
        assertTrue(store.failure().orElseThrow().toString().contains("chunks/3/1-0.1 is gone"));
        assertEquals(before, journalBytes());
    }

    /// A store whose journal writes smaller groups than the largest write.
    @Test
    void aWriteThatIsLargerThanAGroupOfTheJournalIsWrittenInParts() throws Exception {
        Store store = sim.open();
        int lengthBytes = 2 * SimStore.TINY.journal().recordBytesMax() / BLOCK * BLOCK;
        byte[] bytes = SimStore.bytes(1, lengthBytes);
        sim.commit(SimStore.entry(1, SimStore.write(SimStore.BASE_ONLY, 0, 0, bytes)));
        store.flush();
        var read =
                assertInstanceOf(
                        ReadOutcome.Blocks.class,
                        sim.read(SimStore.BASE_ONLY, 0, 0, lengthBytes / BLOCK));
        assertEquals(ByteBuffer.wrap(bytes), read.blocks());
    }

    /// It was durable before its record was, so nothing but damage explains that, and it may be the
    /// only copy of what was acknowledged: the store does not guess.
    @Test
    void aStoreWhoseJournalNeedsADamagedBlockSaysSoAndDoesNotOpen() throws Exception {
        Store store = sim.open();
        sim.prepare(large(1, 0));
        store.flush();
        sim.crash();
        sim.disk.damage("chunks/3/1-0.1", 4096 + 5 * BLOCK + 7);
        var refused = assertThrows(IOException.class, sim::open);
        assertTrue(
                refused.toString().contains("block 5 of chunk file chunks/3/1-0.1 is damaged"),
                refused::toString);
    }

    /// A record that names it could not be told from one whose blocks were damaged since.
    @Test
    void aLargeWriteWithoutItsChecksumsGoesThroughTheJournalAndIsFoundAtTheFirstRead()
            throws Exception {
        Store store = sim.open();
        var write = (Mutation.Write) large(1, 0).mutation();
        ByteBuffer wrong = ByteBuffer.allocate(8 * 4).put(write.checksums().duplicate()).flip();
        wrong.putInt(3 * 4, ~wrong.getInt(3 * 4));
        Entry entry =
                SimStore.entry(
                        1, new Mutation.Write(SimStore.BASE_ONLY, 0, 0, write.payload(), wrong));
        sim.prepare(entry);
        store.flush();
        assertTrue(journalBytes() > 7 * BLOCK);
        sim.crash();
        assertEquals(List.of(entry), sim.open().recovered(SimStore.PG).prepared());
        sim.group().apply(entry);
        assertTrue(sim.read(SimStore.BASE_ONLY, 0, 0, 8) instanceof ReadOutcome.Damaged);
    }

    /// What a large write leaves behind keeps its space until a checkpoint, so that writes are
    /// refused in time; where space is scarce large writes go through the journal.
    @Test
    void overwritingAFullStoreNeedsNoSpaceForLong() throws Exception {
        StoreSettings small = SimStore.TINY.withCapacityBytes(7 << 20);
        Store store = sim.open(small);
        long sequence = 1;
        sim.commit(large(sequence++, 0));
        long used = store.chunkBytes();
        sim.commit(large(sequence++, 0));
        assertEquals(used + LARGE, store.chunkBytes(), "both");
        store.checkpoint();
        assertEquals(used, store.chunkBytes() - store.spareBytes(), "one");
        while (sequence < 90) {
            sim.commit(large(sequence++, 0));
            assertTrue(store.freeBytes() >= LARGE, "refused for what a checkpoint gives back");
            assertTrue(store.usedBytes() <= small.capacityBytes());
        }
        store.checkpoint();
        assertEquals(used, store.chunkBytes() - store.spareBytes());
    }

    @Test
    void aVoidLargeWriteGivesItsSpaceBack() throws Exception {
        Store store = sim.open();
        sim.prepare(large(1, 0));
        store.flush();
        sim.group().append(9, new JournalRecord.Truncated(SimStore.PG, 1, 0));
        assertTrue(store.chunkBytes() >= LARGE);
        store.checkpoint();
        assertEquals(0, store.chunkBytes());
        assertEquals(List.of(), sim.disk.list("chunks/3"));
    }
}
