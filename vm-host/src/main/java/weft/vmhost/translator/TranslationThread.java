package weft.vmhost.translator;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.BootClock;
import weft.runtime.Niceness;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// The one thread of this JVM that translates in the background, for all machines: harts never wait
/// for a translation, nor for HotSpot.
///
/// A region is given away when HotSpot has compiled it, as in the JVM's own interpreter it would be
/// many times slower than in ours. Nobody tells when that is; so the thread calls the region's dry
/// entry, which also makes HotSpot want to compile it, until a call takes no time any more.
final class TranslationThread {
    /// Beyond it, requests are refused: what is hot will be asked for again.
    private static final int QUEUE_MAX = 64;

    /// Dry calls between two looks at the clock.
    private static final int CALLS = 300;

    /// Above any compiled call, below any interpreted one.
    private static final long COMPILED_CALL_NANOS = 25;

    /// HotSpot has refused to compile what is not compiled by then; the interpreter keeps it.
    private static final long PATIENCE_NANOS = 5_000_000_000L;

    private static final long POLL_MILLIS = 1;

    private static final Logger log = LoggerFactory.getLogger(TranslationThread.class);

    private static final BlockingQueue<Request> requests = new ArrayBlockingQueue<>(QUEUE_MAX);

    static {
        Thread.ofPlatform().daemon().name("translator").start(TranslationThread::live);
    }

    private record Request(Supplier<@Nullable Region> translation, Consumer<Region> taker) {}

    private record Warming(Region region, Consumer<Region> taker, long sinceNanos) {}

    private TranslationThread() {}

    /// Has this translated, unless too much is waiting already.
    ///
    /// @param taker is given the region, on the translating thread; perhaps never
    /// @return false if it was refused
    static boolean submit(Supplier<@Nullable Region> translation, Consumer<Region> taker) {
        return requests.offer(new Request(translation, taker));
    }

    private static void live() {
        Niceness.set(Niceness.GUEST);
        RegionCall call = RegionCall.dry();
        List<Warming> warming = new ArrayList<>();
        while (true) {
            try {
                Request request =
                        warming.isEmpty()
                                ? requests.take()
                                : requests.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
                if (request != null) {
                    Region region = request.translation.get();
                    if (region != null) {
                        long now = BootClock.SYSTEM.nowNanos();
                        warming.add(new Warming(region, request.taker, now));
                    }
                }
                giveAway(warming, call);
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                log.error("a region cannot be translated; the interpreter keeps it", e);
            }
        }
    }

    private static void giveAway(List<Warming> warming, RegionCall call) {
        for (Iterator<Warming> all = warming.iterator(); all.hasNext(); ) {
            Warming next = all.next();
            long start = BootClock.SYSTEM.nowNanos();
            callDry(next.region.code(), call);
            long end = BootClock.SYSTEM.nowNanos();
            if (end - start < CALLS * COMPILED_CALL_NANOS) {
                next.taker.accept(next.region);
                all.remove();
            } else if (end - next.sinceNanos > PATIENCE_NANOS) {
                all.remove();
            }
        }
    }

    private static void callDry(RegionCode code, RegionCall call) {
        for (int i = 0; i < CALLS; i++) {
            code.run(call, RegionCode.DRY, 0);
        }
    }
}
