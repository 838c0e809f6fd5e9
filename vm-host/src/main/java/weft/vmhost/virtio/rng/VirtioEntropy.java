package weft.vmhost.virtio.rng;

import org.jspecify.annotations.Nullable;

import weft.vmhost.device.DeviceTimers;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;

import java.io.DataInput;
import java.io.DataOutput;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/// Random bytes for the guest, at a bounded rate, so that a greedy guest does not keep the device
/// loop from its neighbours' disks.
public final class VirtioEntropy implements VirtioDevice {
    /// Bytes per period: 160 KiB/s, a hundred times what a kernel asks for.
    public static final int BYTES_PER_PERIOD = 16 << 10;

    private static final long PERIOD_NANOS = 100_000_000;
    private static final int REQUEST_BYTES_MAX = 4096;
    private static final int QUEUE_SIZE = 16;

    private final Consumer<byte[]> random;
    private final DeviceTimers timers;
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;
    private int budgetBytes = BYTES_PER_PERIOD;
    private boolean refillSet;

    /// @param random fills an array with random bytes
    /// @param timers call back on the device loop
    public VirtioEntropy(Consumer<byte[]> random, DeviceTimers timers) {
        this.random = random;
        this.timers = timers;
    }

    @Override
    public int deviceId() {
        return 4;
    }

    @Override
    public long features() {
        return 0;
    }

    @Override
    public int queueCount() {
        return 1;
    }

    @Override
    public int queueSizeMax() {
        return QUEUE_SIZE;
    }

    @Override
    public void connect(VirtioMmio transport) {
        this.transport = transport;
        chain = transport.queue(0).newChain();
    }

    @Override
    public int configByte(int offset) {
        return 0;
    }

    @Override
    public void start(long features) {}

    @Override
    public void serve(int queueIndex) {
        if (transport == null || chain == null) {
            throw new IllegalStateException("not connected");
        }
        Virtqueue queue = transport.queue(0);
        while (budgetBytes > 0 && queue.next(chain)) {
            int length =
                    (int) Math.min(chain.writableBytes(), Math.min(REQUEST_BYTES_MAX, budgetBytes));
            var bytes = new byte[length];
            random.accept(bytes);
            chain.write(ByteBuffer.wrap(bytes));
            queue.complete(chain.head(), length);
            // An empty request costs as well, or a driver could spin here for ever.
            budgetBytes -= Math.max(64, length);
        }
        if (budgetBytes < BYTES_PER_PERIOD && !refillSet) {
            refillSet = true;
            VirtioMmio refilled = transport;
            var _ = timers.after(PERIOD_NANOS, () -> refill(refilled));
        }
        transport.signal(queue);
    }

    private void refill(VirtioMmio refilled) {
        synchronized (refilled) {
            refillSet = false;
            budgetBytes = BYTES_PER_PERIOD;
        }
        refilled.serveLater(0);
    }

    @Override
    public void reset() {}

    @Override
    public boolean isIdle() {
        return true;
    }

    @Override
    public void capture(DataOutput out) {}

    @Override
    public void restore(int version, DataInput in) {}

    @Override
    public void resume() {}
}
