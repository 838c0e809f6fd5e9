package weft.vmhost.virtio;

import weft.vmhost.memory.GuestMemory;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.lang.invoke.VarHandle;

/// The device's side of a split virtqueue (virtio 1.2, 2.7).
///
/// ```
/// descriptor 16 B: address 8 · length 4 · flags 2 (1 next, 2 device-writable, 4 indirect) · next 2
/// available: flags 2 · index 2 · ring 2×size · used_event 2
/// used:      flags 2 · index 2 · ring (id 4, length 4)×size · avail_event 2
/// ```
///
/// All three areas lie in RAM while the queue is ready: checked when it becomes so. Everything
/// inside is read anew and checked at each use, since the driver may change it at any time. Guarded
/// by the transport's monitor.
///
/// Nothing waits for pages that have not come yet: a request that needs one stays with the driver,
/// and the queue is served again when it is here. So what a device works on is present: the rings,
/// and all that the chain in its hands names.
public final class Virtqueue {
    private static final int DESCRIPTOR_BYTES = 16;
    private static final int FLAG_NEXT = 1;
    private static final int FLAG_WRITE = 2;
    private static final int FLAG_INDIRECT = 4;
    private static final int AVAILABLE_NO_INTERRUPT = 1;

    private final GuestMemory memory;
    private final int sizeMax;
    private int size;
    private boolean ready;
    private long descriptors;
    private long available;
    private long used;
    private boolean eventIndex;
    private int nextAvailable;
    private int nextUsed;
    private int signalledUsed;
    private boolean signalledValid;
    private final VirtioMmio transport;
    private final int index;
    private boolean serving;
    private int servingLeft;
    private boolean cutShort;

    /// A page was asked for: the queue is served when it comes.
    private boolean waiting;

    /// Whether the last chain named pages that are absent.
    private boolean incomplete;

    Virtqueue(VirtioMmio transport, int index, GuestMemory memory, int sizeMax) {
        this.transport = transport;
        this.index = index;
        assert Integer.bitCount(sizeMax) == 1 && sizeMax <= DescriptorChain.RANGES_MAX;
        this.memory = memory;
        this.sizeMax = sizeMax;
        size = sizeMax;
    }

    int sizeMax() {
        return sizeMax;
    }

    /// What the driver has chosen.
    public int size() {
        return size;
    }

    boolean isReady() {
        return ready;
    }

    void setSize(int size) {
        if (!ready && size > 0 && size <= sizeMax && Integer.bitCount(size) == 1) {
            this.size = size;
        } else if (!ready) {
            this.size = 0;
        }
    }

    /// Replaces one half of an area's address: 0 descriptors, 1 available ring, 2 used ring.
    void setAddressHalf(int area, boolean high, long value) {
        if (ready) {
            return;
        }
        switch (area) {
            case 0 -> descriptors = replaceHalf(descriptors, high, value);
            case 1 -> available = replaceHalf(available, high, value);
            case 2 -> used = replaceHalf(used, high, value);
            default -> throw new IllegalArgumentException("area " + area);
        }
    }

    private static long replaceHalf(long address, boolean high, long value) {
        return high
                ? address & 0xffff_ffffL | value << 32
                : address & 0xffff_ffff_0000_0000L | value & 0xffff_ffffL;
    }

    /// The driver enables the queue.
    void enable() {
        if (size == 0) {
            throw new VirtioBreach("queue size is not a power of two up to " + sizeMax);
        }
        checkAreas();
        ready = true;
    }

    /// A legacy driver gives the queue one area (virtio 1.2, 2.7.2): descriptors, available ring,
    /// and, at the next multiple of the alignment, the used ring.
    void place(long base, int alignmentBytes) {
        if (ready) {
            throw new VirtioBreach("a queue in use is placed anew");
        }
        descriptors = base;
        available = base + (long) size * DESCRIPTOR_BYTES;
        used = available + 6 + 2L * size + alignmentBytes - 1 & -(long) alignmentBytes;
        enable();
    }

    /// A legacy driver takes the queue's area back.
    void letGo() {
        int agreed = size;
        boolean indices = eventIndex;
        reset();
        size = agreed;
        eventIndex = indices;
    }

    /// Where a legacy driver has put the queue; 0 if it has not.
    int pageNumber(int pageBytes) {
        return ready && pageBytes > 0 ? (int) (descriptors / pageBytes) : 0;
    }

