package weft.volume;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import java.util.TreeSet;

/// Numbers a session's changes, and knows the lowest that is not finished: replicas remember only
/// what is above it. Any thread; the lock is held for a few steps.
final class InFlightWrites {
    /// Numbers between the lowest unfinished and the newest. Below what replicas remember of a
    /// session, so that none they may still be asked about is forgotten.
    static final int WINDOW_MAX = 2048;

    @GuardedBy("this")
    private final TreeSet<Long> unfinished = new TreeSet<>();

    @GuardedBy("this")
    private long last;

    /// The next number, which counts as unfinished from now on; 0 if the window is full.
    synchronized long take() {
        if (!hasRoom()) {
            return 0;
        }
        last++;
        unfinished.add(last);
        return last;
    }

    synchronized boolean hasRoom() {
        return unfinished.isEmpty() || last - unfinished.first() < WINDOW_MAX;
    }

    /// The number has been answered for good and will not be sent again.
    synchronized void finish(long number) {
        unfinished.remove(number);
    }

    /// The lowest number that may still be sent.
    synchronized long lowestUnfinished() {
        return unfinished.isEmpty() ? last + 1 : unfinished.first();
    }
}
