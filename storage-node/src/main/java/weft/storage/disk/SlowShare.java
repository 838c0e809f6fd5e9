package weft.storage.disk;

import java.util.ArrayDeque;

/// How much of the last seconds a device spent in operations that took too long, running or done;
/// and how much of the last one it had to do at all. For operations that follow one another, as a
/// journal's writes do: then the share is what a writer waits in vain. An operation that never
/// comes back counts like those that come late.
///
/// Safe from any thread. An operation costs two calls without contention.
public final class SlowShare {
    /// What is looked back on.
    public static final long WINDOW_NANOS = 4_000_000_000L;

    private static final long BUSY_WINDOW_NANOS = 1_000_000_000L;

    private static final int SLOW_PERCENT = 50;
    private static final int WELL_PERCENT = 10;

    private final long slowNanos;

    private record Span(long fromNanos, long toNanos) {}

    // A lock: one thread works, others ask.
    private final ArrayDeque<Span> slow = new ArrayDeque<>();
    private long begunNanos;
    private boolean isRunning;
    private long busyNanos;
    private long sampledNanos = Long.MIN_VALUE / 2;
    private long sampledBusyNanos;
    private int busyPercent;

    /// @param slowNanos from which on an operation counts; a whole part of the window at the most
    public SlowShare(long slowNanos) {
        if (slowNanos < 1 || slowNanos > WINDOW_NANOS) {
            throw new IllegalArgumentException("slow from " + slowNanos + " ns on");
        }
        this.slowNanos = slowNanos;
    }

    /// Whether a device of which that is the share is slow.
    public static boolean isSlow(int percent) {
        return percent >= SLOW_PERCENT;
    }

    /// Whether it is well. In between it is neither, so that it does not come and go.
    public static boolean isWell(int percent) {
        return percent <= WELL_PERCENT;
    }

    /// Whether it is so much better than a slow one that it is well beside that: where all disks
    /// are slow now and then, one that stands still must not stay for want of a better.
    public static boolean isWellBeside(int slowPercent, int percent) {
        return isWell(percent) || percent <= slowPercent / 4;
    }

    /// An operation begins.
    public synchronized void begin(long nowNanos) {
        begunNanos = nowNanos;
        isRunning = true;
    }

    /// It is over, however it ended.
    public synchronized void end(long nowNanos) {
        isRunning = false;
        busyNanos += nowNanos - begunNanos;
        if (nowNanos - begunNanos >= slowNanos) {
            slow.add(new Span(begunNanos, nowNanos));
            forgetBefore(nowNanos - WINDOW_NANOS);
        }
    }

    /// How much of the time since this was worked out last, a second ago or longer, it was at work:
    /// 0 to 100.
    public synchronized int busyPercent(long nowNanos) {
        long sinceNanos = nowNanos - sampledNanos;
        if (sinceNanos >= BUSY_WINDOW_NANOS) {
            long busy = busyNanos + (isRunning ? nowNanos - begunNanos : 0);
            busyPercent = Math.clamp((busy - sampledBusyNanos) / (sinceNanos / 100), 0, 100);
            sampledNanos = nowNanos;
            sampledBusyNanos = busy;
        }
        return busyPercent;
    }

    /// Such an operation is over; for those of which several run at the same time.
    public void note(long begunNanos, long nowNanos) {
        if (nowNanos - begunNanos >= slowNanos) {
            synchronized (this) {
                slow.add(new Span(begunNanos, nowNanos));
                forgetBefore(nowNanos - WINDOW_NANOS);
            }
        }
    }

    private void forgetBefore(long nanos) {
        while (!slow.isEmpty() && slow.getFirst().toNanos() < nanos) {
            slow.removeFirst();
        }
    }

    /// The share, 0 to 100.
    public synchronized int percent(long nowNanos) {
        long fromNanos = nowNanos - WINDOW_NANOS;
        forgetBefore(fromNanos);
        long sum = 0;
        for (Span span : slow) {
            sum += span.toNanos() - Math.max(span.fromNanos(), fromNanos);
        }
        if (isRunning && nowNanos - begunNanos >= slowNanos) {
            sum += nowNanos - Math.max(begunNanos, fromNanos);
        }
        return Math.clamp(sum * 100 / WINDOW_NANOS, 0, 100);
    }
}
