package weft.vmhost.virtio;

import weft.vmhost.device.DeviceState;
import weft.vmhost.device.InterruptLine;
import weft.vmhost.memory.GuestFault;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.MmioDevice;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/// The MMIO transport (virtio 1.2, 4.2), in either [VirtioForm]: registers, feature negotiation,
/// status, queues.
///
/// Harts call [#load] and [#store]; a notification sets a bit and wakes the device loop, where
/// [VirtioDevice#serve] runs, or does at once what takes no longer than that
/// ([VirtioDevice#serveAtOnce]). The monitor guards all else; nothing blocks inside it. Life of a
/// request: QUEUE_NOTIFY → loop → `serve` → `Virtqueue.next` → … → `Virtqueue.complete` →
/// [#signal].
///
/// Pausing: while [#pause]d nothing is served and nothing completed, so that guest memory stands
/// still; what comes in is kept and done at [#resume].
public final class VirtioMmio implements MmioDevice, DeviceState {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x1000;

    /// VIRTIO_F_VERSION_1: always negotiated in the modern form, never in the legacy one.
    public static final long FEATURE_VERSION_1 = 1L << 32;

    static final long FEATURE_INDIRECT = 1L << 28;
    static final long FEATURE_EVENT_INDEX = 1L << 29;
    private static final int MAGIC = 0x7472_6976;
    private static final int VENDOR = 0x5446_4557;
    private static final int CONFIGURATION = 0x100;

    private final String name;
    private final InterruptStatus interrupts;
    private final Executor loop;
    private final VirtioDevice device;
    private final VirtioForm form;
    private final boolean atOnce;
    private final List<Virtqueue> queues;
    private final QueueRegisters queueRegisters;
    private final FeatureRegisters features;
    private final AtomicInteger notified = new AtomicInteger();
    private final Runnable serving = this::serveNotified;
    private final Pause pause = new Pause();
    private volatile int status;
    private int generation;
    private int resets;
    private long breaches;

    /// @param name the slot's name in snapshots: `virtio0`
    /// @param loop where queues are worked on
    public VirtioMmio(
            String name,
            VirtioForm form,
            GuestMemory memory,
            InterruptLine line,
            Executor loop,
            VirtioDevice device) {
        this.form = form;
        this.name = name;
        interrupts = new InterruptStatus(line);
        this.loop = loop;
        this.device = device;
        List<Virtqueue> made = new ArrayList<>();
        for (int i = 0; i < device.queueCount(); i++) {
            made.add(new Virtqueue(this, i, memory, device.queueSizeMax()));
        }
        queues = List.copyOf(made);
        queueRegisters = new QueueRegisters(form, queues);
        features = new FeatureRegisters(offeredFeatures(form, device));
        device.connect(this);
        atOnce = device.servesAtOnce();
    }

    /// The device's queue, by its number in the specification.
    public Virtqueue queue(int index) {
        return queues.get(index);
    }

    @Override
    public long load(int offset, int sizeBytes) {
        if (offset == 0x060) {
            return sizeBytes == 4 ? interrupts.get() : 0;
        }
        synchronized (this) {
            if (offset >= CONFIGURATION) {
                long value = 0;
                for (int i = sizeBytes - 1; i >= 0; i--) {
                    value = value << 8 | device.configByte(offset - CONFIGURATION + i) & 0xff;
                }
                return value;
            }
            return sizeBytes == 4 ? loadRegister(offset) & 0xffff_ffffL : 0;
        }
    }

    private int loadRegister(int offset) {
        return switch (offset) {
            case 0x000 -> MAGIC;
            case 0x004 -> form.version();
            case 0x008 -> device.deviceId();
            case 0x00c -> VENDOR;
            case 0x010 -> features.load();
            case 0x034, 0x040, 0x044 -> queueRegisters.load(offset);
            case 0x070 -> status;
            case 0x0fc -> generation;
            // No shared memory regions: the length reads as -1 (virtio 1.2, 4.2.2.1).
            case 0x0b0, 0x0b4, 0x0b8, 0x0bc -> -1;
            default -> 0;
        };
    }

    private static long offeredFeatures(VirtioForm form, VirtioDevice device) {
        long features = device.features() | FEATURE_INDIRECT | FEATURE_EVENT_INDEX;
        return form == VirtioForm.MODERN ? features | FEATURE_VERSION_1 : features;
    }

    @Override
    public void store(int offset, int sizeBytes, long value) {
        if (offset < CONFIGURATION && sizeBytes != 4) {
            return;
        }
        if (offset == 0x050) {
            notifyQueue(value & 0xffff_ffffL);
            return;
        }
        if (offset == 0x064) {
            interrupts.acknowledge((int) value);
            return;
        }
        synchronized (this) {
            try {
                if (offset >= CONFIGURATION) {
                    device.storeConfig(offset - CONFIGURATION, sizeBytes, value);
                } else {
                    storeRegister(offset, (int) value);
                }
            } catch (VirtioBreach e) {
                breach();
            }
        }
    }

