package weft.vmhost.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;

import weft.vmhost.device.DeviceTimers;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.DriverSide;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioForm;
import weft.vmhost.virtio.VirtioMmio;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/// A driver whose every register, ring and descriptor is the fuzzer's: it begins as it should, or
/// not; makes requests that the device understands, and then breaks one; and has a second hart that
/// writes to memory, and goes on making requests, whenever the device calls out.
///
/// The device may ask for a reset at any time, but nothing may be thrown, nothing run on for ever,
/// and at the end a driver that behaves is served.
final class FuzzedDriver implements AutoCloseable {
    static final long RAM = DriverSide.RAM;
    static final int RAM_BYTES = 1 << 20;

    /// Far more than queues can hold: the loop of a device must come to an end.
    private static final int TASKS_MAX = 10_000;

    /// What the second hart adds while the device serves: far more than queues of 32 hold together.
    private static final int FED_IN_ONE_TASK_MAX = 600;

    private static final int FED_MAX = 700;

    /// Where the queues of a driver that begins well are: descriptors, behind them the available
    /// ring, and on the next page the used ring, as a legacy driver has to.
    private static final long RINGS = RAM + 0x1_0000;

    private static final int QUEUE_BYTES = 0x2000;
    private static final int QUEUES = 4;
    private static final long BUFFERS = RAM + 0x4_0000;
    private static final int BUFFER_BYTES = 0x2_0000;

    /// What the device is asked for: bytes it reads, then room it writes to.
    record Request(byte[] readable, int writableBytes) {}

    /// The device and its surroundings.
    interface Subject {
        /// A device as it comes from the shop; several, if the machine moves.
        VirtioDevice make(FuzzedDriver driver);

        /// A request that the queue is for, in the whole or nearly.
        Request request(FuzzedDataProvider data, int queue);

        /// Something happens on the other side of the device.
        void happen(FuzzedDataProvider data);

        /// The other side behaves from now on.
        void settle();

        /// A queue, and a request in it, that is always answered.
        int goodQueue();

        Request goodRequest();
    }

    private record Poke(long address, int sizeBytes, long value) {}

    final FuzzedDataProvider data;
    final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    private final MovedMemory pages = new MovedMemory(memory);
    private final Subject subject;
    private final VirtioForm form;
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final int[] sizes = {8, 8, 8, 8};
    private final Queue<Poke> pokes = new ArrayDeque<>();
    private final List<Runnable> alarms = new ArrayList<>();
    private VirtioMmio transport;
    private long nextBuffer = BUFFERS;
    private int tasks;
    private int fed;
    private int fedInTask;
    private int feeding = -1;

    FuzzedDriver(FuzzedDataProvider data, Subject subject) {
        this.data = data;
        this.subject = subject;
        form = data.pickValue(VirtioForm.values());
        transport = transport();
    }

    private VirtioMmio transport() {
        VirtioDevice device = subject.make(this);
        return new VirtioMmio("fuzzed", form, memory, _ -> calledOut(), this::execute, device);
    }

    private void execute(Runnable task) {
        if (++tasks > TASKS_MAX) {
            throw new AssertionError("a driver keeps the device busy for ever");
        }
        loop.execute(() -> {
            fedInTask = 0;
            task.run();
        });
    }

    /// On the device loop, when they go off.
    DeviceTimers timers() {
        return (_, task) -> {
            alarms.add(task);
            return () -> alarms.remove(task);
        };
    }

    private void goOff() {
        List<Runnable> due = List.copyOf(alarms);
        alarms.clear();
        due.forEach(this::execute);
    }

    /// The device has called out: the moment of the second hart.
    void calledOut() {
        Poke poke = pokes.poll();
        if (poke != null) {
            pages.store(poke.address, poke.sizeBytes, poke.value);
        }
        if (feeding >= 0 && fed < FED_MAX) {
            fed++;
            if (++fedInTask > FED_IN_ONE_TASK_MAX) {
                throw new AssertionError("the device serves a greedy driver for ever");
            }
            long index = availableRing(feeding) + 2;
            pages.store(index, 2, pages.load16(index) + 1);
        }
    }

    void drive() throws IOException {
        while (data.remainingBytes() > 0) {
            step();
        }
        loop.runAll();
        feeding = -1;
        pokes.clear();
        pages.comeAll();
        loop.runAll();
        subject.settle();
        goOff();
        loop.runAll();
        transport.reset();
        loop.runAll();
        assertEquals(0, transport.load(0x70, 4));
        behave();
    }

