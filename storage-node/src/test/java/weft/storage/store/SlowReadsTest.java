package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.storage.disk.SlowShare;

import java.io.IOException;
import java.util.Random;

/// Reads that take a disk too long make its store slow, as writes do.
class SlowReadsTest {
    private static final long MILLIS = 1_000_000;

    private final SimStore sim = new SimStore(new Random(1));
    private long nowNanos;
    private long eachReadNanos;

    /// A clock that goes on by what a read takes whenever it is looked at.
    private Store open() throws IOException {
        return sim.open(SimStore.TINY, () -> nowNanos += eachReadNanos);
    }

    private void read(int times, long eachMillis) throws IOException {
        eachReadNanos = eachMillis * MILLIS;
        for (int i = 0; i < times; i++) {
            sim.read(SimStore.BASE_ONLY, 0, 0, 1);
        }
    }

    @Test
    void readsThatTakeLongMakeTheStoreSlowAndThoseThatDoNotMakeItWell() throws Exception {
        Store store = open();
        sim.commit(
                SimStore.entry(
                        1,
                        SimStore.write(
                                SimStore.BASE_ONLY,
                                0,
                                0,
                                SimStore.bytes(1, ChunkKey.BLOCK_BYTES))));
        read(100, 499);
        assertEquals(0, store.slowPercent(nowNanos));
        read(4, 500);
        assertTrue(SlowShare.isSlow(store.slowPercent(nowNanos)), "half of the time");
        read(400, 10);
        assertEquals(0, store.slowPercent(nowNanos));
    }

    @Test
    void readsAtTheSameTimeAddUp() {
        var reads = new SlowReads(() -> nowNanos);
        long first = reads.begin();
        nowNanos += 600 * MILLIS;
        long second = reads.begin();
        nowNanos += 600 * MILLIS;
        reads.end(first);
        reads.end(second);
        assertEquals(45, reads.percent(nowNanos));
    }
}
