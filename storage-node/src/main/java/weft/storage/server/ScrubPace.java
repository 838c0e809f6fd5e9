package weft.storage.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Clock;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// How a scrubber goes on: no faster than it may, and patiently.
final class ScrubPace {
    private static final Logger log = LoggerFactory.getLogger(ScrubPace.class);
    private static final int ANSWER_SECONDS_MAX = 60;

    /// For longer than a reconfiguration takes.
    private static final int ATTEMPTS_MAX = 12;

    private static final int ATTEMPT_MILLIS = 500;

    private final Supplier<ScrubSettings> settings;
    private final Clock clock;
    private long pausedUntilNanos;

    /// @param settings as they are when they are asked for
    ScrubPace(Supplier<ScrubSettings> settings, Clock clock) {
        this.settings = settings;
        this.clock = clock;
    }

    /// One step of a group's scrubbing.
    @FunctionalInterface
    interface Step<T> {
        T take() throws IOException, InterruptedException;
    }

    /// A configuration that changes ends what is under way, and questions may be too many: both
    /// pass.
    static <T> T patiently(Step<T> step) throws IOException, InterruptedException {
        for (int attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
            try {
                return step.take();
            } catch (IOException e) {
                log.debug("attempt {}: {}", attempt, e.getMessage());
                TimeUnit.MILLISECONDS.sleep(ATTEMPT_MILLIS);
            }
        }
        return step.take();
    }

    static <T> T answer(CompletableFuture<T> asked) throws IOException, InterruptedException {
        return answer(asked, ANSWER_SECONDS_MAX);
    }

    static <T> T answer(CompletableFuture<T> asked, int secondsMax)
            throws IOException, InterruptedException {
        try {
            return asked.get(secondsMax, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException(String.valueOf(e.getCause()), e);
        } catch (TimeoutException e) {
            throw new IOException("no answer in " + secondsMax + " s", e);
        }
    }

    /// Waits as long as reading so many bytes may take, at whatever rate is set meanwhile.
    void pause(long bytes) throws InterruptedException {
        for (long left = bytes; left > 0; ) {
            long rate = settings.get().bytesPerSecond();
            long second = Math.min(left, rate);
            left -= second;
            long now = clock.nowNanos();
            pausedUntilNanos =
                    Math.max(now, pausedUntilNanos) + second * TimeUnit.SECONDS.toNanos(1) / rate;
            TimeUnit.NANOSECONDS.sleep(pausedUntilNanos - now);
        }
    }
}
