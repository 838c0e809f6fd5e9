package weft.storage.server;

import java.util.concurrent.atomic.AtomicLong;

/// The payloads that a store's replicas were handed and have not done with. A disk that falls
/// behind, or hangs, holds up the replicas' loops, and the network goes on: without a limit it
/// would fill the memory. Safe from any thread.
final class Intake {
    private final long bytesMax;
    private final AtomicLong bytes = new AtomicLong();

    Intake(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /// Takes a payload in, if there is room; one is always taken.
    boolean admit(int lengthBytes) {
        long before = bytes.getAndAdd(lengthBytes);
        if (lengthBytes > 0 && before > 0 && before + lengthBytes > bytesMax) {
            bytes.addAndGet(-lengthBytes);
            return false;
        }
        return true;
    }

    /// It is done with.
    void done(int lengthBytes) {
        bytes.addAndGet(-lengthBytes);
    }
}