    private void notifyQueue(long index) {
        if (index >= queues.size() || (status & DeviceStatus.DRIVER_OK) == 0) {
            return;
        }
        if (!atOnce) {
            post(1 << index);
        } else if (mark(1 << index)) {
            serveNotified(device::serveAtOnce);
        }
    }

    private void post(int queueBits) {
        if (mark(queueBits)) {
            loop.execute(serving);
        }
    }

    /// Answers whether nobody else is about to serve: the caller sees to it.
    private boolean mark(int queueBits) {
        return notified.getAndAccumulate(queueBits, (bits, more) -> bits | more) == 0;
    }

    private void storeRegister(int offset, int value) {
        switch (offset) {
            case 0x014 -> features.selectOffered(value);
            case 0x020 -> storeDriverFeatures(value);
            case 0x024 -> features.selectChosen(value);
            case 0x070 -> storeStatus(value & 0xff);
            default -> queueRegisters.store(offset, value);
        }
    }

    private void storeDriverFeatures(int value) {
        if ((status & (DeviceStatus.FEATURES_OK | DeviceStatus.DRIVER_OK)) != 0) {
            return;
        }
        features.store(value);
    }

    private void storeStatus(int value) {
        if (value == 0) {
            reset();
            return;
        }
        int added = value & ~status;
        int next = status & DeviceStatus.NEEDS_RESET | value & DeviceStatus.WRITABLE;
        if ((added & DeviceStatus.FEATURES_OK) != 0 && !featuresAcceptable()) {
            next &= ~DeviceStatus.FEATURES_OK;
        }
        boolean agreed = form == VirtioForm.LEGACY || (next & DeviceStatus.FEATURES_OK) != 0;
        boolean starting = (added & DeviceStatus.DRIVER_OK) != 0 && agreed;
        if ((added & DeviceStatus.DRIVER_OK) != 0 && !starting) {
            next &= ~DeviceStatus.DRIVER_OK;
        }
        status = next;
        if (starting) {
            start();
            post((1 << queues.size()) - 1);
        }
    }

    private boolean featuresAcceptable() {
        return (features.chosen() & FEATURE_VERSION_1) != 0
                && features.isOffered()
                && device.accepts(features.chosen());
    }

    private void start() {
        features.dropNotOffered();
        boolean eventIndex = (features.chosen() & FEATURE_EVENT_INDEX) != 0;
        for (Virtqueue queue : queues) {
            queue.useEventIndex(eventIndex);
        }
        device.start(features.chosen());
    }

    /// The driver's reset, or the machine's.
    public synchronized void reset() {
        resets++;
        status = 0;
        notified.set(0);
        pause.dropHeld();
        features.reset();
        queueRegisters.reset();
        device.reset();
        for (Virtqueue queue : queues) {
            queue.reset();
        }
        interrupts.set(0);
    }

    private void breach() {
        breaches++;
        if ((status & DeviceStatus.NEEDS_RESET) == 0) {
            status |= DeviceStatus.NEEDS_RESET;
            if ((status & DeviceStatus.DRIVER_OK) != 0) {
                interrupts.raise(InterruptStatus.CONFIGURATION);
            }
        }
    }

    /// How often a driver broke the rules, for metrics.
    public synchronized long breaches() {
        return breaches;
    }

    /// Whether there is a driver that is ready and has broken no rule.
    public synchronized boolean isRunning() {
        return (status & (DeviceStatus.DRIVER_OK | DeviceStatus.NEEDS_RESET))
                == DeviceStatus.DRIVER_OK;
    }

    private void serveNotified() {
        serveNotified(device::serve);
    }

    private synchronized void serveNotified(IntConsumer server) {
        if (pause.lasts()) {
            return;
        }
        int bits = notified.getAndSet(0);
        for (int index = 0; index < queues.size() && isRunning(); index++) {
            if ((bits >>> index & 1) != 0) {
                int queue = index;
                queues.get(index).serve(() -> guarded(() -> server.accept(queue)));
            }
        }
    }

    /// Has the queue served on the loop, as if the driver had notified.
    public void serveLater(int queueIndex) {
        post(1 << queueIndex);
    }

    /// Works on the queues from a thread other than the loop, which would cost a change of threads.
    /// Not to be called by the loop or with the monitor held.
    public synchronized ServiceOutcome now(Runnable task) {
        if (pause.lasts()) {
            return ServiceOutcome.PAUSED;
        }
        if (!isRunning()) {
            return ServiceOutcome.NOT_DRIVEN;
        }
        guarded(task);
        return ServiceOutcome.RAN;
    }

    /// Runs a completion or an arrival on the device loop; dropped if the driver resets the device
    /// before, kept while the device is paused. Callable from any thread.
    public void later(Runnable task) {
        int before;
        synchronized (this) {
            before = resets;
        }
        laterUnlessReset(before, task);
    }

    /// As [#later], for a request that was accepted when [#resets] had the given value.
    public void laterUnlessReset(int resetsBefore, Runnable task) {
        loop.execute(() -> {
            synchronized (this) {
                if (resets != resetsBefore) {
                    return;
                }
                if (pause.lasts()) {
                    pause.hold(task);
                } else {
                    doIfRunning(task);
                }
            }
        });
    }

