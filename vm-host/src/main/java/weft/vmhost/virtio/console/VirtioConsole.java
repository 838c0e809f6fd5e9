package weft.vmhost.virtio.console;

import org.jspecify.annotations.Nullable;

import weft.vmhost.device.SerialConsole;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;

import java.io.DataInput;
import java.io.DataOutput;
import java.nio.ByteBuffer;

/// The virtio console, one port: queue 0 carries what is typed to the guest, queue 1 what it
/// prints. Besides the queues there is the emergency register, which prints a character before any
/// driver is up.
///
/// What is typed and not yet read, and what was printed, belongs to the terminal's side
/// ([SerialConsole]) and does not travel with a snapshot, as with the serial port.
public final class VirtioConsole implements VirtioDevice {
    private static final int TO_GUEST = 0;
    private static final int FROM_GUEST = 1;
    private static final int QUEUE_SIZE = 64;
    private static final long FEATURE_EMERGENCY_WRITE = 1L << 2;
    private static final int EMERGENCY_REGISTER = 8;

    /// Of one request; drivers send 32 KiB at most. What is longer is cut, so that a hostile one
    /// does not keep the device loop.
    private static final int REQUEST_BYTES_MAX = 64 << 10;

    private static final int CHUNK_BYTES = 1024;

    private final SerialConsole terminal;
    private final ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;

    /// @param terminal whose input this device takes; nobody else may
    public VirtioConsole(SerialConsole terminal) {
        this.terminal = terminal;
    }

    @Override
    public int deviceId() {
        return 3;
    }

    @Override
    public long features() {
        return FEATURE_EMERGENCY_WRITE;
    }

    @Override
    public int queueCount() {
        return 2;
    }

    @Override
    public int queueSizeMax() {
        return QUEUE_SIZE;
    }

    @Override
    public void connect(VirtioMmio transport) {
        this.transport = transport;
        chain = transport.queue(TO_GUEST).newChain();
        terminal.onInput(() -> transport.serveLater(TO_GUEST));
    }

    /// 0 columns 2 · 2 rows 2 · 4 ports 4 · 8 emergency write 4 (virtio 1.2, 5.3.4); sizes are not
    /// offered.
    @Override
    public int configByte(int offset) {
        return offset == 4 ? 1 : 0;
    }

    @Override
    public void storeConfig(int offset, int sizeBytes, long value) {
        if (offset == EMERGENCY_REGISTER) {
            terminal.print((int) value & 0xff);
        }
    }

    @Override
    public void start(long features) {}

    @Override
    public void serve(int queueIndex) {
        if (transport == null || chain == null) {
            throw new IllegalStateException("not connected");
        }
        Virtqueue queue = transport.queue(queueIndex);
        if (queueIndex == TO_GUEST) {
            carryIn(queue, chain);
        } else {
            carryOut(queue, chain);
        }
        transport.signal(queue);
    }

    private void carryIn(Virtqueue queue, DescriptorChain room) {
        while (terminal.hasInput() && queue.next(room)) {
            int length = (int) Math.min(CHUNK_BYTES, room.writableBytes());
            chunk.clear();
            while (chunk.position() < length) {
                int octet = terminal.takeInput();
                if (octet < 0) {
                    break;
                }
                chunk.put((byte) octet);
            }
            room.write(chunk.flip());
            queue.complete(room.head(), room.writtenBytes());
        }
    }

    private void carryOut(Virtqueue queue, DescriptorChain printed) {
        while (queue.next(printed)) {
            long left = Math.min(printed.readableBytes(), REQUEST_BYTES_MAX);
            while (left > 0) {
                chunk.clear().limit((int) Math.min(CHUNK_BYTES, left));
                boolean complete = printed.read(chunk);
                assert complete;
                left -= chunk.flip().remaining();
                while (chunk.hasRemaining()) {
                    terminal.print(chunk.get() & 0xff);
                }
            }
            queue.complete(printed.head(), 0);
        }
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
