package weft.runtime;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// Lets a thread stand back: guests compute behind beats, journals and coordination. (Java's own
/// thread priorities have no effect on Linux.)
public final class Niceness {
    /// What guests run with.
    public static final int GUEST = 10;

    /// What is behind everything else.
    public static final int LAST = 19;

    /// The first letters of the thread's name, of which Linux keeps fifteen.
    private static final String OPTIMIZING_COMPILER = "C2 CompilerThre";

    private static final int PRIO_PROCESS = 0;
    private static final int CALLING_THREAD = 0;

    private Niceness() {}

    /// Sets the calling platform thread's nice value, 0 to 19. Raising it needs no privilege and
    /// cannot be undone without one. Where the system does not know how, nothing happens.
    public static void set(int nice) {
        setPriority(CALLING_THREAD, nice);
    }

    /// Sets the nice value of the JVM's optimizing compiler, if it has a thread of its own: so that
    /// it takes what the guest's threads leave over. It would take half of two processors for
    /// seconds otherwise, when a guest has the most to do.
    public static void ofOptimizingCompiler(int nice) {
        try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
            for (Path thread : threads.toList()) {
                if (Files.readString(thread.resolve("comm")).startsWith(OPTIMIZING_COMPILER)) {
                    setPriority(Integer.parseInt(thread.getFileName().toString()), nice);
                }
            }
        } catch (IOException | NumberFormatException e) {
            // No such files on this system, or the thread has just ended: nothing is lost.
        }
    }

    @SuppressWarnings("restricted")
    private static void setPriority(int thread, int nice) {
        Linker linker = Linker.nativeLinker();
        MethodHandle setpriority =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("setpriority"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT));
        try {
            // On Linux "the process 0" is the calling thread, see setpriority(2), C library notes.
            int _ = (int) setpriority.invokeExact(PRIO_PROCESS, thread, nice);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new BrokenInvariant("setpriority cannot be called: " + e);
        }
    }
}
