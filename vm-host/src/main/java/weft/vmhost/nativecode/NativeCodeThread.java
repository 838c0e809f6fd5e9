package weft.vmhost.nativecode;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Niceness;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// The one thread of this JVM that writes machine code in the background, for all machines: harts
/// never wait for a translation.
final class NativeCodeThread {
    /// Beyond it, requests are refused: what is hot will be asked for again.
    private static final int QUEUE_MAX = 256;

    private static final Logger log = LoggerFactory.getLogger(NativeCodeThread.class);

    private static final ThreadPoolExecutor executor =
            new ThreadPoolExecutor(
                    1,
                    1,
                    0,
                    TimeUnit.SECONDS,
                    new ArrayBlockingQueue<>(QUEUE_MAX),
                    Thread.ofPlatform().daemon().name("native-code").factory());

    static {
        executor.execute(() -> Niceness.set(Niceness.GUEST));
    }

    private NativeCodeThread() {}

    /// Has this done, unless too much is waiting already; then the answer is false.
    static boolean submit(Runnable translation) {
        if (executor.getQueue().remainingCapacity() == 0) {
            return false;
        }
        executor.execute(() -> {
            try {
                translation.run();
            } catch (RuntimeException e) {
                log.error("code cannot be translated; the interpreter keeps it", e);
            }
        });
        return true;
    }
}
