package weft.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

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
}
