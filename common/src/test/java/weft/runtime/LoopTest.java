package weft.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fixtures.Await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

class LoopTest {
    @Test
    void tasksRunInTheOrderOfTheirCaller() throws Exception {
        try (var loop = new Loop("test")) {
            List<Integer> seen = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                int number = i;
                loop.execute(() -> seen.add(number));
            }
            var onLoop = new CompletableFuture<Boolean>();
            loop.execute(() -> onLoop.complete(loop.isCurrent()));
            assertTrue(onLoop.get(10, TimeUnit.SECONDS));
            assertEquals(100, seen.size());
            assertEquals(seen.stream().sorted().toList(), seen);
            assertFalse(loop.isCurrent());
        }
    }

    @Test
    void aTaskThatThrowsDoesNotEndTheLoop() throws Exception {
        try (var loop = new Loop("test")) {
            loop.execute(() -> {
                throw new IllegalStateException("on purpose");
            });
            var after = new CompletableFuture<Void>();
            loop.execute(() -> after.complete(null));
            after.get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void aTimerThatAnotherCallsOffDoesNotRun() throws Exception {
        try (var loop = new Loop("test")) {
            List<String> ran = new ArrayList<>();
            var done = new CompletableFuture<Void>();
            loop.execute(() -> {
                Loop.Timer second = loop.schedule(Duration.ofMillis(2), () -> ran.add("second"));
                loop.schedule(
                        Duration.ofMillis(1),
                        () -> {
                            ran.add("first");
                            second.cancel();
                        });
                // Both are due by now, and run one after the other.
                long end = System.nanoTime() + 3_000_000;
                while (System.nanoTime() < end) {
                    Thread.onSpinWait();
                }
                loop.schedule(Duration.ofMillis(3), () -> done.complete(null));
            });
            done.get(10, TimeUnit.SECONDS);
            assertEquals(List.of("first"), ran);
        }
    }

    @Test
    void aRepeatedTaskRunsUntilItIsCalledOff() throws Exception {
        try (var loop = new Loop("test")) {
            var third = new CompletableFuture<Void>();
            int[] count = {0};
            var timer = new CompletableFuture<Loop.Timer>();
            timer.complete(
                    loop.every(
                            Duration.ofMillis(1),
                            () -> {
                                if (++count[0] == 3) {
                                    timer.join().cancel();
                                    third.complete(null);
                                }
                            }));
            third.get(10, TimeUnit.SECONDS);
            var later = new CompletableFuture<Integer>();
            loop.schedule(Duration.ofMillis(10), () -> later.complete(count[0]));
            assertEquals(3, later.get(10, TimeUnit.SECONDS));
        }
    }

    /// How many tasks a batch has depends on time; these laws do not.
    @Test
    void whatIsLeftToTheBatchEndComesAfterTheTaskAndOnceForMany() throws Exception {
        try (var loop = Loop.gathering("test")) {
            List<Integer> seen = new ArrayList<>();
            Runnable end = () -> seen.add(-1);
            for (int i = 0; i < 100; i++) {
                int number = i;
                loop.execute(() -> {
                    Loop.atBatchEnd(end);
                    Loop.atBatchEnd(end);
                    seen.add(number);
                });
            }
            var all = new CompletableFuture<List<Integer>>();
            loop.schedule(Duration.ofMillis(1), () -> loop.execute(() -> all.complete(seen)));
            List<Integer> order = List.copyOf(all.get(10, TimeUnit.SECONDS));
            assertEquals(-1, order.getLast());
            assertEquals(0, order.getFirst());
            for (int i = 1; i < order.size(); i++) {
                assertTrue(order.get(i) >= 0 || order.get(i - 1) >= 0, order::toString);
            }
        }
    }

    /// What runs at the end may leave itself once more.
    @Test
    void whatABatchHasLeftRunsBeforeATaskThatWaits() throws Exception {
        try (var loop = Loop.gathering("test")) {
            var seen = new CompletableFuture<List<Integer>>();
            int[] ran = {0};
            var again =
                    new Runnable() {
                        @Override
                        public void run() {
                            if (++ran[0] == 1) {
                                Loop.atBatchEnd(this);
                            }
                        }
                    };
            loop.execute(() -> {
                List<Integer> counts = new ArrayList<>();
                Loop.atBatchEnd(again);
                Loop.atBatchEnd(again);
                counts.add(ran[0]);
                Loop.endBatchNow();
                counts.add(ran[0]);
                seen.complete(counts);
            });
            assertEquals(List.of(0, 2), seen.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aLoopThatDoesNotGatherLeavesNothing() throws Exception {
        try (var loop = new Loop("test")) {
            var ranAtOnce = new CompletableFuture<Boolean>();
            loop.execute(() -> {
                boolean[] ran = {false};
                Loop.atBatchEnd(() -> ran[0] = true);
                ranAtOnce.complete(ran[0]);
            });
            assertTrue(ranAtOnce.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aClosedLoopRunsNothingMore() throws Exception {
        var loop = new Loop("test");
        var begun = new CompletableFuture<Void>();
        int[] ran = {0};
        loop.execute(() -> {
            begun.complete(null);
            try {
                // Closing interrupts what a task waits for.
                new CompletableFuture<Void>().get(10, TimeUnit.SECONDS);
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
                ran[0]++;
            }
        });
        loop.execute(() -> ran[0] += 10);
        begun.get(10, TimeUnit.SECONDS);
        loop.close();
        loop.execute(() -> ran[0] += 100);
        assertEquals(1, ran[0]);
    }

    /// A loop that has nothing to do, and has had it for a moment.
    private static Loop asleep() throws Exception {
        var loop = Loop.gathering("test");
        var thread = new CompletableFuture<Thread>();
        loop.execute(() -> thread.complete(Thread.currentThread()));
        Await.until("the loop sleeps", () -> thread.get().getState() == Thread.State.WAITING);
        return loop;
    }

    @Test
    void aLenderDoesTheWorkOfALoopThatSleeps() throws Exception {
        try (Loop loop = asleep()) {
            onThreadOfItsOwn(() -> {
                var lender = new Loop.Lender();
                List<String> ran = new ArrayList<>();
                lender.open();
                loop.execute(() -> {
                    ran.add("task on " + Thread.currentThread().getName());
                    assertTrue(loop.isCurrent());
                    Loop.atBatchEnd(() -> ran.add("batch's end"));
                });
                lender.shut();
                assertEquals(List.of(), ran);
                lender.run();
                assertEquals(List.of("task on lender", "batch's end"), ran);
                assertFalse(loop.isCurrent());
            });
            var after = new CompletableFuture<Boolean>();
            loop.execute(() -> after.complete(loop.isCurrent()));
            assertTrue(after.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aLoopThatIsBusyIsNotLent() throws Exception {
        try (Loop loop = asleep()) {
            var hold = new CountDownLatch(1);
            var begun = new CountDownLatch(1);
            loop.execute(() -> {
                begun.countDown();
                await(hold);
            });
            await(begun);
            var name = new CompletableFuture<String>();
            onThreadOfItsOwn(() -> {
                var lender = new Loop.Lender();
                lender.open();
                loop.execute(() -> name.complete(Thread.currentThread().getName()));
                lender.shut();
                lender.run();
            });
            assertFalse(name.isDone());
            hold.countDown();
            assertEquals("test", name.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aTimerThatLentWorkSetsRunsOnTheLoopsThread() throws Exception {
        try (Loop loop = asleep()) {
            var name = new CompletableFuture<String>();
            onThreadOfItsOwn(() -> {
                var lender = new Loop.Lender();
                lender.open();
                loop.execute(() ->
                        loop.schedule(
                                Duration.ofMillis(1),
                                () -> name.complete(Thread.currentThread().getName())));
                lender.shut();
                lender.run();
            });
            assertEquals("test", name.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void closingWaitsForWorkThatIsLent() throws Exception {
        Loop loop = asleep();
        var hold = new CountDownLatch(1);
        var begun = new CountDownLatch(1);
        var over = new AtomicBoolean();
        Thread lending =
                Thread.ofPlatform()
                        .start(() -> {
                            var lender = new Loop.Lender();
                            lender.open();
                            loop.execute(() -> {
                                begun.countDown();
                                await(hold);
                                over.set(true);
                            });
                            lender.shut();
                            lender.run();
                        });
        await(begun);
        Thread closing = Thread.ofPlatform().start(loop::close);
        Await.until("close() waits", () -> closing.getState() == Thread.State.TIMED_WAITING);
        hold.countDown();
        closing.join();
        assertTrue(over.get());
        lending.join();
    }

    /// Lenders and others bring tasks at once: one runs at a time, and each caller's in its order.
    @Test
    void whoeverRunsThemTasksRunOneAtATimeAndInOrder() throws Exception {
        try (var loop = new Loop("test")) {
            int[] last = {-1, -1, -1, -1};
            int[] sum = {0}; // plain: a second runner would lose some
            List<Thread> bringers = new ArrayList<>();
            var wrong = new AtomicInteger();
            for (int i = 0; i < 4; i++) {
                int bringer = i;
                bringers.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    var lender = bringer < 2 ? new Loop.Lender() : null;
                                    for (int number = 0; number < 20_000; number++) {
                                        int own = number;
                                        if (lender != null) {
                                            lender.open();
                                        }
                                        loop.execute(() -> {
                                            sum[0]++;
                                            if (!loop.isCurrent() || last[bringer] != own - 1) {
                                                wrong.incrementAndGet();
                                            }
                                            last[bringer] = own;
                                        });
                                        if (lender != null) {
                                            lender.shut();
                                            lender.run();
                                        }
                                    }
                                }));
            }
            for (Thread bringer : bringers) {
                bringer.join();
            }
            var end = new CompletableFuture<Integer>();
            loop.execute(() -> end.complete(sum[0]));
            assertEquals(80_000, end.get(10, TimeUnit.SECONDS));
            assertEquals(0, wrong.get());
        }
    }

    private static void onThreadOfItsOwn(Runnable task) throws Exception {
        var ended = new CompletableFuture<Void>();
        Thread.ofPlatform()
                .name("lender")
                .start(() -> {
                    try {
                        task.run();
                        ended.complete(null);
                    } catch (RuntimeException | Error e) {
                        ended.completeExceptionally(e);
                    }
                });
        ended.get(20, TimeUnit.SECONDS);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(20, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
