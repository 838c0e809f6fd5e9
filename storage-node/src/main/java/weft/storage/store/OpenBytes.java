package weft.storage.store;

import java.util.concurrent.atomic.AtomicLong;

/// The payloads of all entries of a store's groups, of one kind, that are prepared and neither
/// applied nor voided, or held for copies: they are in memory. Each group has a window of its own,
/// and there are many groups. Safe from any thread.
final class OpenBytes {
    private final AtomicLong bytes = new AtomicLong();
    private volatile long bytesMax = Long.MAX_VALUE;

    void add(long more) {
        bytes.addAndGet(more);
    }

    void limit(long most) {
        bytesMax = most;
    }

    /// Whether they are as many as there may be.
    boolean areMany() {
        return bytes.get() >= bytesMax;
    }
}
