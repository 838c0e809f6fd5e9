package weft.vmhost.virtio.balloon;

import org.jspecify.annotations.Nullable;

import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioBreach;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicLong;

/// The balloon: the host asks for pages of the guest's RAM ([#setTarget]); the guest's driver takes
/// them out of its own use and names them (queue 0), and the host gets their memory back. The way
/// back is queue 1: a page that the guest uses again is there at once, zero.
///
/// A guest gives what it can and when it can; the target is a wish. Pages it names without owning
/// them are its own loss: whatever it names reads as zero.
public final class VirtioBalloon implements VirtioDevice {
    /// The most pages one request may name: Linux takes 256. Bounds what one request costs.
    public static final int REQUEST_PAGES_MAX = 4096;

    private static final int INFLATE = 0;
    private static final int QUEUE_SIZE = 128;
    private static final long FEATURE_MUST_TELL_HOST = 1L;
    private static final long FEATURE_DEFLATE_ON_OOM = 1L << 2;
    private static final int ACTUAL_REGISTER = 4;

    private final GuestMemory memory;
    private final AtomicLong freed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final ByteBuffer names =
            ByteBuffer.allocate(4 * REQUEST_PAGES_MAX).order(ByteOrder.LITTLE_ENDIAN);
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;
    private int targetPages;
    private int actualPages;

    public VirtioBalloon(GuestMemory memory) {
        this.memory = memory;
    }

    /// How much of its RAM the guest is asked to give; rounded down to pages, at most all of it.
    public void setTarget(long bytes) {
        VirtioMmio transport = transport();
        synchronized (transport) {
            long most = memory.sizeBytes();
            targetPages = (int) (Math.clamp(bytes, 0, most) / GuestMemory.PAGE_BYTES);
            transport.signalConfiguration();
        }
    }

    /// What the guest says it has given.
    public long givenBytes() {
        VirtioMmio transport = transport();
        synchronized (transport) {
            return (actualPages & 0xffff_ffffL) * GuestMemory.PAGE_BYTES;
        }
    }

    /// Pages that went back to the host, ever.
    public long freedPages() {
        return freed.get();
    }

    /// Names of pages that are none of this guest's.
    public long refusedPages() {
        return refused.get();
    }

    @Override
    public int deviceId() {
        return 5;
    }

    @Override
    public long features() {
        return FEATURE_MUST_TELL_HOST | FEATURE_DEFLATE_ON_OOM;
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
        chain = transport.queue(INFLATE).newChain();
    }

    /// 0 num_pages 4 · 4 actual 4 (virtio 1.2, 5.5.4).
    @Override
    public int configByte(int offset) {
        return switch (offset) {
            case 0, 1, 2, 3 -> targetPages >>> 8 * offset & 0xff;
            case 4, 5, 6, 7 -> actualPages >>> 8 * (offset - 4) & 0xff;
            default -> 0;
        };
    }

    @Override
    public void storeConfig(int offset, int sizeBytes, long value) {
        if (offset == ACTUAL_REGISTER && sizeBytes == 4) {
            actualPages = (int) value;
        }
    }

    @Override
    public void start(long features) {}

    @Override
    public void serve(int queueIndex) {
        if (chain == null) {
            throw new IllegalStateException("not connected");
        }
        Virtqueue queue = transport().queue(queueIndex);
        while (queue.next(chain)) {
            if (queueIndex == INFLATE) {
                inflate(chain);
            }
            queue.complete(chain.head(), 0);
        }
        transport().signal(queue);
    }

    private void inflate(DescriptorChain pages) {
        if (pages.readableBytes() > 4L * REQUEST_PAGES_MAX) {
            throw new VirtioBreach("balloon request of more than " + REQUEST_PAGES_MAX + " pages");
        }
        names.clear().limit((int) (pages.readableBytes() & ~3));
        boolean complete = pages.read(names);
        assert complete;
        names.flip();
        while (names.hasRemaining()) {
            long address = (names.getInt() & 0xffff_ffffL) << GuestMemory.PAGE_SHIFT;
            if (memory.contains(address, GuestMemory.PAGE_BYTES)) {
                memory.discardPage(address);
                freed.incrementAndGet();
            } else {
                refused.incrementAndGet();
            }
        }
    }

    /// The target outlives the driver: a guest that boots anew is asked again.
    @Override
    public void reset() {
        actualPages = 0;
    }

    @Override
    public boolean isIdle() {
        return true;
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        out.writeInt(targetPages);
        out.writeInt(actualPages);
    }

    @Override
    public void restore(int version, DataInput in) throws IOException {
        targetPages = in.readInt();
        actualPages = in.readInt();
    }

    @Override
    public void resume() {}

    private VirtioMmio transport() {
        if (transport == null) {
            throw new IllegalStateException("not connected");
        }
        return transport;
    }
}
