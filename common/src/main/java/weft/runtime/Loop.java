package weft.runtime;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// One platform thread that owns things: what runs on a loop needs no lock.
///
/// ```text
///   asleep ──task, or a timer is due──► batch: tasks, until none waits or 200 µs have passed
///      ▲                                  │
///      └──nothing waits── what was left to the batch's end ([#atBatchEnd]), then due timers
/// ```
///
/// A task that throws is logged and the loop goes on, unless the throwable is an Error: then the
/// process cannot be trusted and halts (rule: OutOfMemoryError ends the process).
///
/// To hand a task over costs two small objects and, if the loop sleeps, one futex call: a busy loop
/// is never woken. (A ScheduledThreadPoolExecutor, which this was before, has a heap under a lock
/// for all tasks: two thirds of the futex calls of a storage node were its own.) A thread that may
/// do the work itself saves even that ([Lender]); the loop's own thread sleeps on meanwhile.
///
/// ```text
///   OWNED ──nothing waits──► FREE ──a task, and its bringer wakes the thread──► TOLD ──► OWNED
///     (by the loop's thread)   └───── a task, and its bringer will do it ─────► LENT ──► FREE
/// ```
public final class Loop implements Executor, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Loop.class);
    private static final int EXIT_CODE_BROKEN_PROCESS = 70;
    private static final long CLOSE_MILLIS_MAX = 5_000;

    /// What one message costs to send, several times over; what a write waits for, hardly at all.
    private static final long BATCH_NANOS_MAX = 200_000;

    private static final long NO_TIMER = Long.MAX_VALUE;

    /// How long the loop's thread, if it wakes while another does its work, sleeps on.
    private static final long LENT_LOOK_NANOS = 1_000_000;

    private static final int OWNED = 0;
    private static final int FREE = 1;
    private static final int TOLD = 2;
    private static final int LENT = 3;

    private static final ThreadLocal<Lender> LENDER = new ThreadLocal<>();

    private final String name;
    private final boolean gathers;
    private final LoopThread thread;
    private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();

    /// Who runs the tasks.
    private final AtomicInteger state = new AtomicInteger(OWNED);

    private volatile Thread runner;
    private volatile boolean closed;

    // A lock, as any thread sets and cancels timers; held for queue operations only.
    private final Object timing = new Object();

    @GuardedBy("timing")
    private final PriorityQueue<Timed> timers = new PriorityQueue<>();

    /// When the first timer is due, on the loop's own scale; NO_TIMER if there is none.
    private volatile long nextDue = NO_TIMER;

    private final long startNanos = System.nanoTime();

    /// What was left to the end of the batch: a few connections, a journal. The loop's.
    private final List<Runnable> batchEnd = new ArrayList<>();

    /// A thread that knows whose it is.
    private static final class LoopThread extends Thread {
        private final Loop loop;

        LoopThread(Loop loop, String name) {
            super(loop::run, name);
            this.loop = loop;
            setDaemon(true);
        }
    }

    /// A task for later.
    private final class Timed implements Timer, Comparable<Timed> {
        private final long dueNanos;
        private final Runnable task;

        Timed(long dueNanos, Runnable task) {
            this.dueNanos = dueNanos;
            this.task = task;
        }

        @Override
        public int compareTo(Timed other) {
            return Long.compare(dueNanos, other.dueNanos);
        }

        @Override
        public void cancel() {
            synchronized (timing) {
                timers.remove(this);
            }
        }
    }

    /// @param name the thread's name, for people who read stack dumps
    public Loop(String name) {
        this(name, false);
    }

    /// A loop that gathers what its tasks leave to the batch's end. None of its tasks may wait for
    /// what comes of that.
    public static Loop gathering(String name) {
        return new Loop(name, true);
    }

    private Loop(String name, boolean gathers) {
        this.name = name;
        this.gathers = gathers;
        thread = new LoopThread(this, name);
        runner = thread;
        thread.start();
    }

    /// A thread that does the work of loops that sleep, instead of waking theirs: what it brings
    /// them then costs no change of threads. Between [#open] and [#shut] it hands tasks over as
    /// usual; [#run] then runs a batch of each loop that slept. More than that is left to the
    /// loop's own thread.
    ///
    /// Only for a thread that may do whatever those loops do, and wait for what they wait for.
    public static final class Lender {
        private final List<Loop> claimed = new ArrayList<>();
        private boolean isOpen;
        private @Nullable Loop running;

        /// Made on the thread that lends itself, once.
        public Lender() {
            LENDER.set(this);
        }

        /// From now on loops that get a task in their sleep are claimed.
        public void open() {
            isOpen = true;
        }

        /// No more.
        public void shut() {
            isOpen = false;
        }

        /// Does the work of the loops that were claimed.
        public void run() {
            assert !isOpen;
            for (Loop loop : claimed) {
                running = loop;
                loop.runLent();
            }
            running = null;
            claimed.clear();
        }
    }

    /// Runs the task on this loop, in the order of the calls of one caller. After [#close()] tasks
    /// are dropped.
    @Override
    public void execute(Runnable task) {
        if (closed) {
            log.debug("{} is closed; task dropped", name);
            return;
        }
        tasks.add(task);
        wake();
    }

    private void wake() {
        // The plain read first: a busy loop's state stays in everybody's cache.
        if (state.get() != FREE) {
            return;
        }
        Lender lender = LENDER.get();
        if (lender != null && lender.isOpen) {
            if (state.compareAndSet(FREE, LENT)) {
                lender.claimed.add(this);
            }
        } else if (state.compareAndSet(FREE, TOLD)) {
            LockSupport.unpark(thread);
        }
    }

    /// A batch on a thread that is not the loop's and has claimed it.
    private void runLent() {
        runner = Thread.currentThread();
        runBatch(now());
        runner = thread;
        state.set(FREE);
        if (closed || !tasks.isEmpty() || nextDue <= now()) {
            wake();
        }
    }

    /// The loop that the calling thread runs.
    private static @Nullable Loop current() {
        if (Thread.currentThread() instanceof LoopThread own) {
            return own.loop;
        }
        Lender lender = LENDER.get();
        return lender == null ? null : lender.running;
    }

    /// Runs the task once the calling loop has done what waits now, however often it was asked to
    /// meanwhile: what many tasks have to say leaves together. On a loop with nothing more to do
    /// that is right after the present task. Runs it at once if the caller is not a loop that
    /// gathers.
    ///
    /// @param task the same object each time
    public static void atBatchEnd(Runnable task) {
        Loop caller = current();
        if (caller != null && caller.gathers) {
            caller.leaveToBatchEnd(task);
        } else {
            task.run();
        }
    }

    /// Runs what the calling loop's tasks have left to the end of the batch, before one of them
    /// waits for something or takes long.
    public static void endBatchNow() {
        Loop caller = current();
        if (caller != null) {
            caller.endBatch();
        }
    }

    /// Whether nothing waits for the calling loop, so that nobody but what it does now waits with
    /// it; false on other threads.
    public static boolean isIdle() {
        Loop caller = current();
        return caller != null && caller.tasks.isEmpty();
    }

    private void leaveToBatchEnd(Runnable task) {
        for (Runnable left : batchEnd) {
            if (left == task) {
                return;
            }
        }
        batchEnd.add(task);
    }

    /// Runs the task on this loop after the delay.
    public Timer schedule(Duration delay, Runnable task) {
        var timed = new Timed(now() + Math.max(0, delay.toNanos()), task);
        boolean first;
        synchronized (timing) {
            timers.add(timed);
            first = timers.peek() == timed;
            if (first) {
                nextDue = timed.dueNanos;
            }
        }
        if (first && state.get() != OWNED) {
            LockSupport.unpark(thread); // it sleeps for too long, also while another does its work
        }
        return timed;
    }

    /// Runs the task on this loop again and again, `period` after the end of the run before.
    public Timer every(Duration period, Runnable task) {
        var repeated = new Repeated(period, task);
        repeated.again();
        return repeated;
    }

    private final class Repeated implements Timer {
        private final Duration period;
        private final Runnable task;

        @GuardedBy("this")
        private Timer next = () -> {};

        @GuardedBy("this")
        private boolean cancelled;

        Repeated(Duration period, Runnable task) {
            this.period = period;
            this.task = task;
        }

        synchronized void again() {
            if (!cancelled) {
                next = schedule(period, this::run);
            }
        }

        private void run() {
            runGuarded(task);
            again();
        }

        @Override
        public synchronized void cancel() {
            cancelled = true;
            next.cancel();
        }
    }

    /// Whether the calling thread is this loop's.
    public boolean isCurrent() {
        return Thread.currentThread() == runner;
    }

    private long now() {
        return System.nanoTime() - startNanos;
    }

    private void run() {
        while (!closed) {
            long now = now();
            runBatch(now);
            if (nextDue <= now) {
                runDue(now);
            }
            if (tasks.isEmpty()) {
                sleep();
            }
        }
        tasks.clear();
    }

    private void runBatch(long startedNanos) {
        Runnable task = tasks.poll();
        while (task != null && !closed) {
            runGuarded(task);
            task = isOver(startedNanos) ? null : tasks.poll();
        }
        endBatch();
    }

    private boolean isOver(long startedNanos) {
        return !tasks.isEmpty() && now() - startedNanos > BATCH_NANOS_MAX;
    }

    private void endBatch() {
        // Taken out first: what runs here may leave more to be done, also itself.
        while (!batchEnd.isEmpty()) {
            runGuarded(batchEnd.removeFirst());
        }
    }

    private void runDue(long now) {
        // One by one: each may call off the next.
        Timed due = takeDue(now);
        while (due != null) {
            runGuarded(due.task);
            due = takeDue(now);
        }
        endBatch();
    }

    private @Nullable Timed takeDue(long now) {
        synchronized (timing) {
            Timed first = timers.peek();
            boolean isDue = first != null && first.dueNanos <= now;
            if (isDue) {
                timers.remove();
            }
            Timed next = timers.peek();
            nextDue = next == null ? NO_TIMER : next.dueNanos;
            return isDue ? first : null;
        }
    }

    /// Ends owning the loop, and owns it again when there is something to do.
    private void sleep() {
        state.set(FREE);
        while (true) {
            // Whoever adds a task or a timer after this finds the state.
            int now = state.get();
            if (now == LENT) {
                LockSupport.parkNanos(this, LENT_LOOK_NANOS);
            } else if (now == TOLD || isToRun()) {
                if (state.compareAndSet(now, OWNED)) {
                    break;
                }
            } else if (nextDue == NO_TIMER) {
                LockSupport.park(this);
            } else {
                LockSupport.parkNanos(this, nextDue - now());
            }
            // close() interrupts what the running task may wait for; parking with the flag set
            // spins.
            var _ = Thread.interrupted();
        }
    }

    private boolean isToRun() {
        return closed || !tasks.isEmpty() || nextDue <= now();
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
        closed = true;
        if (isCurrent()) {
            return;
        }
        thread.interrupt();
        try {
            if (!thread.join(Duration.ofMillis(CLOSE_MILLIS_MAX))) {
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
