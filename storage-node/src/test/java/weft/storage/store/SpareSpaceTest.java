package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fabric.ChunkKey;
import weft.storage.disk.FileHeader;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.util.Random;

/// Space of what large writes overwrote is kept for the next ones, for a while and not too much.
@Timeout(60)
class SpareSpaceTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;
    private static final int LARGE = 8 * BLOCK;
    private static final long ONE = LARGE + FileHeader.SIZE_BYTES;

    private final SimStore sim = new SimStore(new Random(1));
    private Store store;
    private long sequence = 1;

    @BeforeEach
    void writeOnce() throws IOException {
        store = sim.open();
        writeAndSettle();
        assertEquals(ONE, store.chunkBytes());
    }

    private void writeAndSettle() throws IOException {
        sim.commit(large());
        store.checkpoint();
    }

    private Entry large() {
        long next = sequence++;
        byte[] bytes = SimStore.bytes(next, LARGE);
        return SimStore.entry(next, SimStore.write(SimStore.BASE_ONLY, 0, 0, bytes));
    }

    /// Something to save, elsewhere.
    private void otherCheckpoints(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            byte[] bytes = SimStore.bytes(sequence, BLOCK);
            var write = SimStore.write(SimStore.BASE_ONLY, 1, 0, bytes);
            sim.commit(SimStore.entry(sequence++, write));
            store.checkpoint();
        }
    }

    /// Blocks of the file that are not zeroes, as punched ones are.
    private long writtenBytes(String file) {
        byte[] contents = sim.disk.contents(file);
        long blocks = 0;
        for (int at = 0; at < contents.length; at += BLOCK) {
            boolean isZero = true;
            for (int i = at; i < Math.min(at + BLOCK, contents.length); i++) {
                isZero &= contents[i] == 0;
            }
            blocks += isZero ? 0 : 1;
        }
        return blocks * BLOCK;
    }

    private long fileBytes() throws IOException {
        return sim.disk.lengthBytes("chunks/3/1-0.1");
    }

    @Test
    void overwritingAgainAndAgainTakesTurnsBetweenTwoPlaces() throws Exception {
        writeAndSettle();
        assertEquals(ONE + LARGE, store.chunkBytes(), "counted");
        assertEquals(LARGE, store.spareBytes());
        long length = fileBytes();
        for (int i = 0; i < 20; i++) {
            writeAndSettle();
            assertEquals(LARGE, store.spareBytes());
        }
        assertEquals(length, fileBytes());
    }

    @Test
    void whatIsNotUsedForLongIsGivenBack() throws Exception {
        writeAndSettle();
        otherCheckpoints(60);
        assertEquals(LARGE, store.spareBytes());
        otherCheckpoints(10);
        assertEquals(0, store.spareBytes());
        assertEquals(ONE + BLOCK + FileHeader.SIZE_BYTES, store.chunkBytes());
    }

    /// Nothing else changes, and it is given back all the same.
    @Test
    void anIdleStoreGivesItBackToo() throws Exception {
        writeAndSettle();
        for (int i = 0; i < 70; i++) {
            store.checkpoint();
        }
        assertEquals(ONE, store.chunkBytes());
    }

    @Test
    void aStoreThatStopsKeepsNone() throws Exception {
        writeAndSettle();
        store.close();
        store = sim.open();
        assertEquals(ONE, store.chunkBytes());
        assertEquals(ONE, writtenBytes("chunks/3/1-0.1"));
    }

    /// Nobody remembers after a crash; the file is longer than a chunk.
    @Test
    void whatACrashLeavesIsFoundAgain() throws Exception {
        for (int i = 0; i < 2; i++) {
            byte[] bytes = SimStore.bytes(sequence, ChunkKey.CHUNK_BYTES);
            var write = SimStore.write(SimStore.BASE_ONLY, 1, 0, bytes);
            sim.commit(SimStore.entry(sequence++, write));
            store.checkpoint();
        }
        assertEquals(ChunkKey.CHUNK_BYTES, store.spareBytes());
        sim.crash();
        store = sim.open();
        String file = "chunks/3/1-1.2";
        assertEquals(2L * ChunkKey.CHUNK_BYTES + FileHeader.SIZE_BYTES, writtenBytes(file));
        store.checkpoint();
        assertEquals(ChunkKey.CHUNK_BYTES + FileHeader.SIZE_BYTES, writtenBytes(file));
    }

    /// An eighth; the journal may still grow to its most.
    @Test
    void noMoreIsKeptThanAPartOfWhatIsFree() throws Exception {
        store.close();
        long free = 6 << 20;
        long capacity = store.chunkBytes() + SimStore.TINY.journal().liveBytesMax() + free;
        store = sim.open(SimStore.TINY.withCapacityBytes(capacity));
        sim.group().append(1, new JournalRecord.VersionTaken(SimStore.PG, 1, true));
        for (int i = 0; i < 2; i++) {
            byte[] bytes = SimStore.bytes(sequence, 2 << 20);
            var write = SimStore.write(SimStore.BASE_ONLY, 1, 0, bytes);
            sim.commit(SimStore.entry(sequence++, write));
            store.checkpoint();
        }
        assertEquals(free / 8, store.spareBytes());
    }

    /// Some files were looked at in the second life, the others are in the third.
    @Test
    void aLifeThatEndsBeforeAllIsLookedAtDoesNotSayThatNothingIsLeft() throws Exception {
        int chunks = 20;
        for (int i = 0; i < 2 * chunks; i++) {
            byte[] bytes = SimStore.bytes(sequence, ChunkKey.CHUNK_BYTES);
            var write = SimStore.write(SimStore.BASE_ONLY, 1 + i % chunks, 0, bytes);
            sim.commit(SimStore.entry(sequence++, write));
            store.checkpoint();
        }
        sim.crash();
        sim.open().close();
        store = sim.open();
        for (int i = 0; i < chunks; i++) {
            store.checkpoint();
        }
        for (String name : sim.disk.list("chunks/3")) {
            long mostBytes = ChunkKey.CHUNK_BYTES + FileHeader.SIZE_BYTES;
            assertTrue(writtenBytes("chunks/3/" + name) <= mostBytes, name);
        }
    }

    @Test
    void afterAnEndInOrderNothingIsLookedAt() throws Exception {
        writeAndSettle();
        store.close();
        store = sim.open();
        store.checkpoint();
        long operations = sim.disk.operations();
        store.checkpoint();
        assertEquals(operations, sim.disk.operations());
    }

    @Test
    void aChunkThatGoesAwayTakesItAlong() throws Exception {
        writeAndSettle();
        var zero = new Mutation.Zero(SimStore.BASE_ONLY, 0, 0, ChunkKey.CHUNK_BYTES);
        sim.commit(SimStore.entry(sequence++, zero));
        store.checkpoint();
        store.checkpoint();
        assertEquals(0, store.spareBytes());
        assertEquals(FileHeader.SIZE_BYTES, store.chunkBytes());
    }
}
