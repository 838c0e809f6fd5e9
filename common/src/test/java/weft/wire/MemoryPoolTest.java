package weft.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fixtures.Await;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

@Timeout(60)
class MemoryPoolTest {
    /// What the pool makes for the shortest messages, and for those of the next class.
    private static final int SMALL = 68 << 10;

    private static final int MEDIUM = 2 * SMALL;
    private static final byte POISON = (byte) 0xDB;

    @Test
    void beyondItsBoundMemoryIsOfTheHeapUntilSomeComesBack() {
        var pool = new MemoryPool(2 * SMALL);
        CountedMemory first = pool.take(SMALL);
        CountedMemory second = pool.take(1);
        CountedMemory third = pool.take(SMALL);
        assertTrue(first.isCounted() && second.isCounted());
        assertTrue(first.bytes().isDirect());
        assertFalse(third.isCounted());
        assertEquals(SMALL, third.bytes().remaining());
        third.release();
        assertFalse(pool.take(1).isCounted());
        second.release();
        CountedMemory again = pool.take(SMALL);
        assertTrue(again.isCounted());
        assertFalse(pool.take(1).isCounted());
        first.release();
        again.release();
    }

    @Test
    void aMessageOfAnyLegalLengthFits() {
        var pool = new MemoryPool(64 << 20);
        List<Integer> lengths =
                List.of(0, 1, SMALL, SMALL + 1, MEDIUM, 1 << 20, MemoryPool.LENGTH_BYTES_MAX);
        for (int length : lengths) {
            CountedMemory memory = pool.take(length);
            assertTrue(memory.isCounted());
            assertEquals(length, memory.bytes().remaining());
            assertEquals(length, memory.bytes().capacity());
        }
        assertThrows(IllegalArgumentException.class, () -> pool.take(-1));
        assertThrows(
                IllegalArgumentException.class, () -> pool.take(MemoryPool.LENGTH_BYTES_MAX + 1));
    }

    @Test
    void itIsOverwrittenWhenItsLastHolderLetsGo() {
        CountedMemory memory = MemoryPool.poisoning(MEDIUM).take(100_000);
        ByteBuffer kept = memory.bytes();
        fill(kept, (byte) 1);
        memory.retain();
        memory.release();
        assertTrue(isFilled(kept, (byte) 1));
        memory.release();
        assertTrue(isFilled(kept, POISON));
    }

    @Test
    void whatATaskNeedsIsHeldUntilItHasRunEvenIfItFails() {
        CountedMemory memory = MemoryPool.poisoning(SMALL).take(100);
        ByteBuffer kept = memory.bytes();
        fill(kept, (byte) 1);
        Runnable task =
                memory.holdUntil(() -> {
                    assertTrue(isFilled(kept, (byte) 1));
                    throw new IllegalArgumentException("on purpose");
                });
        memory.release();
        assertThrows(IllegalArgumentException.class, task::run);
        assertTrue(isFilled(kept, POISON));
    }

    @Test
    void memoryThatNobodyHoldsCanNeitherBeHeldNorLetGo() {
        var pool = new MemoryPool(SMALL);
        CountedMemory memory = pool.take(1);
        memory.release();
        assertThrows(IllegalStateException.class, memory::retain);
        assertThrows(IllegalStateException.class, memory::release);
        // Who comes later is a holder of its own.
        CountedMemory next = pool.take(1);
        assertTrue(next.isCounted());
        assertThrows(IllegalStateException.class, memory::release);
        next.retain();
        next.release();
        next.release();
        assertThrows(IllegalStateException.class, next::release);
    }

    @Test
    void nobodyCountsWhatIsOnTheHeap() {
        CountedMemory.HEAP.release();
        CountedMemory.HEAP.release();
        CountedMemory.HEAP.retain();
        assertFalse(CountedMemory.HEAP.isCounted());
        Runnable task = () -> {};
        assertEquals(task, CountedMemory.HEAP.holdUntil(task));
    }