    /// Counts the resets; for [#laterUnlessReset]. Call with the monitor held.
    public int resets() {
        assert Thread.holdsLock(this);
        return resets;
    }

    private void guarded(Runnable task) {
        try {
            task.run();
        } catch (VirtioBreach | GuestFault e) {
            breach();
        }
    }

    /// Interrupts the driver for what was completed on the queue, if it wants to know.
    public void signal(Virtqueue queue) {
        assert Thread.holdsLock(this);
        if (queue.takeInterrupt()) {
            interrupts.raise(InterruptStatus.USED);
        }
    }

    /// Tells the driver that the configuration space has changed.
    public void signalConfiguration() {
        assert Thread.holdsLock(this);
        generation++;
        if ((status & DeviceStatus.DRIVER_OK) != 0) {
            interrupts.raise(InterruptStatus.CONFIGURATION);
        }
    }

    /// Nothing is served or completed from now on; until then everything that has been completed
    /// may still be written.
    public synchronized void pause() {
        pause.begin();
    }

    /// Whether nothing is in flight.
    public synchronized boolean isIdle() {
        return device.isIdle() && queues.stream().noneMatch(Virtqueue::isWaiting);
    }

    /// Goes on: does what was kept, then looks at every queue.
    public void resume() {
        endPause(this::resumeOnLoop);
    }

    /// The same where all but requests had been done before the pause: no driver notices it.
    public void resumeSettled() {
        endPause(this::resumeSettledOnLoop);
    }

    private synchronized void endPause(Runnable resume) {
        int number = pause.number();
        loop.execute(() -> endPause(number, resume));
    }

    private synchronized void endPause(int number, Runnable resume) {
        if (pause.ends(number)) {
            resume.run();
        }
    }

    private void resumeSettledOnLoop() {
        queues.forEach(Virtqueue::noteSignalled);
        pause.doHeld(this::doIfRunning);
        if (isRunning() && !device.isIdle()) {
            guarded(device::resume);
        }
        if (notified.get() != 0) {
            serveNotified();
        }
    }

    private void doIfRunning(Runnable task) {
        if (isRunning()) {
            guarded(task);
        }
    }

    private void resumeOnLoop() {
        pause.doHeld(this::doIfRunning);
        if (isRunning()) {
            guarded(device::resume);
            queues.forEach(queue -> guarded(() -> signal(queue)));
            notified.set(0);
            post((1 << queues.size()) - 1);
        }
    }

    @Override
    public String stateName() {
        return name;
    }

    @Override
    public int stateVersion() {
        return 2;
    }

    /// Version 1 was modern, of a disk with one queue and a NIC without receive modes.
    @Override
    public int oldestVersion() {
        return 1;
    }

    @Override
    public boolean mayBeMissing() {
        return device.mayBeMissing();
    }

    @Override
    public synchronized void capture(DataOutput out) throws IOException {
        assert pause.lasts();
        out.writeInt(device.deviceId());
        out.writeByte(form.version());
        out.writeByte(status);
        features.capture(out);
        queueRegisters.capture(out);
        out.writeInt(interrupts.get());
        out.writeInt(generation);
        out.writeByte(queues.size());
        for (Virtqueue queue : queues) {
            queue.capture(out);
        }
        device.capture(out);
    }

    /// The machine is paused, and stays so until [#resume].
    @Override
    public void restore(DataInput in) throws IOException {
        restore(stateVersion(), in);
    }

    @Override
    public synchronized void restore(int version, DataInput in) throws IOException {
        reset();
        pause.begin();
        int id = in.readInt();
        if (id != device.deviceId()) {
            throw new IOException(
                    name + " is virtio device " + device.deviceId() + ", in the state " + id);
        }
        int captured = version == 1 ? VirtioForm.MODERN.version() : in.readUnsignedByte();
        if (captured != form.version()) {
            throw new IOException(
                    "%s is of version %d, in the state %d"
                            .formatted(name, form.version(), captured));
        }
        status = in.readUnsignedByte();
        features.restore(in);
        if (!features.isOffered() && (status & DeviceStatus.FEATURES_OK) != 0) {
            throw new IOException(
                    name
                            + ": negotiated features 0x%x".formatted(features.chosen())
                            + " are not offered here");
        }
        queueRegisters.restore(version, in);
        int interruptBits = in.readInt();
        generation = in.readInt();
        int count = version == 1 ? device.queueCountOfVersion1() : in.readUnsignedByte();
        if (count > queues.size()) {
            throw new IOException(
                    "%s has %d queues, in the state %d".formatted(name, queues.size(), count));
        }
        for (Virtqueue queue : queues.subList(0, count)) {
            queue.restore(in, (features.chosen() & FEATURE_EVENT_INDEX) != 0);
        }
        if ((status & DeviceStatus.DRIVER_OK) != 0) {
            start();
        }
        device.restore(version, in);
        interrupts.set(interruptBits);
    }
}