    private void checkAreas() {
        boolean aligned = (descriptors & 15) == 0 && (available & 1) == 0 && (used & 3) == 0;
        if (!aligned
                || !memory.contains(descriptors, (long) size * DESCRIPTOR_BYTES)
                || !memory.contains(available, 6 + 2L * size)
                || !memory.contains(used, 6 + 8L * size)) {
            throw new VirtioBreach(
                    "queue areas not aligned or outside of RAM: 0x%x 0x%x 0x%x, size %d"
                            .formatted(descriptors, available, used, size));
        }
    }

    void disable() {
        ready = false;
    }

    void reset() {
        ready = false;
        size = sizeMax;
        descriptors = 0;
        available = 0;
        used = 0;
        eventIndex = false;
        nextAvailable = 0;
        nextUsed = 0;
        waiting = false;
        noteSignalled();
    }

    void useEventIndex(boolean negotiated) {
        eventIndex = negotiated;
    }

    /// A chain to give to [#next] and [#at]; a queue may need several at a time.
    public DescriptorChain newChain() {
        return new DescriptorChain(memory);
    }

    /// Works on the queue, and lets [#next] take no more requests than the queue holds; the rest
    /// has to wait for the next time. A driver that makes new ones as fast as they are answered, on
    /// another hart or by requests that write to the rings, would else keep the device loop and the
    /// transport's monitor for ever: the machine could not even be paused.
    void serve(Runnable server) {
        serving = true;
        servingLeft = size;
        cutShort = false;
        try {
            server.run();
        } finally {
            serving = false;
        }
        if (cutShort) {
            transport.serveLater(index);
        }
    }

    /// Takes the next request into `chain`.
    ///
    /// @return false if there is none, or a page of it has yet to come; the queue will be served
    ///   when there is. While the queue is served also if that has taken long enough: it will be
    ///   served again
    public boolean next(DescriptorChain chain) {
        if (!ready || !areAreasHere()) {
            return false;
        }
        if (serving && servingLeft == 0) {
            cutShort = true;
            return false;
        }
        if (isEmpty()) {
            if (!eventIndex) {
                return false;
            }
            memory.store16(used + 4 + 8L * size, nextAvailable);
            VarHandle.fullFence();
            if (isEmpty()) {
                return false;
            }
        }
        VarHandle.acquireFence();
        int head = memory.load16(available + 4 + 2L * (nextAvailable & size - 1)) & 0xffff;
        if (!at(head, chain)) {
            return false;
        }
        nextAvailable = nextAvailable + 1 & 0xffff;
        servingLeft--;
        return true;
    }

    private boolean isEmpty() {
        int waiting = memory.load16(available + 2) - nextAvailable & 0xffff;
        if (waiting > size) {
            throw new VirtioBreach("available index " + waiting + " ahead in a queue of " + size);
        }
        return waiting == 0;
    }

    /// Whether the driver has made requests that were not taken.
    public boolean hasNext() {
        return ready && areAreasHere() && !isEmpty();
    }

    /// Puts the last requests of [#next] back: there is no room for them now.
    public void putBack(int count) {
        nextAvailable = nextAvailable - count & 0xffff;
        servingLeft += count;
    }

    /// Reads the chain that starts at `head` once more: a request that was in flight elsewhere.
    ///
    /// @return false if a page of it has yet to come; the queue will be served then
    public boolean at(int head, DescriptorChain chain) {
        incomplete = false;
        chain.begin(head);
        if (areAreasHere()) {
            walk(descriptors, size, head, chain, true);
        }
        return !incomplete;
    }

    private boolean areAreasHere() {
        return isHere(descriptors, (long) size * DESCRIPTOR_BYTES)
                & isHere(available, 6 + 2L * size)
                & isHere(used, 6 + 8L * size);
    }

    private boolean isHere(long address, long lengthBytes) {
        if (memory.isPresent(address, lengthBytes)) {
            return true;
        }
        incomplete = true;
        if (waiting) {
            memory.ask(address, lengthBytes);
        } else {
            waiting = true;
            memory.whenPresent(address, lengthBytes, this::arrived);
        }
        return false;
    }

    private void arrived() {
        // In one step, or a device that waits would look as if it had nothing to do.
        synchronized (transport) {
            waiting = false;
            transport.serveLater(index);
        }
    }

    /// Whether there may be a request that waits for its pages.
    boolean isWaiting() {
        return waiting;
    }

