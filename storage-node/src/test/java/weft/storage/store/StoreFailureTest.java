package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import weft.fabric.ChunkKey;
import weft.fixtures.Await;
import weft.storage.journal.JournalRecord;

import java.io.IOException;
import java.util.List;
import java.util.Random;

/// A store whose checkpoint or journal breaks, by an error of the device or by one of the code,
/// fails as a whole: it says so once and acknowledges nothing more.
@Timeout(60)
class StoreFailureTest {
    private static final IOException DEVICE = new IOException("on purpose");
    private static final IllegalStateException CODE = new IllegalStateException("on purpose");
    private static final AssertionError BROKEN = new AssertionError("on purpose");

    /// A checkpoint is due at every tick.
    private static final StoreSettings EAGER =
            new StoreSettings(
                    SimStore.TINY.journal(),
                    SimStore.TINY.capacityBytes(),
                    SimStore.TINY.reserveBytes(),
                    SimStore.TINY.checkpointJournalBytes(),
                    100,
                    SimStore.TINY.mapBytesMax(),
                    SimStore.TINY.filesMax(),
                    SimStore.TINY.placedBytesMin());

    private final SimStore sim = new SimStore(new Random(1));

    static List<Throwable> causes() {
        return List.of(DEVICE, CODE, BROKEN);
    }

    private void prepare(long sequence) {
        sim.prepare(
                SimStore.entry(
                        sequence,
                        SimStore.write(
                                SimStore.BASE_ONLY,
                                0,
                                0,
                                SimStore.bytes(sequence, ChunkKey.BLOCK_BYTES))));
    }

    private void assertFailedWith(Throwable cause) {
        IOException failure = sim.store().failure().orElseThrow();
        assertTrue(failure == cause || failure.getCause() == cause, failure::toString);
        assertEquals(1, sim.failed.size(), sim.failed::toString);
    }

    private void assertAcknowledgesNothing(long sequence) {
        prepare(sequence);
        assertThrows(IOException.class, () -> sim.store().flush());
        assertFalse(sim.durable.contains(sequence));
    }

    @ParameterizedTest
    @MethodSource("causes")
    void aCheckpointInTimeThatBreaksFailsTheStore(Throwable cause) throws Exception {
        Store store = sim.open(EAGER);
        prepare(1);
        sim.metadata.breakBy(cause);
        store.start();
        Await.until("the store has failed", () -> !sim.failed.isEmpty());
        assertFailedWith(cause);
        assertAcknowledgesNothing(2);
        store.close();
    }

    @ParameterizedTest
    @MethodSource("causes")
    void aCheckpointForACopiedChunkThatBreaksFailsTheStore(Throwable cause) throws Exception {
        Store store = sim.open();
        prepare(1);
        store.flush();
        sim.metadata.breakBy(cause);
        sim.group().deleteChunk(50, new ChunkKey(SimStore.BASE, 0));
        assertFailedWith(cause);
        assertFalse(sim.done.contains(50L));
        assertAcknowledgesNothing(2);
        store.close();
    }

    @ParameterizedTest
    @MethodSource("causes")
    void aJournalThatBreaksFailsTheStore(Throwable cause) throws Exception {
        Store store = sim.open();
        store.start();
        prepare(1);
        store.flush();
        assertTrue(sim.durable.contains(1L));
        sim.disk.breakWritesBy(cause);
        prepare(2);
        assertThrows(IOException.class, store::flush);
        Await.until("the group hears of it", () -> !sim.failed.isEmpty());
        assertFailedWith(cause);
        assertFalse(sim.durable.contains(2L));
        assertAcknowledgesNothing(3);
        // What comes to life after the failure hears of it too.
        store.attach(SimStore.PG, Runnable::run, sim);
        assertEquals(2, sim.failed.size());
        store.close();
        assertEquals(1, sim.durable.size());
    }

    @ParameterizedTest
    @MethodSource("causes")
    void whatWasAcknowledgedBeforeTheFailureIsThereAfterARestart(Throwable cause) throws Exception {
        Store store = sim.open(EAGER);
        prepare(1);
        prepare(2);
        sim.group().append(3, new JournalRecord.Truncated(SimStore.PG, 1, 2));
        store.flush();
        sim.metadata.breakBy(cause);
        store.start();
        Await.until("the store has failed", () -> !sim.failed.isEmpty());
        store.close();
        sim.crash();
        assertEquals(2, sim.open().recovered(SimStore.PG).prepared().size());
    }
}
