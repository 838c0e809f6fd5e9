package weft.sim;

import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Random;

/// Virtual time: events in order of their time, ties in order of their making. The same seed gives
/// the same run.
public final class SimWorld {
    private record Event(long atNanos, long order, Runnable action) {}

    private static final int TRACE_LINES_MAX = 120;

    private final PriorityQueue<Event> events =
            new PriorityQueue<>((a, b) ->
                    a.atNanos != b.atNanos
                            ? Long.compare(a.atNanos, b.atNanos)
                            : Long.compare(a.order, b.order));
    private final Random random;
    private final ArrayDeque<String> trace = new ArrayDeque<>();
    private long nowNanos;
    private long made;
    private Runnable afterEach = () -> {};

    public SimWorld(long seed) {
        random = new Random(seed * 0x9e3779b97f4a7c15L);
    }

    /// Time since the beginning.
    public long nowNanos() {
        return nowNanos;
    }

    /// The one source of choices.
    public Random random() {
        return random;
    }

    /// True with the given probability.
    public boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    /// A number in from..to, both included.
    public long between(long from, long to) {
        return from + (long) (random.nextDouble() * (to - from + 1));
    }

    /// Runs the action after a delay.
    public void after(long delayNanos, Runnable action) {
        made++;
        events.add(new Event(nowNanos + Math.max(0, delayNanos), made, action));
    }

    /// What is checked after every event.
    public void afterEach(Runnable check) {
        afterEach = check;
    }

    /// Lets time pass, event by event.
    public void run(long durationNanos) {
        long end = nowNanos + durationNanos;
        while (!events.isEmpty() && events.peek().atNanos() <= end) {
            Event event = events.poll();
            nowNanos = event.atNanos();
            event.action().run();
            afterEach.run();
        }
        nowNanos = end;
    }

    /// Notes what happened, for the report of a failure.
    public void tell(String line) {
        trace.addLast("%9.3f ms  %s".formatted(nowNanos / 1e6, line));
        if (trace.size() > TRACE_LINES_MAX) {
            trace.removeFirst();
        }
    }

    /// The last things that were told.
    public String trace() {
        return String.join("\n", trace);
    }
}
