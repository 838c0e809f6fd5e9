package weft.vswitch.pipeline;

import java.util.concurrent.atomic.AtomicLong;

/// A counter with one writing thread and any number of readers: no atomic read-modify-write.
final class Tally {
    private final AtomicLong count = new AtomicLong();

    void add(long amount) {
        count.setOpaque(count.getPlain() + amount);
    }

    long get() {
        return count.getOpaque();
    }
}
