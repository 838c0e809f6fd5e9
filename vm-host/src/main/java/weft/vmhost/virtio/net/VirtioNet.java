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
/// of 12 bytes, all zero (no offloads: the switch carries frames of the MTU), but for `num_buffers`
/// on receive: 1, or with mergeable buffers as many as the frame was spread over. A legacy driver
/// without those has a header of 10, which ends before that field.
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
    private static final int LEGACY_HEADER_BYTES = 10;
    private static final int FRAME_BYTES_MIN = 14;
    private static final long FEATURE_MTU = 1L << 3;
    private static final long FEATURE_MAC = 1L << 5;
    private static final long FEATURE_MERGEABLE = 1L << 15;
    private static final long FEATURE_STATUS = 1L << 16;
    private static final long FEATURE_CONTROL = 1L << 17;
    private static final long FEATURE_RECEIVE_MODE = 1L << 18;
    private static final long FEATURE_ANNOUNCE = 1L << 21;
    private static final long FEATURE_STATION = 1L << 23;

    /// Buffers one frame is spread over at most: of 64 bytes each, still a large frame.
    private static final int BUFFERS_MAX = 32;

    private static final int STATUS_LINK_UP = 1;
    private static final int STATUS_ANNOUNCE = 2;
    private static final byte CONTROL_OK = 0;
    private static final byte CONTROL_ERROR = 1;

    private final MacAddress mac;
    private final int mtuBytes;
    private final FrameRing arrived;
    private final AtomicBoolean arrivalPosted = new AtomicBoolean();
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong transmitted = new AtomicLong();
    private final AtomicLong filtered = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private final byte[] frame;
    private final ByteBuffer receiveHeader = ByteBuffer.allocate(HEADER_BYTES);
    private volatile ReceiveFilter filter;
    private volatile @Nullable SwitchPort port;
    private @Nullable VirtioMmio transport;
    private final DescriptorChain[] buffers = new DescriptorChain[BUFFERS_MAX];
    private int headerBytes = HEADER_BYTES;
    private boolean mergeable;
    private boolean announceWanted;
    private boolean announceUnderstood;

    /// @param mtuBytes what the guest is told; the largest frame is 18 bytes longer (header and
    ///   tag)
    public VirtioNet(MacAddress mac, int mtuBytes) {
        this.mac = mac;
        this.mtuBytes = mtuBytes;
        frame = new byte[mtuBytes + 18];
        arrived = new FrameRing(QUEUE_SIZE, frame.length);
        filter = ReceiveFilter.all(mac);
    }

    /// The address it was made with; what the guest takes later is its own affair, and the switch
    /// port's.
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

    /// Frames for others, which the guest did not ask for.
    public long filteredFrames() {
        return filtered.get();
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
        return FEATURE_MTU
                | FEATURE_MAC
                | FEATURE_MERGEABLE
                | FEATURE_STATUS
                | FEATURE_CONTROL
                | FEATURE_RECEIVE_MODE
                | FEATURE_ANNOUNCE
                | FEATURE_STATION;
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
        for (int i = 0; i < BUFFERS_MAX; i++) {
            buffers[i] = transport.queue(RECEIVE).newChain();
        }
    }

    /// 0 MAC 6 · 6 status 2 · 8 max_virtqueue_pairs 2 · 10 mtu 2 (virtio 1.2, 5.1.4).
    @Override
    public int configByte(int offset) {
        return switch (offset) {
            case 0, 1, 2, 3, 4, 5 -> (int) (filter.station().bits() >>> 40 - 8 * offset) & 0xff;
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
        mergeable = (features & FEATURE_MERGEABLE) != 0;
        boolean modern = (features & VirtioMmio.FEATURE_VERSION_1) != 0;
        headerBytes = modern || mergeable ? HEADER_BYTES : LEGACY_HEADER_BYTES;
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
        if (lengthBytes >= FRAME_BYTES_MIN && !filter.accepts(bytes, offset)) {
            filtered.incrementAndGet();
        } else if (lengthBytes < FRAME_BYTES_MIN || !arrived.offer(bytes, offset, lengthBytes)) {
            dropped.incrementAndGet();
        } else if (arrivalPosted.compareAndSet(false, true)) {
            transport().serveLater(RECEIVE);
        }
    }

    private void deliver() {
        // Cleared first: a frame that comes while we look posts anew.
        arrivalPosted.set(false);
        Virtqueue queue = transport().queue(RECEIVE);
        while (!arrived.isEmpty()) {
            int count = takeBuffers(queue, headerBytes + arrived.peekLength());
            if (count == 0) {
                break;
            }
            deliver(queue, count, arrived.poll(frame));
        }
        transport().signal(queue);
    }

    /// Takes as many buffers as the bytes need, or one without mergeable buffers.
    ///
    /// @return how many, 0 if the driver has not offered enough yet
    private int takeBuffers(Virtqueue queue, int bytes) {
        int most = mergeable ? Math.min(BUFFERS_MAX, queue.size()) : 1;
        long room = 0;
        for (int count = 0; count < most; ) {
            if (!queue.next(buffers[count])) {
                queue.putBack(count);
                return 0;
            }
            room += buffers[count].writableBytes();
            count++;
            if (room >= bytes) {
                return count;
            }
        }
        return most;
    }

    private void deliver(Virtqueue queue, int count, int length) {
        long room = 0;
        for (int i = 0; i < count; i++) {
            room += buffers[i].writableBytes();
        }
        if (room < headerBytes + length || buffers[0].writableBytes() < headerBytes) {
            // Too small to be of use. The driver gets them back empty, or it would wait for ever.
            dropped.incrementAndGet();
            for (int i = 0; i < count; i++) {
                queue.complete(buffers[i].head(), 0);
            }
            return;
        }
        receiveHeader.clear().put(10, (byte) count);
        buffers[0].write(receiveHeader.limit(headerBytes));
        ByteBuffer content = ByteBuffer.wrap(frame, 0, length);
        for (int i = 0; i < count; i++) {
            buffers[i].write(content);
            queue.fill(i, buffers[i].head(), buffers[i].writtenBytes());
        }
        // All at once: a driver that sees the first looks for the others at once.
        queue.publish(count);
        received.incrementAndGet();
    }

    private void transmit() {
        Virtqueue queue = transport().queue(TRANSMIT);
        DescriptorChain sent = buffers[0];
        ByteBuffer header = ByteBuffer.allocate(headerBytes);
        while (queue.next(sent)) {
            long length = sent.readableBytes() - headerBytes;
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

    private void control() {
        Virtqueue queue = transport().queue(CONTROL);
        DescriptorChain command = buffers[0];
        while (queue.next(command)) {
            boolean done = obey(ControlCommand.parse(command));
            command.write(ByteBuffer.wrap(new byte[] {done ? CONTROL_OK : CONTROL_ERROR}));
            queue.complete(command.head(), command.writtenBytes());
        }
        transport().signal(queue);
    }

    private boolean obey(ControlCommand command) {
        ReceiveFilter now = filter;
        switch (command) {
            case ControlCommand.Promiscuous(var on) -> filter = now.withPromiscuous(on);
            case ControlCommand.AllMulticast(var on) -> filter = now.withAllMulticast(on);
            case ControlCommand.AddressTable(var addresses) ->
                    filter =
                            addresses == null ? now.withPromiscuous(true) : now.withMore(addresses);
            case ControlCommand.Station(var address) -> filter = now.withStation(address);
            case ControlCommand.Announced _ -> announceWanted = false;
            case ControlCommand.Refused _ -> {
                return false;
            }
        }
        return true;
    }

    @Override
    public void reset() {
        announceWanted = false;
        announceUnderstood = false;
        mergeable = false;
        headerBytes = HEADER_BYTES;
        filter = ReceiveFilter.all(mac);
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
        filter.capture(out);
    }

    @Override
    public void restore(int version, DataInput in) throws IOException {
        announceWanted = in.readBoolean();
        long bits = in.readLong();
        if (bits != mac.bits()) {
            throw new IOException("NIC " + mac + ", in the state " + Long.toHexString(bits));
        }
        if (version > 1) {
            filter = ReceiveFilter.restore(in);
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
}
