package weft.vmhost.virtio.net;

import org.jspecify.annotations.Nullable;

import weft.fabric.MacAddress;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioBreach;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;
import weft.vswitch.port.SwitchPort;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// The virtio NIC: queue 0 receives, 1 transmits, 2 is control. Each frame is preceded by a header
/// of 12 bytes, all zero here (no offloads; `num_buffers` is 1 on receive).
///
/// Frames from the switch come on its loop and are copied into a bounded ring; the device loop
/// carries them into guest memory. A full ring drops and counts, as a real NIC does. Frames in the
/// ring do not travel with a snapshot: networks lose frames.
public final class VirtioNet implements VirtioDevice, SwitchPort.Receiver {
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int CONTROL = 2;
    private static final int QUEUE_SIZE = 256;
    private static final int HEADER_BYTES = 12;
    private static final int FRAME_BYTES_MIN = 14;
    private static final long FEATURE_MTU = 1L << 3;
    private static final long FEATURE_MAC = 1L << 5;
    private static final long FEATURE_STATUS = 1L << 16;
    private static final long FEATURE_CONTROL = 1L << 17;
    private static final long FEATURE_ANNOUNCE = 1L << 21;
    private static final int STATUS_LINK_UP = 1;
    private static final int STATUS_ANNOUNCE = 2;
    private static final int CLASS_ANNOUNCE = 3;
    private static final byte CONTROL_OK = 0;
    private static final byte CONTROL_ERROR = 1;

    private final MacAddress mac;
    private final byte[] macBytes;
    private final int mtuBytes;
    private final FrameRing arrived;
    private final AtomicBoolean arrivalPosted = new AtomicBoolean();
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong transmitted = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private final byte[] frame;
    private final ByteBuffer receiveHeader = ByteBuffer.allocate(HEADER_BYTES);
    private volatile @Nullable SwitchPort port;
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;
    private boolean announceWanted;
    private boolean announceUnderstood;

    /// @param mtuBytes what the guest is told; the largest frame is 18 bytes longer (header and
    ///   tag)
    public VirtioNet(MacAddress mac, int mtuBytes) {
        this.mac = mac;
        this.mtuBytes = mtuBytes;
        macBytes = mac.toBytes();
        frame = new byte[mtuBytes + 18];
        arrived = new FrameRing(QUEUE_SIZE, frame.length);
        receiveHeader.put(10, (byte) 1);
    }

    /// The station address.
    public MacAddress mac() {
        return mac;
    }

    /// Frames that reached the guest.
    public long receivedFrames() {
        return received.get();
    }

    /// Frames that the guest sent.
    public long transmittedFrames() {
        return transmitted.get();
    }

    /// Frames dropped for want of room, a cable, or because they were too long.
    public long droppedFrames() {
        return dropped.get();
    }

    /// Plugs the cable in, or (null) pulls it. The guest sees the link come and go. The port pulled
    /// is the caller's to close.
    public void plug(@Nullable SwitchPort port) {
        VirtioMmio transport = transport();
        synchronized (transport) {
            this.port = port;
            transport.signalConfiguration();
        }
    }

    /// Asks the guest to announce itself (gratuitous ARP): it is reachable by another way now.
    public void announce() {
        VirtioMmio transport = transport();
        synchronized (transport) {
            if (announceUnderstood) {
                announceWanted = true;
                transport.signalConfiguration();
            }
        }
    }

    @Override
    public int deviceId() {
        return 1;
    }

    @Override
    public long features() {
        return FEATURE_MTU | FEATURE_MAC | FEATURE_STATUS | FEATURE_CONTROL | FEATURE_ANNOUNCE;
    }

    @Override
    public int queueCount() {
        return 3;
    }

    @Override
    public int queueSizeMax() {
        return QUEUE_SIZE;
    }

    @Override
    public void connect(VirtioMmio transport) {
        this.transport = transport;
        chain = transport.queue(RECEIVE).newChain();
    }

