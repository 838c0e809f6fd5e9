package weft.storage.disk;

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
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// The system calls that java.nio lacks: holes (fallocate(2)) and one force for a whole file system
/// (syncfs(2), which reports write-back errors since Linux 5.8). Blocking: platform threads only.
final class LinuxFiles {
    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;
    private static final int ENOENT = 2;
    private static final int EINTR = 4;
    private static final int EOPNOTSUPP = 95;

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle OPEN =
            bind(
                    "open",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
                    Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE =
            bind("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle SYNCFS =
            bind("syncfs", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle FALLOCATE =
            bind(
                    "fallocate",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_LONG));

    private LinuxFiles() {}

    /// Punches a hole; answers false where the file system has none.
    static boolean punch(Path path, long positionBytes, long lengthBytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int descriptor = open(arena, state, path, O_RDWR);
            try {
                int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
                int result;
                do {
                    result =
                            (int)
                                    FALLOCATE.invokeExact(
                                            state, descriptor, mode, positionBytes, lengthBytes);
                } while (result < 0 && errno(state) == EINTR);
                if (result == 0) {
                    return true;
                }
                if (errno(state) == EOPNOTSUPP) {
                    return false;
                }
                throw failed("fallocate", path, errno(state));
            } finally {
                close(arena, descriptor);
            }
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("fallocate " + path, e);
        }
    }

    /// Makes everything in the file system that holds `path` durable.
    static void syncFileSystem(Path path) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int descriptor = open(arena, state, path, O_RDONLY);
            try {
                if ((int) SYNCFS.invokeExact(state, descriptor) != 0) {
                    throw failed("syncfs", path, errno(state));
                }
            } finally {
                close(arena, descriptor);
            }
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("syncfs " + path, e);
        }
    }

    private static int open(Arena arena, MemorySegment state, Path path, int flags)
            throws Throwable {
        int descriptor =
                (int)
                        OPEN.invokeExact(
                                state, arena.allocateFrom(path.toString()), flags | O_CLOEXEC);
        if (descriptor < 0) {
            throw failed("open", path, errno(state));
        }
        return descriptor;
    }

    private static void close(Arena arena, int descriptor) throws Throwable {
        // A failed close of a descriptor that wrote nothing loses nothing.
        int unused = (int) CLOSE.invokeExact(arena.allocate(CALL_STATE), descriptor);
        assert unused == 0;
    }

    private static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    private static IOException failed(String call, Path path, int errno) {
        return errno == ENOENT
                ? new NoSuchFileException(path.toString())
                : new IOException("%s %s: errno %d".formatted(call, path, errno));
    }

    @SuppressWarnings("restricted")
    private static MethodHandle bind(
            String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        Linker.Option[] all = new Linker.Option[options.length + 1];
        System.arraycopy(options, 0, all, 1, options.length);
        all[0] = Linker.Option.captureCallState("errno");
        return linker.downcallHandle(
                linker.defaultLookup().find(name).orElseThrow(), descriptor, all);
    }
}
