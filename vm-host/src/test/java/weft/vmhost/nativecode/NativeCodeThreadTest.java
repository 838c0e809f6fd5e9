package weft.vmhost.nativecode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

import weft.fixtures.Await;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

class NativeCodeThreadTest {
    private static final int HARTS = 4;
    private static final int ROUNDS = 20;

    /// Harts that find one place left, all at once: each is told whether it got it, and lives on.
    @Test
    void whatIsTooMuchIsRefusedHoweverManyAsk() throws Exception {
        var thrown = new AtomicReference<Throwable>();
        var done = new AtomicInteger();
        int acceptedInAll = 0;
        for (int round = 0; round < ROUNDS; round++) {
            var begun = new CountDownLatch(1);
            var goesOn = new CountDownLatch(1);
            NativeCodeThread.submit(() -> {
                begun.countDown();
                awaitQuietly(goesOn);
                done.incrementAndGet();
            });
            begun.await();
            var accepted = new AtomicInteger(1);
            while (accepted.get() < NativeCodeThread.QUEUE_MAX
                    && NativeCodeThread.submit(done::incrementAndGet)) {
                accepted.incrementAndGet();
            }
            var together = new CountDownLatch(HARTS);
            List<Thread> harts = new ArrayList<>();
            for (int hart = 0; hart < HARTS; hart++) {
                harts.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    together.countDown();
                                    while (together.getCount() > 0) {
                                        Thread.onSpinWait();
                                    }
                                    try {
                                        if (NativeCodeThread.submit(done::incrementAndGet)) {
                                            accepted.incrementAndGet();
                                        }
                                    } catch (RuntimeException e) {
                                        thrown.set(e);
                                    }
                                }));
            }
            for (Thread hart : harts) {
                hart.join();
            }
            goesOn.countDown();
            // The one that is executed, and a full queue.
            assertEquals(NativeCodeThread.QUEUE_MAX + 1, accepted.get());
            acceptedInAll += accepted.get();
            int expected = acceptedInAll;
            Await.until("all is done", () -> done.get() == expected);
        }
        assertNull(thrown.get());
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
