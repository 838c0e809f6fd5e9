package weft.storage.nbd;

import java.util.ArrayDeque;
import java.util.Deque;

/// How many bytes of requests and replies the server holds for all its clients together. Full means
/// that sockets are not read until there is room, so clients feel it as back-pressure.
///
/// A lock, not a Loop: sessions on several event loops take and give, and each call is a few
/// instructions.
final class InFlightBudget {
    private static final long BYTES_LEAST = 2L * NbdProtocol.PAYLOAD_BYTES_MAX;
    private static final long BYTES_MOST = 8L * NbdProtocol.PAYLOAD_BYTES_MAX;

    private final long bytesMax;
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private long takenBytes;

    /// A quarter of the heap, where a write's payload is from its first byte on (96 MiB in a node
    /// of one disk; what is read takes the JVM's direct memory, of which there is as much), but two
    /// of the largest requests at least and eight at most.
    InFlightBudget() {
        this(Math.clamp(Runtime.getRuntime().maxMemory() / 4, BYTES_LEAST, BYTES_MOST));
    }

    InFlightBudget(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /// Takes the bytes, or remembers to run `retry` once when some have been given back.
    synchronized boolean take(long bytes, Runnable retry) {
        assert bytes <= bytesMax;
        if (takenBytes + bytes > bytesMax) {
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