    private void step() throws IOException {
        fedInTask = 0;
        switch (data.consumeInt(0, 16)) {
            case 0 -> begin(data.consumeInt(), data.consumeBoolean());
            case 1 -> transport.store(data.consumeInt(0, 0x47) * 4, 4, data.consumeInt());
            case 2 -> access();
            case 3 -> descriptors();
            case 4, 5, 6, 7 -> {
                int queue = data.consumeInt(0, transport.load(8, 4) == 1 ? 2 : QUEUES - 1);
                offer(queue, subject.request(data, queue));
                if (data.consumeBoolean()) {
                    transport.store(0x50, 4, queue);
                }
            }
            case 8 -> subject.happen(data);
            case 9 -> goOff();
            case 10 -> transport.store(0x50, 4, data.consumeInt(0, QUEUES));
            case 11 -> move();
            case 12 -> pokes.add(poke());
            case 13 -> feeding = data.consumeInt(-1, QUEUES - 1);
            case 14 -> {
                Poke poke = poke();
                pages.store(poke.address, poke.sizeBytes, poke.value);
            }
            case 15 -> pages.come(data.consumeInt(1, 8));
            default -> loop.runAll();
        }
    }

    private void access() {
        int size = 1 << data.consumeInt(0, 3);
        int offset = data.consumeInt(0, 0xfff) & -size;
        if (data.consumeBoolean()) {
            transport.store(offset, size, data.consumeLong());
        } else {
            long read = transport.load(offset, size);
            assertEquals(0, size == 8 ? 0 : read >>> 8 * size, "as wide as the access");
        }
    }

    /// Somewhere in the rings, or in what they lead to.
    private Poke poke() {
        long address =
                data.consumeBoolean()
                        ? RINGS + data.consumeInt(0, QUEUES * QUEUE_BYTES - 8)
                        : BUFFERS + data.consumeInt(0, BUFFER_BYTES);
        int size = 1 << data.consumeInt(0, 3);
        return new Poke(
                address, size, data.consumeBoolean() ? data.consumeInt(0, 64) : data.consumeLong());
    }

    // --- a driver that begins

    private static long rings(int queue) {
        return RINGS + (long) queue * QUEUE_BYTES;
    }

    private long availableRing(int queue) {
        return rings(queue) + 16L * sizes[queue];
    }

    private static long usedRing(int queue) {
        return rings(queue) + 0x1000;
    }

    private void begin(int features, boolean well) {
        transport.store(0x70, 4, 0);
        transport.store(0x70, 4, 3);
        transport.store(0x14, 4, 0);
        transport.store(0x24, 4, 0);
        transport.store(0x20, 4, features & transport.load(0x10, 4));
        transport.store(0x24, 4, 1);
        transport.store(0x20, 4, form == VirtioForm.MODERN ? 1 : 0);
        transport.store(0x70, 4, 11);
        transport.store(0x28, 4, 4096);
        for (int queue = 0; queue < QUEUES; queue++) {
            sizes[queue] = well ? 8 : 1 << data.consumeInt(0, 5);
            place(
                    queue,
                    well || data.consumeBoolean()
                            ? usedRing(queue)
                            : RAM + data.consumeInt(0, RAM_BYTES));
        }
        transport.store(0x70, 4, 15);
    }

    private void place(int queue, long used) {
        pages.store(availableRing(queue), 2, 0);
        pages.store(availableRing(queue) + 2, 2, 0);
        pages.store(usedRing(queue) + 2, 2, 0);
        transport.store(0x30, 4, queue);
        transport.store(0x38, 4, sizes[queue]);
        transport.store(0x3c, 4, 4096);
        transport.store(0x40, 4, rings(queue) >>> 12);
        transport.store(0x80, 4, rings(queue));
        transport.store(0x84, 4, 0);
        transport.store(0x90, 4, availableRing(queue));
        transport.store(0x94, 4, 0);
        transport.store(0xa0, 4, used);
        transport.store(0xa4, 4, 0);
        transport.store(0x44, 4, 1);
    }

    /// After all that was done to it the device serves a driver that knows its business.
    private void behave() {
        for (Runnable alarm : List.copyOf(alarms)) {
            alarm.run();
        }
        begin(0, true);
        int queue = subject.goodQueue();
        nextBuffer = BUFFERS;
        chain(queue, 0, subject.goodRequest(), List.of(), false);
        publish(queue, 0);
        transport.store(0x50, 4, queue);
        loop.runAll();
        assertEquals(form == VirtioForm.MODERN ? 15 : 7, transport.load(0x70, 4), "status");
        assertEquals(1, pages.load16(usedRing(queue) + 2), "answered");
    }

