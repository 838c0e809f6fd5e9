package weft.storage.server;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.atomic.AtomicLong;

/// The payloads that a store's replicas were handed and have not done with. A disk that falls
/// behind, or hangs, holds up the replicas' loops, and the network goes on: without a limit it
/// would fill the memory. Safe from any thread.
final class Intake {
    /// So that a group that cannot answer does not hold up all others of the store.
    private static final int SHARES = 4;

    private final long bytesMax;
    private final @Nullable Intake all;
    private final AtomicLong bytes = new AtomicLong();

    Intake(long bytesMax) {
        this(bytesMax, null);
    }

    private Intake(long bytesMax, @Nullable Intake all) {
        this.bytesMax = bytesMax;
        this.all = all;
    }

    /// For one of many: a part of this, which counts here, too.
    Intake share() {
        return new Intake(bytesMax / SHARES, this);
    }

    /// Takes a payload in, if there is room; one is always taken.
    boolean admit(int lengthBytes) {
        if (lengthBytes == 0) {
            return true;
        }
        long before = bytes.getAndAdd(lengthBytes);
        boolean fits = before == 0 || before + lengthBytes <= bytesMax;
        if (fits && (all == null || all.admit(lengthBytes))) {
            return true;
        }
        bytes.addAndGet(-lengthBytes);
        return false;
    }

    /// It is done with.
    void done(int lengthBytes) {
        if (lengthBytes > 0) {
            bytes.addAndGet(-lengthBytes);
            if (all != null) {
                all.done(lengthBytes);
            }
        }
    }
}
