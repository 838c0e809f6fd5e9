package weft.vmhost.memory;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.LongConsumer;

/// The pages of a guest's RAM whose content has not come yet (post-copy migration, lazy restore).
///
/// ```
///   absent ──install, once──► present, for ever
///      └─────forget─────────► present, zero
/// ```
///
/// A page is filled by one thread, under this monitor, before it becomes present; whoever finds it
/// present may read all of it. So nothing is to be written to an absent page: whoever wants to asks
/// [#arePresent] first, and is called when it comes. All pages are numbers, counted from the first
/// of the RAM.
final class AbsentPages {
    private final PageBits absent;
    private final PageSource source;
    private final long baseAddress;

    /// Who is to be called when a page has come; a page is here once it was asked for. Guarded by
    /// this.
    private final Map<Long, List<Runnable>> wanted = new HashMap<>();

    private long left;
    private volatile boolean forgotten;

    AbsentPages(PageBits absent, long count, long baseAddress, PageSource source) {
        this.absent = absent;
        this.source = source;
        this.baseAddress = baseAddress;
        left = count;
    }

    boolean arePresent(long first, long last) {
        for (long page = first; page <= last; page++) {
            if (absent.get(page)) {
                return false;
            }
        }
        return true;
    }

    synchronized long count() {
        return left;
    }

    /// Asks for all pages of the range that are absent.
    ///
    /// @param arrived called once when the first of them has come, at once if none is absent; on
    ///   the thread that brings it, must not block
    void want(long first, long last, Runnable arrived) {
        ask(first, last);
        synchronized (this) {
            for (long page = first; page <= last; page++) {
                List<Runnable> waiting = wanted.get(page);
                if (waiting != null) {
                    waiting.add(arrived);
                    return;
                }
            }
        }
        arrived.run();
    }

    void ask(long first, long last) {
        for (long page = first; page <= last; page++) {
            if (absent.get(page) && isNew(page)) {
                source.want(baseAddress + (page << GuestMemory.PAGE_SHIFT));
            }
        }
    }

    private synchronized boolean isNew(long page) {
        return absent.get(page) && wanted.putIfAbsent(page, new ArrayList<>()) == null;
    }

    /// Waits until all of the range is present.
    ///
    /// @return false if it never will be
    boolean await(long first, long last) {
        boolean interrupted = false;
        while (!forgotten && !arePresent(first, last)) {
            var arrival = new CountDownLatch(1);
            want(first, last, arrival::countDown);
            try {
                arrival.await();
            } catch (InterruptedException e) {
                // A half-done access is no state to leave a device in.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !forgotten;
    }

    /// Fills a page, unless that was done already.
    ///
    /// @param fill writes the content
    /// @return whether it was absent
    boolean install(long page, LongConsumer fill) {
        List<Runnable> waiting;
        synchronized (this) {
            if (!absent.get(page)) {
                return false;
            }
            fill.accept(page);
            absent.clear(page);
            left--;
            waiting = wanted.remove(page);
        }
        if (waiting != null) {
            waiting.forEach(Runnable::run);
        }
        return true;
    }

    /// No page will come any more: those that have not are zero from now on. Accesses that wait
    /// fail.
    void forget() {
        List<Runnable> waiting = new ArrayList<>();
        synchronized (this) {
            forgotten = true;
            var _ = absent.take();
            left = 0;
            wanted.values().forEach(waiting::addAll);
            wanted.clear();
        }
        waiting.forEach(Runnable::run);
    }
}
