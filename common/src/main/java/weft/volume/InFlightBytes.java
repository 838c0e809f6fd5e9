package weft.volume;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// Bounds what a volume holds in memory: operations start in order of arrival when there is room.
/// An operation that waits holds only its caller's buffer.
final class InFlightBytes {
    private record Waiting(long bytes, Runnable start) {}

    private final long bytesMax;

    @GuardedBy("this")
    private final Deque<Waiting> waiting = new ArrayDeque<>();

    @GuardedBy("this")
    private long usedBytes;

    InFlightBytes(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /// Runs `start` now or when there is room; one that is larger than all room runs alone.
    void acquire(long bytes, Runnable start) {
        synchronized (this) {
            if (!waiting.isEmpty() || !fits(bytes)) {
                waiting.add(new Waiting(bytes, start));
                return;
            }
            usedBytes += bytes;
        }
        start.run();
    }

    void release(long bytes) {
        List<Runnable> started = new ArrayList<>();
        synchronized (this) {
            usedBytes -= bytes;
            for (Waiting next = waiting.peek();
                    next != null && fits(next.bytes());
                    next = waiting.peek()) {
                waiting.remove();
                usedBytes += next.bytes();
                started.add(next.start());
            }
        }
        started.forEach(Runnable::run);
    }

    @GuardedBy("this")
    private boolean fits(long bytes) {
        return usedBytes == 0 || usedBytes + bytes <= bytesMax;
    }
}
