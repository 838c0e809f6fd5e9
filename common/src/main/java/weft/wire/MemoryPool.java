package weft.wire;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import java.lang.foreign.MemorySegment;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Memory outside of the heap for long messages, used again and again: the kernel reads into it and
/// writes from it, nothing fills it with zeroes, and the garbage collector has nothing to move.
///
/// Bounded: when all of it is in use, memory is taken from the heap, at the price of copies. What
/// holders forgot to release is found when the garbage collector has taken it.
///
/// Thread-safe; a lock for a few steps at each message.
public final class MemoryPool {
    private static final int CLASSES = 7;

    /// Shorter messages are better off on the heap.
    public static final int LENGTH_BYTES_MIN = 64 << 10;

    /// A chunk of 4 MiB with what a message has beside it.
    public static final int LENGTH_BYTES_MAX = sizeBytes(CLASSES - 1);

    /// What a disk's transfers may be aligned to.
    private static final int ALIGNMENT_BYTES = 4096;

    private static final byte POISON = (byte) 0xDB;

    private final long bytesMax;
    private final boolean poisons;

    @GuardedBy("this")
    private final List<ArrayDeque<ByteBuffer>> free = new ArrayList<>();

    @GuardedBy("this")
    private long allBytes;

    // Keeps the references reachable, so that the queue hears of what was lost.
    private final Set<Home> given = ConcurrentHashMap.newKeySet();

    private final ReferenceQueue<CountedMemory> lost = new ReferenceQueue<>();

    /// @param bytesMax of memory outside of the heap
    public MemoryPool(long bytesMax) {
        this(bytesMax, false);
    }

    private MemoryPool(long bytesMax, boolean poisons) {
        this.bytesMax = bytesMax;
        this.poisons = poisons;
        for (int sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
            free.add(new ArrayDeque<>());
        }
    }

    /// One that overwrites what nobody holds any more: who still reads it finds wrong checksums.
    public static MemoryPool poisoning(long bytesMax) {
        return new MemoryPool(bytesMax, true);
    }

    /// Classes are powers of two from 64 KiB on, each with a sixteenth more for what a message has
    /// beside its payload.
    private static int sizeBytes(int sizeClass) {
        int payload = LENGTH_BYTES_MIN << sizeClass;
        return payload + payload / 16;
    }

    private static int classOf(int lengthBytes) {
        int sizeClass = 0;
        while (sizeBytes(sizeClass) < lengthBytes) {
            sizeClass++;
        }
        return sizeClass;
    }

    /// Memory that the caller holds; its bytes are what they were.
    ///
    /// @param lengthBytes at most [#LENGTH_BYTES_MAX]
    public CountedMemory take(int lengthBytes) {
        if (lengthBytes < 0 || lengthBytes > LENGTH_BYTES_MAX) {
            throw new IllegalArgumentException(lengthBytes + " bytes of memory");
        }
        int sizeClass = classOf(lengthBytes);
        synchronized (this) {
            forgetLost();
            for (int large = sizeClass; large < CLASSES; large++) {
                ByteBuffer whole = free.get(large).poll();
                if (whole != null) {
                    return give(whole, lengthBytes, large);
                }
            }
            if (!reserve(sizeBytes(sizeClass))) {
                return new CountedMemory(ByteBuffer.allocate(lengthBytes));
            }
        }
        try {
            return give(make(sizeClass), lengthBytes, sizeClass);
        } catch (OutOfMemoryError e) {
            // Others have what the process may have outside of the heap.
            unreserve(sizeBytes(sizeClass));
            return new CountedMemory(ByteBuffer.allocate(lengthBytes));
        }
    }

    /// Makes room among what is free and too small; the garbage collector gives that back.
    @GuardedBy("this")
    private boolean reserve(int sizeBytes) {
        for (int small = 0; small < CLASSES && allBytes + sizeBytes > bytesMax; small++) {
            while (allBytes + sizeBytes > bytesMax && free.get(small).poll() != null) {
                allBytes -= sizeBytes(small);
            }
        }
        boolean hasRoom = allBytes + sizeBytes <= bytesMax;
        allBytes += hasRoom ? sizeBytes : 0;
        return hasRoom;
    }

    private synchronized void unreserve(int sizeBytes) {
        allBytes -= sizeBytes;
    }

    private static ByteBuffer make(int sizeClass) {
        return ByteBuffer.allocateDirect(sizeBytes(sizeClass) + ALIGNMENT_BYTES)
                .alignedSlice(ALIGNMENT_BYTES);
    }

    private CountedMemory give(ByteBuffer whole, int lengthBytes, int sizeClass) {
        return new CountedMemory(
                whole.slice(0, lengthBytes),
                memory -> {
                    var home = new Home(memory, whole, lengthBytes, sizeClass);
                    given.add(home);
                    return home;
                });
    }

    /// Whoever still reads such memory may go on: it is not used again.
    @GuardedBy("this")
    private void forgetLost() {
        for (Reference<?> gone = lost.poll(); gone != null; gone = lost.poll()) {
            if (gone instanceof Home home && given.remove(home)) {
                allBytes -= sizeBytes(home.sizeClass);
            }
        }
    }

    private synchronized void takeBack(Home home) {
        if (given.remove(home)) {
            home.clear();
            if (poisons) {
                MemorySegment.ofBuffer(home.whole).asSlice(0, home.lengthBytes).fill(POISON);
            }
            free.get(home.sizeClass).push(home.whole);
        }
    }

    /// What is given away, and where it goes back to.
    final class Home extends PhantomReference<CountedMemory> {
        private final ByteBuffer whole;
        private final int lengthBytes;
        private final int sizeClass;

        private Home(CountedMemory memory, ByteBuffer whole, int lengthBytes, int sizeClass) {
            super(memory, lost);
            this.whole = whole;
            this.lengthBytes = lengthBytes;
            this.sizeClass = sizeClass;
        }

        void takeBack() {
            MemoryPool.this.takeBack(this);
        }
    }
}