    // --- requests

    /// A request in one piece or several, direct or indirect, and mostly as it should be.
    private void offer(int queue, Request request) {
        int head = data.consumeInt(0, 7) % sizes[queue];
        List<Integer> cuts = new ArrayList<>();
        int all = request.readable.length + request.writableBytes;
        for (int count = data.consumeInt(0, 3); count > 0 && all > 0; count--) {
            cuts.add(data.consumeInt(0, all));
        }
        chain(queue, head, request, cuts, data.consumeInt(0, 3) == 0);
        if (data.consumeInt(0, 7) == 0) {
            pages.store(
                    rings(queue) + 16L * head + data.consumeInt(0, 31), 1, data.consumeInt(0, 255));
        }
        publish(queue, head);
    }

    /// @param cuts where a descriptor ends beside the place between the two parts; may be repeated
    private void chain(int queue, int head, Request request, List<Integer> cuts, boolean indirect) {
        int border = request.readable.length;
        int end = border + request.writableBytes;
        List<Integer> ends = new ArrayList<>(cuts);
        if (border > 0) {
            ends.add(border);
        }
        if (end > border || border == 0) {
            ends.add(end);
        }
        ends.sort(null);
        long table = indirect ? buffer(16 * ends.size()) : rings(queue);
        int size = indirect ? ends.size() : sizes[queue];
        int index = indirect ? 0 : head;
        int start = 0;
        for (int i = 0; i < ends.size(); i++) {
            int stop = ends.get(i);
            boolean writable = start >= border && stop > border || border == 0;
            long address = buffer(stop - start);
            for (int at = start; at < Math.min(stop, border); at++) {
                pages.store(address + at - start, 1, request.readable[at]);
            }
            boolean last = i == ends.size() - 1;
            int next = (index + 1) % size;
            int flags = (last ? 0 : DriverSide.NEXT) | (writable ? DriverSide.WRITE : 0);
            descriptor(table + 16L * index, address, stop - start, flags, next);
            index = next;
            start = stop;
        }
        if (indirect) {
            descriptor(rings(queue) + 16L * head, table, 16L * ends.size(), DriverSide.INDIRECT, 0);
        }
    }

    private void descriptor(long at, long address, long length, int flags, int next) {
        pages.store(at, 8, address);
        pages.store(at + 8, 4, (int) length);
        pages.store(at + 12, 2, flags);
        pages.store(at + 14, 2, next);
    }

    private long buffer(int bytes) {
        if (nextBuffer + bytes > BUFFERS + BUFFER_BYTES) {
            nextBuffer = BUFFERS;
        }
        long at = nextBuffer;
        nextBuffer += bytes + 15 & ~15;
        return at;
    }

    private void publish(int queue, int head) {
        long ring = availableRing(queue);
        int next = pages.load16(ring + 2);
        pages.store(ring + 4 + 2L * (next & sizes[queue] - 1), 2, head);
        pages.store(ring + 2, 2, next + 1);
    }

    /// Some descriptors, what they point to, and one more head in the ring.
    private void descriptors() {
        int queue = data.consumeInt(0, QUEUES - 1);
        for (int count = data.consumeInt(0, 8); count > 0; count--) {
            long at = rings(queue) + 16L * (data.consumeInt(0, 7) % sizes[queue]);
            boolean wild = data.consumeInt(0, 15) == 0;
            long address = wild ? data.consumeLong() : RAM + data.consumeInt(0, RAM_BYTES);
            long length = wild ? data.consumeInt() : data.consumeInt(0, 8192);
            descriptor(at, address, length, data.consumeInt(0, 7), data.consumeInt(0, 9));
            if (memory.contains(address, 16)) {
                pages.store(address, 8, data.consumeLong());
                pages.store(address + 8, 8, data.consumeLong(0, 1 << 12));
            }
        }
        publish(queue, data.consumeInt(0, 9));
    }

    // --- moves

    /// The machine goes on elsewhere: a device of its own, with the state of this one, and perhaps
    /// before its memory is there.
    private void move() throws IOException {
        transport.pause();
        byte[] state = captured(transport);
        if (data.consumeBoolean()) {
            pages.leave();
        }
        transport = transport();
        transport.restore(new DataInputStream(new ByteArrayInputStream(state)));
        assertArrayEquals(state, captured(transport));
        if (data.consumeBoolean()) {
            transport.resume();
        } else {
            transport.resumeSettled();
        }
    }

    private static byte[] captured(VirtioMmio transport) throws IOException {
        var bytes = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    @Override
    public void close() {
        memory.close();
    }
}
