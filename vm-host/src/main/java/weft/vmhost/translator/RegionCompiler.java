package weft.vmhost.translator;

import weft.runtime.Clock;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;

/// How HotSpot comes to compile a region, and how we learn that it has: harts never run what it
/// would interpret.
sealed interface RegionCompiler {
    /// What has become of a region.
    enum Progress {
        WAITING,
        COMPILED,
        REFUSED
    }

    /// Has HotSpot compile the region; to be called again and again.
    Progress poll(RegionCode code);

    /// The region runs a lot: HotSpot may take more time over it.
    void optimize(RegionCode code);

    /// What this JVM allows.
    static RegionCompiler best(Clock clock) {
        try {
            return new WhiteBox();
        } catch (ReflectiveOperationException | LinkageError notThere) {
            return new DryCalls(clock);
        }
    }

    /// By calling the region's dry entry, until a call takes no time: works everywhere. What
    /// HotSpot makes of a method that is called that often counts how often each branch is taken,
    /// for some thousand runs, and is slow meanwhile.
    final class DryCalls implements RegionCompiler {
        /// More than make HotSpot compile a method (`Tier3InvocationThreshold`).
        private static final int CALLS = 300;

        /// Above any compiled call, below any interpreted one.
        private static final long COMPILED_CALL_NANOS = 25;

        private final Clock clock;
        private final RegionCall call = RegionCall.dry();

        DryCalls(Clock clock) {
            this.clock = clock;
        }

        @Override
        public Progress poll(RegionCode code) {
            long start = clock.nowNanos();
            for (int i = 0; i < CALLS; i++) {
                code.run(call, RegionCode.DRY, 0);
            }
            boolean compiled = clock.nowNanos() - start < CALLS * COMPILED_CALL_NANOS;
            return compiled ? Progress.COMPILED : Progress.WAITING;
        }

        /// HotSpot counts for itself.
        @Override
        public void optimize(RegionCode code) {}
    }

    /// By HotSpot's own test interface, if the JVM was started with it: the quick compiler at once,
    /// without counters, and the optimizing one for what runs a lot.
    final class WhiteBox implements RegionCompiler {
        private static final int QUICK = 1;
        private static final int OPTIMIZED = 4;
        private static final int WHOLE_METHOD = -1;

        private final MethodHandle enqueue;
        private final MethodHandle level;
        private final MethodHandle isQueued;

        WhiteBox() throws ReflectiveOperationException {
            Class<?> type = Class.forName("jdk.test.whitebox.WhiteBox", true, null);
            Object instance = type.getMethod("getWhiteBox").invoke(null);
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            enqueue =
                    lookup.findVirtual(
                                    type,
                                    "enqueueMethodForCompilation0",
                                    MethodType.methodType(
                                            boolean.class, Executable.class, int.class, int.class))
                            .bindTo(instance);
            level =
                    lookup.findVirtual(
                                    type,
                                    "getMethodCompilationLevel0",
                                    MethodType.methodType(
                                            int.class, Executable.class, boolean.class))
                            .bindTo(instance);
            isQueued =
                    lookup.findVirtual(
                                    type,
                                    "isMethodQueuedForCompilation0",
                                    MethodType.methodType(boolean.class, Executable.class))
                            .bindTo(instance);
        }

        /// The quick compiler gives up on code of many live variables sooner than the other.
        @Override
        public Progress poll(RegionCode code) {
            Method run = run(code);
            try {
                if ((int) level.invoke(run, false) > 0) {
                    return Progress.COMPILED;
                }
                boolean waits =
                        (boolean) isQueued.invoke(run)
                                || (boolean) enqueue.invoke(run, QUICK, WHOLE_METHOD)
                                || (boolean) enqueue.invoke(run, OPTIMIZED, WHOLE_METHOD);
                return waits ? Progress.WAITING : Progress.REFUSED;
            } catch (Throwable e) {
                throw failed(e);
            }
        }

        @Override
        public void optimize(RegionCode code) {
            try {
                boolean _ = (boolean) enqueue.invoke(run(code), OPTIMIZED, WHOLE_METHOD);
            } catch (Throwable e) {
                throw failed(e);
            }
        }

        private static Method run(RegionCode code) {
            try {
                return code.getClass()
                        .getDeclaredMethod("run", RegionCall.class, int.class, long.class);
            } catch (NoSuchMethodException e) {
                throw new IllegalStateException(e);
            }
        }

        private static RuntimeException failed(Throwable e) {
            if (e instanceof Error error) {
                throw error;
            }
            return new IllegalStateException("HotSpot's test interface does not answer", e);
        }
    }
}
