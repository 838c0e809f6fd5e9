package weft.vswitch.port;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/// The system calls that a TAP device needs. Every one answers its result or, if it failed, the
/// negated errno. One thread at a time uses an instance: it owns the place that errno is left in.
final class TapCalls {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int EINTR = 4;
    static final int EAGAIN = 11;
    static final int EACCES = 13;
    static final int EBUSY = 16;
    static final int ENODEV = 19;
    static final int EINVAL = 22;

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ValueLayout INT = ValueLayout.JAVA_INT;
    private static final ValueLayout LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout ADDRESS = ValueLayout.ADDRESS;
    private static final MethodHandle OPEN =
            bind("open", FunctionDescriptor.of(INT, ADDRESS, INT), 2);
    private static final MethodHandle IOCTL =
            bind("ioctl", FunctionDescriptor.of(INT, INT, LONG, ADDRESS), 2);
    private static final MethodHandle IOCTL_VALUE =
            bind("ioctl", FunctionDescriptor.of(INT, INT, LONG, LONG), 2);
    private static final MethodHandle SOCKET =
            bind("socket", FunctionDescriptor.of(INT, INT, INT, INT), -1);
    private static final MethodHandle EVENTFD =
            bind("eventfd", FunctionDescriptor.of(INT, INT, INT), -1);
    private static final MethodHandle CLOSE = bind("close", FunctionDescriptor.of(INT, INT), -1);
    private static final MethodHandle READ =
            bind("read", FunctionDescriptor.of(LONG, INT, ADDRESS, LONG), -1);
    private static final MethodHandle WRITE =
            bind("write", FunctionDescriptor.of(LONG, INT, ADDRESS, LONG), -1);
    private static final MethodHandle WRITEV =
            bind("writev", FunctionDescriptor.of(LONG, INT, ADDRESS, INT), -1);
    private static final MethodHandle POLL =
            bind("poll", FunctionDescriptor.of(INT, ADDRESS, LONG, INT), -1);

    private final MemorySegment state;

    TapCalls(Arena arena) {
        state = arena.allocate(CALL_STATE);
    }

    int open(Arena arena, String path, int flags) {
        try {
            return outcome((int) OPEN.invokeExact(state, arena.allocateFrom(path), flags));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    int ioctl(int descriptor, long request, MemorySegment argument) {
        try {
            return outcome((int) IOCTL.invokeExact(state, descriptor, request, argument));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    int ioctl(int descriptor, long request, long value) {
        try {
            return outcome((int) IOCTL_VALUE.invokeExact(state, descriptor, request, value));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    int socket(int family, int type, int protocol) {
        try {
            return outcome((int) SOCKET.invokeExact(state, family, type, protocol));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    int eventDescriptor(int flags) {
        try {
            return outcome((int) EVENTFD.invokeExact(state, 0, flags));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    void close(int descriptor) {
        try {
            int closed = (int) CLOSE.invokeExact(state, descriptor);
            assert closed == 0;
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    long read(int descriptor, MemorySegment into) {
        try {
            return outcome((long) READ.invokeExact(state, descriptor, into, into.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    long write(int descriptor, MemorySegment from) {
        try {
            return outcome((long) WRITE.invokeExact(state, descriptor, from, from.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    long writeVector(int descriptor, MemorySegment vectors, int count) {
        try {
            return outcome((long) WRITEV.invokeExact(state, descriptor, vectors, count));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Waits without end.
    int poll(MemorySegment descriptors, int count) {
        try {
            return outcome((int) POLL.invokeExact(state, descriptors, (long) count, -1));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    private int outcome(int result) {
        return result < 0 ? -(int) ERRNO.get(state, 0L) : result;
    }

    private long outcome(long result) {
        return result < 0 ? -(int) ERRNO.get(state, 0L) : result;
    }

    static IOException failed(String what, long outcome) {
        return new IOException("%s: errno %d".formatted(what, -outcome));
    }

    private static RuntimeException impossible(Throwable e) {
        if (e instanceof RuntimeException runtime) {
            throw runtime;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(e);
    }

    /// @param variadic the first argument of a list without end, or -1
    @SuppressWarnings("restricted")
    private static MethodHandle bind(String name, FunctionDescriptor type, int variadic) {
        Linker linker = Linker.nativeLinker();
        Linker.Option errno = Linker.Option.captureCallState("errno");
        Linker.Option[] options =
                variadic < 0
                        ? new Linker.Option[] {errno}
                        : new Linker.Option[] {errno, Linker.Option.firstVariadicArg(variadic)};
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type, options);
    }
}
