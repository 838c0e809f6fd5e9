package weft.storage.nbd;

import java.util.ArrayDeque;
import java.util.Deque;

/// How many bytes of requests and replies the server holds for all its clients together. Full means
/// that sockets are not read until there is room, so clients feel it as back-pressure.
///
/// A lock, not a Loop: sessions on several event loops take and give, and each call is a few
/// instructions.
final class InFlightBudget {
    /// Eight of the largest requests; the JVM's direct memory must have room for it.
    static final long BYTES_MAX = 8L * NbdProtocol.PAYLOAD_BYTES_MAX;

    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private long takenBytes;

    /// Takes the bytes, or remembers to run `retry` once when some have been given back.
    synchronized boolean take(long bytes, Runnable retry) {
        assert bytes <= BYTES_MAX;
        if (takenBytes + bytes > BYTES_MAX) {
            waiting.add(retry);
            return false;
        }
        takenBytes += bytes;
        return true;
    }

    /// Gives bytes back.
    void give(long bytes) {
        Runnable[] woken;
        synchronized (this) {
            takenBytes -= bytes;
            assert takenBytes >= 0;
            woken = waiting.toArray(Runnable[]::new);
            waiting.clear();
        }
        for (Runnable retry : woken) {
            retry.run();
        }
    }

    synchronized long takenBytes() {
        return takenBytes;
    }
}
