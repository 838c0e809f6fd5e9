package weft.vswitch.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Waits for many descriptors to have something to read (epoll, level-triggered), and can be woken
/// from any thread. Everything else is for one thread.
///
/// ```text
/// struct epoll_event: events 4 · data 8      packed on x86-64, with 4 bytes between elsewhere
/// ```
public final class Epoll implements AutoCloseable {
    private static final int ADD = 1;
    private static final int REMOVE = 2;
    private static final int IN = 1;
    private static final int EDGE_TRIGGERED = 1 << 31;
    private static final int EVENTS_MAX = 256;
    private static final int O_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
    private static final boolean IS_PACKED = "amd64".equals(System.getProperty("os.arch"));
    private static final int DATA = IS_PACKED ? 4 : 8;
    private static final int EVENT_BYTES = DATA + 8;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    /// What [#token] says of a [#wake].
    public static final long WOKEN = -1;

    private final Arena arena = Arena.ofShared();
    private final SystemCalls calls = new SystemCalls(arena);
    private final MemorySegment events = arena.allocate((long) EVENT_BYTES * EVENTS_MAX, 8);
    private final MemorySegment event = arena.allocate(EVENT_BYTES, 8);
    private final MemorySegment one = arena.allocate(8, 8);
    private final SystemCalls wakingCalls = new SystemCalls(arena);
    private final int descriptor;
    private final int wakeDescriptor;
    private boolean closed; // guarded by `one`

    public Epoll() throws IOException {
        one.set(ValueLayout.JAVA_LONG, 0, 1L);
        descriptor = calls.epollCreate();
        wakeDescriptor = descriptor < 0 ? -1 : calls.eventDescriptor(O_NONBLOCK_CLOEXEC);
        int outcome = wakeDescriptor < 0 ? wakeDescriptor : 0;
        if (outcome == 0) {
            // By its edges: nobody need read the eventfd, which takes 2^64 wakes.
            outcome = control(ADD, wakeDescriptor, IN | EDGE_TRIGGERED, WOKEN);
        }
        if (descriptor < 0 || outcome < 0) {
            closeAll();
            throw SystemCalls.failed("epoll", descriptor < 0 ? descriptor : outcome);
        }
    }

    private int control(int operation, int of, int eventBits, long token) {
        event.set(ValueLayout.JAVA_INT, 0, eventBits);
        event.set(LONG, DATA, token);
        return calls.epollControl(descriptor, operation, of, event);
    }

    /// Waits for that descriptor, too.
    ///
    /// @param token what [#token] says of it, at least 0
    public void add(int newDescriptor, long token) throws IOException {
        int outcome = control(ADD, newDescriptor, IN, token);
        if (outcome < 0) {
            throw SystemCalls.failed("wait for a descriptor", outcome);
        }
    }

    /// Waits for it no more.
    public void remove(int oldDescriptor) {
        int outcome = control(REMOVE, oldDescriptor, 0, 0);
        assert outcome == 0 : outcome;
    }

    /// Waits until something can be read or somebody wakes it.
    ///
    /// @param timeoutMillis 0 only looks
    /// @return how many have something; see [#token]
    public int await(int timeoutMillis) throws IOException {
        int count = calls.epollWait(descriptor, events, EVENTS_MAX, timeoutMillis);
        if (count >= 0 || count == -SystemCalls.EINTR) {
            return Math.max(0, count);
        }
        throw SystemCalls.failed("wait for frames", count);
    }

    /// Which the last [#await] found.
    public long token(int index) {
        return events.get(LONG, (long) index * EVENT_BYTES + DATA);
    }

    /// Ends the present or the next [#await]; from any thread, also when it is closed.
    public void wake() {
        // A lock: after a close the number may be another file's. Who is awake is not woken, so
        // that it is rarely taken.
        synchronized (one) {
            if (!closed) {
                long written = wakingCalls.write(wakeDescriptor, one, 8);
                assert written == 8 : written;
            }
        }
    }

    @Override
    public void close() {
        synchronized (one) {
            closed = true;
        }
        closeAll();
    }

    private void closeAll() {
        for (int each : new int[] {descriptor, wakeDescriptor}) {
            if (each >= 0) {
                calls.close(each);
            }
        }
        arena.close();
    }
}
