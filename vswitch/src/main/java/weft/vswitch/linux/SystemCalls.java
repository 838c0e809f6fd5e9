package weft.vswitch.linux;

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

/// System calls. Every one answers its result or, if it failed, the negated errno. One thread at a
/// time uses an instance: it owns the place that errno is left in.
///
/// What moves bytes and never blocks ([#read], [#write], [#send]) takes memory on the heap, too: no
/// garbage collection begins while it runs, which is as long as copying 64 KiB takes.
public final class SystemCalls {
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int EINTR = 4;
    public static final int EAGAIN = 11;
    public static final int EACCES = 13;
    public static final int EBUSY = 16;
    public static final int ENODEV = 19;
    public static final int EINVAL = 22;
    public static final int EADDRINUSE = 98;
    public static final int EADDRNOTAVAIL = 99;

    private static final int O_CLOEXEC = 0x80000;
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
            bindQuick("read", FunctionDescriptor.of(LONG, INT, ADDRESS, LONG));
    private static final MethodHandle WRITE =
            bindQuick("write", FunctionDescriptor.of(LONG, INT, ADDRESS, LONG));
    private static final MethodHandle WRITEV =
            bind("writev", FunctionDescriptor.of(LONG, INT, ADDRESS, INT), -1);
    private static final MethodHandle POLL =
            bind("poll", FunctionDescriptor.of(INT, ADDRESS, LONG, INT), -1);
    private static final MethodHandle EPOLL_CREATE =
            bind("epoll_create1", FunctionDescriptor.of(INT, INT), -1);
    private static final MethodHandle EPOLL_CONTROL =
            bind("epoll_ctl", FunctionDescriptor.of(INT, INT, INT, INT, ADDRESS), -1);
    private static final MethodHandle EPOLL_WAIT =
            bind("epoll_wait", FunctionDescriptor.of(INT, INT, ADDRESS, INT, INT), -1);
    private static final MethodHandle BIND =
            bind("bind", FunctionDescriptor.of(INT, INT, ADDRESS, INT), -1);
    private static final MethodHandle SOCKET_NAME =
            bind("getsockname", FunctionDescriptor.of(INT, INT, ADDRESS, ADDRESS), -1);
    private static final MethodHandle SET_OPTION =
            bind("setsockopt", FunctionDescriptor.of(INT, INT, INT, INT, ADDRESS, INT), -1);
    private static final MethodHandle SEND =
            bindQuick("sendto", FunctionDescriptor.of(LONG, INT, ADDRESS, LONG, INT, ADDRESS, INT));
    private static final MethodHandle RECEIVE_MESSAGE =
            bind("recvmsg", FunctionDescriptor.of(LONG, INT, ADDRESS, INT), -1);

    private final MemorySegment state;

    /// @param arena keeps the place for errno
    public SystemCalls(Arena arena) {
        state = arena.allocate(CALL_STATE);
    }

    public int open(Arena arena, String path, int flags) {
        try {
            return outcome((int) OPEN.invokeExact(state, arena.allocateFrom(path), flags));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int ioctl(int descriptor, long request, MemorySegment argument) {
        try {
            return outcome((int) IOCTL.invokeExact(state, descriptor, request, argument));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int ioctl(int descriptor, long request, long value) {
        try {
            return outcome((int) IOCTL_VALUE.invokeExact(state, descriptor, request, value));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int socket(int family, int type, int protocol) {
        try {
            return outcome((int) SOCKET.invokeExact(state, family, type, protocol));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int eventDescriptor(int flags) {
        try {
            return outcome((int) EVENTFD.invokeExact(state, 0, flags));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public void close(int descriptor) {
        try {
            int closed = (int) CLOSE.invokeExact(state, descriptor);
            assert closed == 0;
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Takes what there is, of a descriptor that does not block.
    public long read(int descriptor, MemorySegment into) {
        try {
            return outcome((long) READ.invokeExact(state, descriptor, into, into.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Writes the first bytes of `from`, to a descriptor that does not block.
    public long write(int descriptor, MemorySegment from, long lengthBytes) {
        try {
            return outcome((long) WRITE.invokeExact(state, descriptor, from, lengthBytes));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public long writeVector(int descriptor, MemorySegment vectors, int count) {
        try {
            return outcome((long) WRITEV.invokeExact(state, descriptor, vectors, count));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Waits without end.
    public int poll(MemorySegment descriptors, int count) {
        try {
            return outcome((int) POLL.invokeExact(state, descriptors, (long) count, -1));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int epollCreate() {
        try {
            return outcome((int) EPOLL_CREATE.invokeExact(state, O_CLOEXEC));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int epollControl(int epoll, int operation, int descriptor, MemorySegment event) {
        try {
            return outcome(
                    (int) EPOLL_CONTROL.invokeExact(state, epoll, operation, descriptor, event));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int epollWait(int epoll, MemorySegment events, int countMax, int timeoutMillis) {
        try {
            return outcome(
                    (int) EPOLL_WAIT.invokeExact(state, epoll, events, countMax, timeoutMillis));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int bind(int socket, MemorySegment address) {
        try {
            return outcome(
                    (int) BIND.invokeExact(state, socket, address, (int) address.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// @param lengthBytes an `int`, of the address; set to the one it has
    public int socketName(int socket, MemorySegment address, MemorySegment lengthBytes) {
        try {
            return outcome((int) SOCKET_NAME.invokeExact(state, socket, address, lengthBytes));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    public int setOption(int socket, int level, int option, MemorySegment value) {
        try {
            return outcome(
                    (int)
                            SET_OPTION.invokeExact(
                                    state, socket, level, option, value, (int) value.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Sends the first bytes of `from` as a datagram, from a socket that does not block.
    public long send(int socket, MemorySegment from, long lengthBytes, MemorySegment address) {
        try {
            return outcome(
                    (long)
                            SEND.invokeExact(
                                    state,
                                    socket,
                                    from,
                                    lengthBytes,
                                    0,
                                    address,
                                    (int) address.byteSize()));
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// @param message a `struct msghdr`
    public long receiveMessage(int socket, MemorySegment message) {
        try {
            return outcome((long) RECEIVE_MESSAGE.invokeExact(state, socket, message, 0));
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

    public static IOException failed(String what, long outcome) {
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

    @SuppressWarnings("restricted")
    private static MethodHandle bindQuick(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name),
                type,
                Linker.Option.captureCallState("errno"),
                Linker.Option.critical(true));
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
