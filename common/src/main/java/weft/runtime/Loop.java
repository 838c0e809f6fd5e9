package weft.runtime;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// One platform thread that owns things: what runs on a loop needs no lock.
///
/// A task that throws is logged and the loop goes on, unless the throwable is an Error: then the
/// process cannot be trusted and halts (rule: OutOfMemoryError ends the process).
public final class Loop implements Executor, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Loop.class);
    private static final int EXIT_CODE_BROKEN_PROCESS = 70;

    private final ScheduledThreadPoolExecutor executor;
    private final String name;
    private volatile @Nullable Thread thread;

    /// @param name the thread's name, for people who read stack dumps
    public Loop(String name) {
        this.name = name;
        executor =
                new ScheduledThreadPoolExecutor(
                        1, body -> newThread(body), new ThreadPoolExecutor.DiscardPolicy());
        executor.setRemoveOnCancelPolicy(true);
        executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    private Thread newThread(Runnable body) {
        Thread created = Thread.ofPlatform().name(name).daemon(true).unstarted(body);
        thread = created;
        return created;
    }

    /// Runs the task on this loop, in the order of the calls of one caller. After [#close()] tasks
    /// are dropped.
    @Override
    public void execute(Runnable task) {
        try {
            executor.execute(() -> runGuarded(task));
        } catch (RejectedExecutionException e) {
            log.debug("{} is closed; task dropped", name);
        }
    }

    /// Runs the task on this loop after the delay.
    public Timer schedule(Duration delay, Runnable task) {
        ScheduledFuture<?> future =
                executor.schedule(() -> runGuarded(task), delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
    }

    /// Runs the task on this loop again and again, `period` after the end of the run before.
    public Timer every(Duration period, Runnable task) {
        ScheduledFuture<?> future =
                executor.scheduleWithFixedDelay(
                        () -> runGuarded(task),
                        period.toNanos(),
                        period.toNanos(),
                        TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
    }

    /// Whether the calling thread is this loop's.
    public boolean isCurrent() {
        return Thread.currentThread() == thread;
    }

    private void runGuarded(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException e) {
            log.error("{}: task failed", name, e);
        } catch (AssertionError e) {
            log.error("{}: assertion failed", name, e);
        } catch (Error e) {
            log.error("{}: the process cannot go on", name, e);
            Runtime.getRuntime().halt(EXIT_CODE_BROKEN_PROCESS);
        }
    }

    /// Ends the loop: waiting tasks are dropped, the running one finishes (waited for up to 5 s).
    @Override
    public void close() {
        executor.shutdownNow();
        if (isCurrent()) {
            return;
        }
        try {
            if (!executor.awaitTermination(5, TimeUnit.SECONDS)) {
                log.warn("{}: still busy 5 s after close", name);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// A scheduled task that can be called off.
    @FunctionalInterface
    public interface Timer {
        /// Calls the task off; without effect if it has run.
        void cancel();
    }
}