    /// 0 MAC 6 · 6 status 2 · 8 max_virtqueue_pairs 2 · 10 mtu 2 (virtio 1.2, 5.1.4).
    @Override
    public int configByte(int offset) {
        return switch (offset) {
            case 0, 1, 2, 3, 4, 5 -> macBytes[offset];
            case 6 -> (port != null ? STATUS_LINK_UP : 0) | (announceWanted ? STATUS_ANNOUNCE : 0);
            case 8 -> 1;
            case 10 -> mtuBytes;
            case 11 -> mtuBytes >>> 8;
            default -> 0;
        };
    }

    @Override
    public void start(long features) {
        announceUnderstood = (features & FEATURE_ANNOUNCE) != 0;
    }

    @Override
    public void serve(int queueIndex) {
        switch (queueIndex) {
            case RECEIVE -> deliver();
            case TRANSMIT -> transmit();
            case CONTROL -> control();
            default -> throw new IllegalArgumentException("queue " + queueIndex);
        }
    }

    @Override
    public void receive(byte[] bytes, int offset, int lengthBytes) {
        if (lengthBytes < FRAME_BYTES_MIN || !arrived.offer(bytes, offset, lengthBytes)) {
            dropped.incrementAndGet();
        } else if (arrivalPosted.compareAndSet(false, true)) {
            transport().serveLater(RECEIVE);
        }
    }

    private void deliver() {
        // Cleared first: a frame that comes while we look posts anew.
        arrivalPosted.set(false);
        Virtqueue queue = transport().queue(RECEIVE);
        DescriptorChain room = chain();
        while (!arrived.isEmpty() && queue.next(room)) {
            int length = arrived.poll(frame);
            if (room.writableBytes() < HEADER_BYTES + length) {
                dropped.incrementAndGet();
                queue.complete(room.head(), 0);
                continue;
            }
            room.write(receiveHeader.rewind());
            room.write(ByteBuffer.wrap(frame, 0, length));
            queue.complete(room.head(), room.writtenBytes());
            received.incrementAndGet();
        }
        transport().signal(queue);
    }

    private void transmit() {
        Virtqueue queue = transport().queue(TRANSMIT);
        DescriptorChain sent = chain();
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
        while (queue.next(sent)) {
            long length = sent.readableBytes() - HEADER_BYTES;
            if (!sent.read(header.clear())) {
                throw new VirtioBreach("transmitted frame without header");
            }
            SwitchPort plugged = port;
            if (plugged == null || length < FRAME_BYTES_MIN || length > frame.length) {
                dropped.incrementAndGet();
            } else {
                boolean complete = sent.read(ByteBuffer.wrap(frame, 0, (int) length));
                assert complete;
                plugged.transmit(frame, 0, (int) length);
                transmitted.incrementAndGet();
            }
            queue.complete(sent.head(), 0);
        }
        transport().signal(queue);
    }

    /// Readable: class 1 · command 1 · …; writable: acknowledgement 1.
    private void control() {
        Virtqueue queue = transport().queue(CONTROL);
        DescriptorChain command = chain();
        ByteBuffer header = ByteBuffer.allocate(2);
        while (queue.next(command)) {
            if (!command.read(header.clear()) || command.writableBytes() < 1) {
                throw new VirtioBreach("control command without header or acknowledgement");
            }
            boolean known = header.get(0) == CLASS_ANNOUNCE && header.get(1) == 0;
            if (known) {
                announceWanted = false;
            }
            command.write(ByteBuffer.wrap(new byte[] {known ? CONTROL_OK : CONTROL_ERROR}));
            queue.complete(command.head(), command.writtenBytes());
        }
        transport().signal(queue);
    }

    @Override
    public void reset() {
        announceWanted = false;
        announceUnderstood = false;
        arrived.clear();
    }

    @Override
    public boolean isIdle() {
        return true;
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        out.writeBoolean(announceWanted);
        out.writeLong(mac.bits());
    }

    @Override
    public void restore(DataInput in) throws IOException {
        announceWanted = in.readBoolean();
        long bits = in.readLong();
        if (bits != mac.bits()) {
            throw new IOException("NIC " + mac + ", in the state " + Long.toHexString(bits));
        }
    }

    @Override
    public void resume() {}

    private VirtioMmio transport() {
        if (transport == null) {
            throw new IllegalStateException("not connected");
        }
        return transport;
    }

    private DescriptorChain chain() {
        if (chain == null) {
            throw new IllegalStateException("not connected");
        }
        return chain;
    }
}
