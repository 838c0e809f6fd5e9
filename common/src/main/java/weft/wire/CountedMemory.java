package weft.wire;

import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/// Memory of a [MemoryPool] in which one long message lies: received into it, and sent and written
/// from it, by the kernel itself. It is used for another message as soon as nobody holds it.
///
/// Who is given a message (or buffers) in it may read during the call. Who keeps it for longer
/// holds it: [#retain()] before, [#release()] afterwards, once. A release that is forgotten costs
/// little, as the garbage collector takes the memory then; one that comes too early lets others
/// write over what is still read.
///
/// Thread-safe.
public final class CountedMemory {
    /// Bytes on the heap: nobody counts who has them.
    public static final CountedMemory HEAP = new CountedMemory(ByteBuffer.allocate(0));

    private final ByteBuffer bytes;
    private final MemoryPool.@Nullable Home home;
    private final AtomicInteger holders = new AtomicInteger(1);

    /// On the heap.
    CountedMemory(ByteBuffer bytes) {
        this.bytes = bytes;
        home = null;
    }

    /// @param home makes the place that it goes back to
    CountedMemory(ByteBuffer bytes, Function<CountedMemory, MemoryPool.Home> home) {
        this.bytes = bytes;
        this.home = home.apply(this);
    }

    /// All of it, in a buffer of the caller's own.
    public ByteBuffer bytes() {
        return bytes.duplicate();
    }

    /// Whether it is to be held at all.
    public boolean isCounted() {
        return home != null;
    }

    /// One holder more.
    ///
    /// @throws IllegalStateException if there was none, so that it may be others' by now
    public void retain() {
        if (home != null && holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) == 0) {
            throw new IllegalStateException("memory that nobody holds any more");
        }
    }

    /// Holds it until the task has run that is returned, once.
    ///
    /// @param end what that task does
    public Runnable holdUntil(Runnable end) {
        if (home == null) {
            return end;
        }
        retain();
        return () -> {
            try {
                end.run();
            } finally {
                release();
            }
        };
    }

    /// One holder less.
    ///
    /// @throws IllegalStateException if there was none
    public void release() {
        if (home == null) {
            return;
        }
        int before = holders.getAndUpdate(n -> n == 0 ? 0 : n - 1);
        if (before == 0) {
            throw new IllegalStateException("memory that nobody holds was let go once more");
        }
        if (before == 1) {
            home.takeBack();
        }
    }
}