    @Test
    void aLargerFreeBufferServesAShorterMessageAndStaysAsLarge() {
        var pool = new MemoryPool(MEDIUM);
        CountedMemory large = pool.take(MEDIUM);
        ByteBuffer kept = large.bytes();
        large.release();
        CountedMemory small = pool.take(1000);
        assertTrue(small.isCounted());
        assertEquals(1000, small.bytes().capacity());
        fill(small.bytes(), (byte) 5);
        assertTrue(isFilled(kept.slice(0, 1000), (byte) 5));
        small.release();
        assertTrue(pool.take(MEDIUM).isCounted());
    }

    @Test
    void freeBuffersThatAreTooSmallMakeRoom() {
        var pool = new MemoryPool(MEDIUM);
        CountedMemory first = pool.take(1);
        CountedMemory second = pool.take(1);
        first.release();
        assertFalse(pool.take(MEDIUM).isCounted());
        second.release();
        assertTrue(pool.take(MEDIUM).isCounted());
    }

    @Test
    void forgottenMemoryIsFoundAgainAfterAGarbageCollection() throws Exception {
        var pool = new MemoryPool(SMALL);
        takeAllAndForget(pool);
        Await.until(
                "the pool may make as much anew",
                () -> {
                    System.gc();
                    return pool.take(1).isCounted();
                });
    }

    /// In a frame of its own, whose variables are gone afterwards.
    private static void takeAllAndForget(MemoryPool pool) {
        CountedMemory forgotten = pool.take(1);
        assertTrue(forgotten.isCounted());
        assertFalse(pool.take(1).isCounted());
        Reference.reachabilityFence(forgotten);
    }

    @Test
    void eachHasABufferOfItsOwnOverTheSameBytes() {
        CountedMemory memory = new MemoryPool(SMALL).take(100);
        ByteBuffer mine = memory.bytes();
        ByteBuffer others = memory.bytes();
        mine.putLong(42).limit(50);
        assertEquals(0, others.position());
        assertEquals(100, others.limit());
        assertEquals(42, others.getLong());
        assertEquals(0, memory.bytes().position());
    }

    @Test
    void holdersOfSeveralThreadsKeepItUntilTheLastIsGone() throws Exception {
        var pool = MemoryPool.poisoning(SMALL);
        CountedMemory memory = pool.take(1000);
        ByteBuffer kept = memory.bytes();
        fill(kept, (byte) 1);
        inFourThreads(_ -> {
            for (int i = 0; i < 5_000; i++) {
                memory.retain();
                assertFalse(pool.take(1).isCounted());
                memory.release();
            }
            assertTrue(isFilled(kept, (byte) 1));
        });
        memory.release();
        assertTrue(isFilled(kept, POISON));
        assertTrue(pool.take(1).isCounted());
    }

    @Test
    void noTwoThreadsHaveTheSameMemory() throws Exception {
        var pool = MemoryPool.poisoning(3 * SMALL);
        inFourThreads(own -> {
            for (int i = 0; i < 2_000; i++) {
                CountedMemory memory = pool.take(1000);
                ByteBuffer bytes = memory.bytes();
                fill(bytes, (byte) own);
                assertTrue(isFilled(bytes, (byte) own));
                memory.release();
            }
        });
        List<CountedMemory> all =
                List.of(pool.take(SMALL), pool.take(SMALL), pool.take(SMALL), pool.take(SMALL));
        assertEquals(3, all.stream().filter(CountedMemory::isCounted).count());
        all.forEach(CountedMemory::release);
    }

    private interface OfThread {
        void run(int own);
    }

    private static void inFourThreads(OfThread body) throws Exception {
        try (var threads = Executors.newFixedThreadPool(4)) {
            List<Callable<Void>> bodies = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                int own = i;
                bodies.add(() -> {
                    body.run(own);
                    return null;
                });
            }
            for (Future<Void> each : threads.invokeAll(bodies)) {
                each.get();
            }
        }
    }

    private static void fill(ByteBuffer bytes, byte value) {
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            bytes.put(i, value);
        }
    }

    private static boolean isFilled(ByteBuffer bytes, byte value) {
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            if (bytes.get(i) != value) {
                return false;
            }
        }
        return true;
    }
}
