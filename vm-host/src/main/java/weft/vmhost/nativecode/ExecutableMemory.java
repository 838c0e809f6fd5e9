package weft.vmhost.nativecode;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Cleaner;

/// Memory that can be written at one address and executed at another, so that no page is ever both:
/// a file without a name, mapped twice. Pages that were never written cost nothing. It is given
/// back when nobody refers to this object any more.
final class ExecutableMemory {
    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int PROT_EXEC = 4;
    private static final int MAP_SHARED = 1;
    private static final int MFD_CLOEXEC = 1;
    private static final long MAP_FAILED = -1;
    private static final Cleaner CLEANER = Cleaner.create();

    private static final MethodHandle MEMFD_CREATE =
            function(
                    "memfd_create",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle FTRUNCATE =
            function(
                    "ftruncate",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
    private static final MethodHandle CLOSE =
            function("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle MMAP =
            function(
                    "mmap",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_LONG));
    private static final MethodHandle MUNMAP =
            function(
                    "munmap",
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));

    private final long writable;
    private final long executable;

    /// @throws IllegalStateException if the system does not allow it
    ExecutableMemory(long sizeBytes) {
        try (var arena = Arena.ofConfined()) {
            int file = (int) MEMFD_CREATE.invokeExact(arena.allocateFrom("weft-code"), MFD_CLOEXEC);
            if (file < 0) {
                throw new IllegalStateException("memfd_create failed");
            }
            try {
                int outcome = (int) FTRUNCATE.invokeExact(file, sizeBytes);
                if (outcome != 0) {
                    throw new IllegalStateException("ftruncate failed");
                }
                long toWrite = map(file, sizeBytes, PROT_READ | PROT_WRITE);
                long toExecute;
                try {
                    toExecute = map(file, sizeBytes, PROT_READ | PROT_EXEC);
                } catch (IllegalStateException refused) {
                    unmap(toWrite, sizeBytes);
                    throw refused;
                }
                writable = toWrite;
                executable = toExecute;
                CLEANER.register(
                        this,
                        () -> {
                            unmap(toExecute, sizeBytes);
                            unmap(toWrite, sizeBytes);
                        });
            } finally {
                int _ = (int) CLOSE.invokeExact(file);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /// Where its first byte is written.
    long writable() {
        return writable;
    }

    /// Where its first byte is executed, and may be read.
    long executable() {
        return executable;
    }

    private static long map(int file, long sizeBytes, int protection) {
        try {
            long address = (long) MMAP.invokeExact(0L, sizeBytes, protection, MAP_SHARED, file, 0L);
            if (address == MAP_FAILED) {
                throw new IllegalStateException("mmap of code failed");
            }
            return address;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static void unmap(long address, long sizeBytes) {
        try {
            int outcome = (int) MUNMAP.invokeExact(address, sizeBytes);
            assert outcome == 0;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings("restricted")
    static MemorySegment segment(long address, long sizeBytes) {
        return MemorySegment.ofAddress(address).reinterpret(sizeBytes);
    }

    @SuppressWarnings("restricted")
    private static MethodHandle function(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }
}
