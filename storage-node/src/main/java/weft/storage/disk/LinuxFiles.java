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
import java.nio.charset.Charset;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;

/// System calls on files, for what java.nio lacks: holes (fallocate(2)), advice for one handle
/// (posix_fadvise(2)), a start of write-back (sync_file_range(2)), and one force for a whole file
/// system (syncfs(2), which reports write-back errors since Linux 5.8). Blocking: platform threads
/// only.
final class LinuxFiles {
    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;

    /// What is read is read alone: nothing of what lies around it.
    static final int POSIX_FADV_RANDOM = 1;

    /// It will be read soon: a start is made, with as much as the device reads ahead (128 KiB,
    /// where nothing else is set).
    static final int POSIX_FADV_WILLNEED = 3;

    private static final int O_CLOEXEC = 0x80000;
    private static final int NEW_FILE_MODE = 0666;
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;
    private static final int SEEK_END = 2;
    private static final int SYNC_FILE_RANGE_WRITE = 2;
    private static final int ENOENT = 2;
    private static final int EINTR = 4;
    private static final int EINVAL = 22;
    private static final int ESPIPE = 29;
    private static final int ENOSYS = 38;
    private static final int EOPNOTSUPP = 95;

    /// Of a call that the kernel or the file system does not have.
    private static final Set<Integer> NOT_THERE = Set.of(EINVAL, ESPIPE, ENOSYS, EOPNOTSUPP);

    private static final long TEXT_BYTES_MAX = 256;

    /// As java.nio has the names of files.
    private static final Charset NAMES =
            Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle OPEN =
            bind(
                    "open",
                    FunctionDescriptor.of(INT, ValueLayout.ADDRESS, INT, INT),
                    Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE = bind("close", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle SYNCFS = bind("syncfs", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FDATASYNC =
            bind("fdatasync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FALLOCATE =
            bind("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG));
    private static final MethodHandle LSEEK =
            bind("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT));
    private static final MethodHandle PREAD = transfer("pread");
    private static final MethodHandle PWRITE = transfer("pwrite");
    private static final MethodHandle POSIX_FADVISE =
            bind("posix_fadvise", FunctionDescriptor.of(INT, INT, LONG, LONG, INT));
    private static final MethodHandle SYNC_FILE_RANGE =
            bind("sync_file_range", FunctionDescriptor.of(INT, INT, LONG, LONG, INT));
    private static final MethodHandle STRERROR =
            bind("strerror", FunctionDescriptor.of(ValueLayout.ADDRESS, INT));

    /// Where calls of a thread leave their errno.
    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

    private LinuxFiles() {}

    /// One call that answers -1 if it fails.
    private interface Call {
        long invoke(MemorySegment state) throws Throwable;
    }

    /// Makes the call, again where a signal came between.
    private static long call(String name, Object of, Call call) throws IOException {
        MemorySegment state = STATE.get();
        while (true) {
            long result;
            try {
                result = call.invoke(state);
            } catch (Throwable e) {
                throw new IllegalStateException(name, e);
            }
            if (result >= 0) {
                return result;
            }
            int errno = (int) ERRNO.get(state, 0L);
            if (errno == ENOENT) {
                throw new NoSuchFileException(of.toString());
            }
            if (errno != EINTR) {
                throw new Failed("%s %s: %s".formatted(name, of, textOf(state, errno)), errno);
            }
        }
    }

    /// A call that failed.
    private static final class Failed extends IOException {
        private static final long serialVersionUID = 1;

        private final int errno;

        Failed(String message, int errno) {
            super(message);
            this.errno = errno;
        }
    }

    @SuppressWarnings("restricted")
    private static String textOf(MemorySegment state, int errno) {
        try {
            var text = (MemorySegment) STRERROR.invokeExact(state, errno);
            return text.reinterpret(TEXT_BYTES_MAX).getString(0);
        } catch (Throwable e) {
            return "errno " + errno;
        }
    }

    /// Opens a file; the caller closes the descriptor.
    static int open(Path path, int flags) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path.toString(), NAMES);
            return (int)
                    call(
                            "open",
                            path,
                            state ->
                                    (int)
                                            OPEN.invokeExact(
                                                    state, name, flags | O_CLOEXEC, NEW_FILE_MODE));
        }
    }

    /// Closes it; never twice, for the number may be another file's by then, also after EINTR. A
    /// failure says nothing of what was forced.
    static void close(int descriptor) {
        try {
            int _ = (int) CLOSE.invokeExact(STATE.get(), descriptor);
        } catch (Throwable e) {
            throw new IllegalStateException("close", e);
        }
    }

    /// Reads up to that many bytes into native memory; answers how many, 0 at the file's end.
    static int read(int descriptor, Path path, MemorySegment into, long count, long position)
            throws IOException {
        return (int)
                call(
                        "read",
                        path,
                        state ->
                                (long) PREAD.invokeExact(state, descriptor, into, count, position));
    }

    /// Writes up to that many bytes of native memory; answers how many.
    static int write(int descriptor, Path path, MemorySegment from, long count, long position)
            throws IOException {
        return (int)
                call(
                        "write",
                        path,
                        state ->
                                (long)
                                        PWRITE.invokeExact(
                                                state, descriptor, from, count, position));
    }

    static long sizeBytes(int descriptor, Path path) throws IOException {
        return call(
                "lseek", path, state -> (long) LSEEK.invokeExact(state, descriptor, 0L, SEEK_END));
    }

    static void force(int descriptor, Path path) throws IOException {
        var _ = call("fdatasync", path, state -> (int) FDATASYNC.invokeExact(state, descriptor));
    }

    /// Has the device begin with all that is cached of a file, and does not wait for it. Without
    /// effect where there is no such call.
    static void beginWriteBack(int descriptor, Path path) throws IOException {
        try {
            var _ =
                    call(
                            "sync_file_range",
                            path,
                            state ->
                                    (int)
                                            SYNC_FILE_RANGE.invokeExact(
                                                    state,
                                                    descriptor,
                                                    0L,
                                                    0L,
                                                    SYNC_FILE_RANGE_WRITE));
        } catch (Failed e) {
            if (!NOT_THERE.contains(e.errno)) {
                throw e;
            }
        }
    }

    /// Advice, which may be ignored; a length of 0 means all from there on.
    static void advise(int descriptor, long position, long lengthBytes, int advice) {
        try {
            int _ =
                    (int)
                            POSIX_FADVISE.invokeExact(
                                    STATE.get(), descriptor, position, lengthBytes, advice);
        } catch (Throwable e) {
            throw new IllegalStateException("posix_fadvise", e);
        }
    }

    /// Punches a hole; answers false where the file system has none.
    static boolean punch(int descriptor, Path path, long position, long lengthBytes)
            throws IOException {
        int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        try {
            var _ =
                    call(
                            "fallocate",
                            path,
                            state ->
                                    (int)
                                            FALLOCATE.invokeExact(
                                                    state,
                                                    descriptor,
                                                    mode,
                                                    position,
                                                    lengthBytes));
            return true;
        } catch (Failed e) {
            if (e.errno == EOPNOTSUPP) {
                return false;
            }
            throw e;
        }
    }

    /// Makes everything in the file system that holds `path` durable.
    static void syncFileSystem(Path path) throws IOException {
        int descriptor = open(path, O_RDONLY);
        try {
            var _ = call("syncfs", path, state -> (int) SYNCFS.invokeExact(state, descriptor));
        } finally {
            close(descriptor);
        }
    }

    private static MethodHandle transfer(String name) {
        return bind(name, FunctionDescriptor.of(LONG, INT, ValueLayout.ADDRESS, LONG, LONG));
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
