package weft.vmhost.nativecode;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Niceness;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/// The one thread of this JVM that writes machine code in the background, for all machines: harts
/// never wait for a translation.
///
/// A queue of our own rather than an executor, which throws when it is full: to look first whether
/// it is does not help a hart when another takes the last place.
final class NativeCodeThread {
    /// Beyond it, requests are refused: what is hot will be asked for again.
    static final int QUEUE_MAX = 256;

    private static final Logger log = LoggerFactory.getLogger(NativeCodeThread.class);

    private static final BlockingQueue<Runnable> requests = new ArrayBlockingQueue<>(QUEUE_MAX);

    static {
        Thread.ofPlatform().daemon().name("native-code").start(NativeCodeThread::live);
    }

    private NativeCodeThread() {}

    /// Has this done, unless too much is waiting already; then the answer is false.
    static boolean submit(Runnable translation) {
        return requests.offer(translation);
    }

    private static void live() {
        Niceness.set(Niceness.GUEST);
        while (true) {
            try {
                requests.take().run();
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                log.error("code cannot be translated; the interpreter keeps it", e);
            }
        }
    }
}
