package weft.vmhost.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/// Pages whose content comes later: nobody sees them before, everybody afterwards, once.
@Timeout(60)
class AbsentPagesTest {
    private static final long BASE = 0x8000_0000L;
    private static final int PAGES = 100;

    private final GuestMemory memory = new GuestMemory(BASE, PAGES * 4096L);

    @AfterEach
    void free() {
        memory.close();
    }

    private LatePages expectAll() {
        for (int page = 0; page < PAGES; page++) {
            memory.store64(BASE + page * 4096L + 8, 1000 + page);
        }
        return LatePages.of(memory.allPages(), memory, memory);
    }

    @Test
    void whoExpectsNoPagesExpectsNothing() {
        memory.expect(memory.touchedPages(), _ -> {});
        assertEquals(0, memory.absentPages());
        LatePages _ = expectAll();
        assertEquals(PAGES, memory.absentPages());
    }

    @Test
    void aReaderWaitsUntilThePageHasCome() throws Exception {
        LatePages source = expectAll();
        var read = CompletableFuture.supplyAsync(() -> memory.load64(BASE + 5 * 4096 + 8));
        source.awaitWanted();
        assertEquals(List.of(BASE + 5 * 4096), source.wanted());
        assertFalse(read.isDone());
        assertTrue(source.deliver(BASE + 5 * 4096));
        assertEquals(1005, read.get());
    }

    @Test
    void aRangeAsksForAllItsPagesAndIsThereWhenTheLastIs() throws Exception {
        LatePages source = expectAll();
        var into = ByteBuffer.allocate(3 * 4096);
        var read = CompletableFuture.runAsync(() -> memory.read(BASE + 2 * 4096, into));
        var random = new SplittableRandom(1);
        source.awaitWanted();
        while (!read.isDone()) {
            boolean _ = source.deliverWanted(random);
        }
        read.get();
        assertEquals(1003, Long.reverseBytes(into.getLong(4096 + 8)));
        assertEquals(PAGES - 3, memory.absentPages());
    }

    @Test
    void ofSeveralDeliveriesOneCountsAndLaterStoresStay() throws Exception {
        for (int round = 0; round < 50; round++) {
            memory.expect(memory.allPages(), _ -> {});
            var barrier = new CyclicBarrier(4);
            var counted = new AtomicInteger();
            var threads = new ArrayList<Thread>();
            for (int i = 1; i <= 4; i++) {
                var content = new byte[4096];
                Arrays.fill(content, (byte) i);
                threads.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    awaitBarrier(barrier);
                                    if (memory.deliver(BASE, ByteBuffer.wrap(content))) {
                                        counted.incrementAndGet();
                                        memory.store64(BASE, -1);
                                    }
                                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(1, counted.get());
            assertEquals(-1, memory.load64(BASE));
            assertEquals(memory.load64(BASE + 8), memory.load64(BASE + 4088), "of one delivery");
            memory.forgetAbsentPages();
        }
    }

    private static void awaitBarrier(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void eachPageIsAskedForOnce() {
        var asked = new ArrayList<Long>();
        memory.expect(memory.allPages(), asked::add);
        var called = new AtomicInteger();
        memory.whenPresent(BASE + 4000, 200, called::incrementAndGet);
        memory.whenPresent(BASE + 4096, 8, called::incrementAndGet);
        memory.ask(BASE, 8192);
        assertEquals(List.of(BASE, BASE + 4096), asked);
        assertEquals(0, called.get());
        memory.deliverZero(BASE + 4096);
        memory.deliverZero(BASE);
        assertEquals(2, called.get());
        memory.whenPresent(BASE, 8192, called::incrementAndGet);
        assertEquals(3, called.get(), "at once");
    }

    @Test
    void aPageThatTheBalloonTakesIsZeroWhateverComesLater() {
        LatePages source = expectAll();
        memory.discardPage(BASE + 7 * 4096);
        assertTrue(memory.isPresent(BASE + 7 * 4096, 4096));
        assertFalse(source.deliver(BASE + 7 * 4096));
        assertEquals(0, memory.load64(BASE + 7 * 4096 + 8));
    }

    @Test
    void whoWaitsForAPageThatWillNeverComeIsTold() throws Exception {
        LatePages source = expectAll();
        var store = CompletableFuture.runAsync(() -> memory.store64(BASE, 1));
        source.awaitWanted();
        memory.forgetAbsentPages();
        var failure = assertThrows(ExecutionException.class, store::get);
        assertInstanceOf(GuestFault.class, failure.getCause());
        assertEquals(0, memory.load64(BASE), "absent pages are zero now");
        assertFalse(source.deliver(BASE));
    }

    @Test
    void absentPagesHaveToBeSentToo() {
        var other = new GuestMemory(BASE, PAGES * 4096L);
        other.store8(BASE + 3 * 4096, 1);
        memory.expect(other.touchedPages(), _ -> {});
        assertEquals(1, memory.absentPages());
        assertTrue(memory.touchedPages().contains(BASE + 3 * 4096));
        assertTrue(memory.isPresent(BASE, 3 * 4096));
        assertFalse(memory.isPresent(BASE, 3 * 4096 + 1));
        other.close();
    }

    @Test
    void pagesOfAnotherRamAreRefused() {
        var other = new GuestMemory(BASE, 2 * PAGES * 4096L);
        assertThrows(
                IllegalArgumentException.class, () -> memory.expect(other.allPages(), _ -> {}));
        assertThrows(
                IllegalArgumentException.class,
                () -> memory.deliver(BASE, ByteBuffer.allocate(4095)));
        assertThrows(GuestFault.class, () -> memory.deliver(BASE + 1, ByteBuffer.allocate(4096)));
        assertThrows(GuestFault.class, () -> memory.deliverZero(BASE + PAGES * 4096L));
        other.close();
    }
}
