package weft.runtime;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Lets a thread stand back: guests compute behind beats, journals and coordination. (Java's own
/// thread priorities have no effect on Linux.)
public final class Niceness {
    /// What guests run with.
    public static final int GUEST = 10;

    private static final int PRIO_PROCESS = 0;
    private static final int CALLING_THREAD = 0;

    private Niceness() {}

    /// Sets the calling platform thread's nice value, 0 to 19. Raising it needs no privilege and
    /// cannot be undone without one. Where the system does not know how, nothing happens.
    @SuppressWarnings("restricted")
    public static void set(int nice) {
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
            int _ = (int) setpriority.invokeExact(PRIO_PROCESS, CALLING_THREAD, nice);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new BrokenInvariant("setpriority cannot be called: " + e);
        }
    }
}
