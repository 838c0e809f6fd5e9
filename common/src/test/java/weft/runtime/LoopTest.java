package weft.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

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
}