    private void walk(long table, int tableSize, int first, DescriptorChain chain, boolean direct) {
        int index = first;
        for (int steps = 0; ; steps++) {
            if (index >= tableSize) {
                throw new VirtioBreach("descriptor " + index + " in a table of " + tableSize);
            }
            if (steps == tableSize) {
                throw new VirtioBreach("descriptor chain is a loop");
            }
            long descriptor = table + (long) index * DESCRIPTOR_BYTES;
            long address = memory.load64(descriptor);
            long length = memory.load32(descriptor + 8) & 0xffff_ffffL;
            int flags = memory.load16(descriptor + 12) & 0xffff;
            if ((flags & FLAG_INDIRECT) == 0) {
                chain.add(address, length, (flags & FLAG_WRITE) != 0);
                boolean _ = isHere(address, length);
            } else {
                walkIndirect(address, length, flags, chain, direct);
            }
            if ((flags & FLAG_NEXT) == 0) {
                return;
            }
            index = memory.load16(descriptor + 14) & 0xffff;
        }
    }

    private void walkIndirect(
            long table, long lengthBytes, int flags, DescriptorChain chain, boolean direct) {
        if (!direct || (flags & FLAG_NEXT) != 0) {
            throw new VirtioBreach("indirect descriptor that is nested or chained on");
        }
        long entries = lengthBytes / DESCRIPTOR_BYTES;
        if (lengthBytes % DESCRIPTOR_BYTES != 0
                || entries == 0
                || entries > DescriptorChain.RANGES_MAX
                || !memory.contains(table, lengthBytes)) {
            throw new VirtioBreach(
                    "indirect table of %d bytes at 0x%x".formatted(lengthBytes, table));
        }
        if (isHere(table, lengthBytes)) {
            walk(table, (int) entries, 0, chain, false);
        }
    }

    /// Gives a request back to the driver. Call [#takeInterrupt] after one or several.
    public void complete(int head, long writtenBytes) {
        fill(0, head, writtenBytes);
        publish(1);
    }

    /// Prepares one of several answers that the driver is to see at once.
    ///
    /// @param ahead how many were prepared since the last [#publish]
    public void fill(int ahead, int head, long writtenBytes) {
        if (!ready) {
            return;
        }
        long element = used + 4 + 8L * (nextUsed + ahead & size - 1);
        memory.store32(element, head);
        memory.store32(element + 4, (int) writtenBytes);
    }

    /// Shows the driver what was filled.
    public void publish(int count) {
        if (!ready) {
            return;
        }
        VarHandle.releaseFence();
        nextUsed = nextUsed + count & 0xffff;
        memory.store16(used + 2, nextUsed);
    }

    /// Whether the driver wants to be interrupted for what was completed since the last call
    /// (virtio 1.2, 2.7.7.2).
    boolean takeInterrupt() {
        if (!ready || !areAreasHere()) {
            return false;
        }
        VarHandle.fullFence();
        int before = signalledUsed;
        boolean known = signalledValid;
        signalledUsed = nextUsed;
        signalledValid = true;
        if (known && before == nextUsed) {
            return false;
        }
        if (!eventIndex) {
            return (memory.load16(available) & AVAILABLE_NO_INTERRUPT) == 0;
        }
        int event = memory.load16(available + 4 + 2L * size) & 0xffff;
        return !known || (nextUsed - event - 1 & 0xffff) < (nextUsed - before & 0xffff);
    }

    /// The driver knows of all that was completed so far.
    void noteSignalled() {
        signalledUsed = nextUsed;
        signalledValid = true;
    }

    void capture(DataOutput out) throws IOException {
        out.writeInt(size);
        out.writeBoolean(ready);
        out.writeLong(descriptors);
        out.writeLong(available);
        out.writeLong(used);
        out.writeShort(nextAvailable);
        out.writeShort(nextUsed);
    }

    /// The areas are checked as when a driver enables them: a snapshot is no more trusted than a
    /// guest.
    void restore(DataInput in, boolean eventIndex) throws IOException {
        size = in.readInt();
        ready = in.readBoolean();
        descriptors = in.readLong();
        available = in.readLong();
        used = in.readLong();
        nextAvailable = in.readUnsignedShort();
        nextUsed = in.readUnsignedShort();
        this.eventIndex = eventIndex;
        signalledValid = false;
        boolean sizeLegal = size >= 0 && size <= sizeMax && Integer.bitCount(size) <= 1;
        if (!sizeLegal || ready && size == 0) {
            throw new IOException("virtqueue of size " + size + ", at most " + sizeMax);
        }
        if (ready) {
            try {
                checkAreas();
            } catch (VirtioBreach e) {
                throw new IOException(e.getMessage(), e);
            }
        }
    }

    @Override
    public String toString() {
        return "virtqueue[size %d, ready %b, available %d, used %d]"
                .formatted(size, ready, nextAvailable, nextUsed);
    }
}
