package weft.vmhost.memory;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/// Keeps a copy of a guest's RAM and gives the pages out one by one, when the test says so: those
/// that are wanted in any order, and the others whenever it likes.
public final class LatePages implements PageSource {
    private final GuestMemory to;
    private final Map<Long, byte[]> contents = new HashMap<>();
    private final List<Long> wanted = new ArrayList<>();
    private final List<Long> everWanted = new ArrayList<>();
    private final List<Long> unwanted = new ArrayList<>();

    /// @param from has the content; may be `to` itself
    /// @param to where the pages are absent from now on
    public static LatePages of(DirtyPages pages, GuestMemory from, GuestMemory to) {
        var late = new LatePages(pages, from, to);
        to.expect(pages, late);
        return late;
    }

    private LatePages(DirtyPages pages, GuestMemory from, GuestMemory to) {
        this.to = to;
        pages.forEach(address -> {
            var content = new byte[GuestMemory.PAGE_BYTES];
            from.read(address, ByteBuffer.wrap(content));
            contents.put(address, content);
            unwanted.add(address);
        });
    }

    @Override
    public synchronized void want(long address) {
        wanted.add(address);
        everWanted.add(address);
        notifyAll();
    }

    /// The pages that somebody has asked for and that have not been delivered.
    public synchronized List<Long> wanted() {
        return List.copyOf(wanted);
    }

    /// All that were ever asked for, in this order.
    public synchronized List<Long> everWanted() {
        return List.copyOf(everWanted);
    }

    /// Waits until a page is asked for.
    public synchronized void awaitWanted() throws InterruptedException {
        while (wanted.isEmpty()) {
            wait(60_000);
        }
    }

    /// Delivers one of those asked for; answers whether there was one.
    public boolean deliverWanted(RandomGenerator random) {
        long address;
        synchronized (this) {
            if (wanted.isEmpty()) {
                return false;
            }
            address = wanted.remove(random.nextInt(wanted.size()));
        }
        deliver(address);
        return true;
    }

    /// Delivers everything, as a source does in the end: what is asked for when it is asked for,
    /// and between two of those others that nobody has missed yet, some of them twice.
    public void deliverAll(RandomGenerator random) throws InterruptedException {
        while (to.absentPages() > 0) {
            boolean idle = !deliverWanted(random);
            for (int others = random.nextInt(3); others > 0 && !unwanted.isEmpty(); others--) {
                deliver(unwanted.get(random.nextInt(unwanted.size())));
            }
            if (idle && random.nextInt(50) == 0 && !unwanted.isEmpty()) {
                deliver(unwanted.removeLast());
            }
        }
    }

    /// Delivers this one.
    ///
    /// @return whether it was absent
    public boolean deliver(long address) {
        byte[] content = contents.get(address);
        if (content == null) {
            throw new IllegalArgumentException("page 0x%x is not kept here".formatted(address));
        }
        return to.deliver(address, ByteBuffer.wrap(content));
    }
}
