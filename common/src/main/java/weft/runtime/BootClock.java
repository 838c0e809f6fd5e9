package weft.runtime;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// CLOCK_BOOTTIME: counts while the machine is suspended, so that a lease does not outlive a nap.
public final class BootClock implements Clock {
    /// The process's one clock.
    public static final Clock SYSTEM = new BootClock();

    private static final int CLOCK_BOOTTIME = 7;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final MethodHandle clockGettime;
    private final ThreadLocal<MemorySegment> timespec =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(16, 8));

    @SuppressWarnings("restricted")
    private BootClock() {
        Linker linker = Linker.nativeLinker();
        clockGettime =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("clock_gettime"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
    }

    @Override
    public long nowNanos() {
        MemorySegment result = timespec.get();
        try {
            int status = (int) clockGettime.invokeExact(CLOCK_BOOTTIME, result);
            if (status != 0) {
                throw new BrokenInvariant("clock_gettime(CLOCK_BOOTTIME) failed: " + status);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new BrokenInvariant("clock_gettime cannot be called: " + e);
        }
        return result.get(ValueLayout.JAVA_LONG, 0) * NANOS_PER_SECOND
                + result.get(ValueLayout.JAVA_LONG, 8);
    }
}
