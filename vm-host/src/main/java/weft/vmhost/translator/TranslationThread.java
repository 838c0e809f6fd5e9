package weft.vmhost.translator;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.BootClock;
import weft.runtime.Niceness;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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

    /// Regions that wait for HotSpot. While there are as many, no other is translated.
    private static final int WARMING_MAX = 24;

    /// HotSpot has refused to compile what is not compiled by then; the interpreter keeps it.
    private static final long PATIENCE_NANOS = 2_000_000_000L;

    private static final long POLL_MILLIS = 1;
    private static final long IDLE_MILLIS = 20;

    private static final Logger log = LoggerFactory.getLogger(TranslationThread.class);

    private static final BlockingQueue<Request> requests = new ArrayBlockingQueue<>(QUEUE_MAX);
    private static final Queue<Region> hot = new ConcurrentLinkedQueue<>();
    private static final RegionCompiler compiler = RegionCompiler.best(BootClock.SYSTEM);

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

    /// The region runs a lot. To be called once for each.
    static void optimize(Region region) {
        hot.add(region);
    }

    private static void live() {
        Niceness.set(Niceness.GUEST);
        List<Warming> warming = new ArrayList<>();
        while (true) {
            try {
                optimizeHot();
                if (warming.size() < WARMING_MAX) {
                    translate(next(warming.isEmpty()), warming);
                } else {
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(POLL_MILLIS));
                }
                giveAway(warming);
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                log.error("a region cannot be translated; the interpreter keeps it", e);
            }
        }
    }

    private static @Nullable Request next(boolean nothingElseToDo) throws InterruptedException {
        return requests.poll(nothingElseToDo ? IDLE_MILLIS : POLL_MILLIS, TimeUnit.MILLISECONDS);
    }

    private static void translate(@Nullable Request request, List<Warming> warming) {
        if (request == null) {
            return;
        }
        Region region = request.translation.get();
        if (region != null) {
            warming.add(new Warming(region, request.taker, BootClock.SYSTEM.nowNanos()));
        }
    }

    private static void optimizeHot() {
        for (Region region = hot.poll(); region != null; region = hot.poll()) {
            compiler.optimize(region.code());
        }
    }

    private static void giveAway(List<Warming> warming) {
        for (Iterator<Warming> all = warming.iterator(); all.hasNext(); ) {
            Warming next = all.next();
            switch (compiler.poll(next.region.code())) {
                case COMPILED -> {
                    next.taker.accept(next.region);
                    all.remove();
                }
                case REFUSED -> all.remove();
                case WAITING -> {
                    if (BootClock.SYSTEM.nowNanos() - next.sinceNanos > PATIENCE_NANOS) {
                        all.remove();
                    }
                }
            }
        }
    }
}
