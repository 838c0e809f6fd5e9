package weft.vmhost.virtio;

import weft.vmhost.memory.GuestMemory;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;

/// The driver's half of a virtqueue, and of the transport, as a guest would write it; can lie. The
/// device loop is stepped by hand.
public final class DriverSide {
    public static final long RAM = 0x8000_0000L;
    public static final int WRITE = 2;
    public static final int NEXT = 1;
    public static final int INDIRECT = 4;

    private static final int QUEUE_BYTES = 0x4000;

    private final GuestMemory memory;
    private final VirtioMmio transport;
    private final int size;
    private final int[] available;

    /// Runs tasks when told to.
    public static final class HandLoop implements Executor {
        private final Queue<Runnable> tasks = new ArrayDeque<>();

        @Override
        public synchronized void execute(Runnable task) {
            tasks.add(task);
        }

        private synchronized Runnable poll() {
            Runnable task = tasks.poll();
            return task == null ? () -> {} : task;
        }

        private synchronized boolean isEmpty() {
            return tasks.isEmpty();
        }

        public void runAll() {
            while (!isEmpty()) {
                poll().run();
            }
        }
    }

    public DriverSide(GuestMemory memory, VirtioMmio transport, int size) {
        this.memory = memory;
        this.transport = transport;
        this.size = size;
        available = new int[8];
    }

    public long register(int offset) {
        return transport.load(offset, 4);
    }

    public void register(int offset, long value) {
        transport.store(offset, 4, value);
    }

    public boolean needsReset() {
        return (register(0x70) & DeviceStatus.NEEDS_RESET) != 0;
    }

    /// Negotiates and enables the queues as Linux does.
    public void begin(long features, int queues) {
        register(0x70, 0);
        register(0x70, 1);
        register(0x70, 3);
        register(0x24, 0);
        register(0x20, features & 0xffff_ffffL);
        register(0x24, 1);
        register(0x20, (features | VirtioMmio.FEATURE_VERSION_1) >>> 32);
        register(0x70, 11);
        for (int queue = 0; queue < queues; queue++) {
            available[queue] = 0;
            memory.store16(availableRing(queue) + 2, 0);
            memory.store16(usedRing(queue) + 2, 0);
            place(queue, descriptors(queue), availableRing(queue), usedRing(queue));
        }
        register(0x70, 15);
    }

    public void place(int queue, long descriptors, long availableRing, long usedRing) {
        register(0x30, queue);
        register(0x38, size);
        register(0x80, descriptors & 0xffff_ffffL);
        register(0x84, descriptors >>> 32);
        register(0x90, availableRing & 0xffff_ffffL);
        register(0x94, availableRing >>> 32);
        register(0xa0, usedRing & 0xffff_ffffL);
        register(0xa4, usedRing >>> 32);
        register(0x44, 1);
    }

    private static long descriptors(int queue) {
        return RAM + 0x10_0000 + (long) queue * QUEUE_BYTES;
    }

    public static long availableRing(int queue) {
        return descriptors(queue) + 0x1000;
    }

    public static long usedRing(int queue) {
        return descriptors(queue) + 0x2000;
    }

    public void descriptor(int queue, int index, long address, long length, int flags, int next) {
        descriptorAt(descriptors(queue), index, address, length, flags, next);
    }

    public void descriptorAt(
            long table, int index, long address, long length, int flags, int next) {
        long at = table + 16L * index;
        memory.store64(at, address);
        memory.store32(at + 8, (int) length);
        memory.store16(at + 12, flags);
        memory.store16(at + 14, next);
    }

    /// Offers a chain and notifies.
    public void offer(int queue, int head) {
        memory.store16(availableRing(queue) + 4 + 2L * (available[queue] & size - 1), head);
        available[queue]++;
        memory.store16(availableRing(queue) + 2, available[queue]);
        register(0x50, queue);
    }

    public int usedIndex(int queue) {
        return memory.load16(usedRing(queue) + 2);
    }

    public int usedHead(int queue, int index) {
        return memory.load32(usedRing(queue) + 4 + 8L * (index & size - 1));
    }

    public int usedLength(int queue, int index) {
        return memory.load32(usedRing(queue) + 8 + 8L * (index & size - 1));
    }
}
