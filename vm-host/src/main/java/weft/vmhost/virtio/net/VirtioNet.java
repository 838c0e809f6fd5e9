package weft.vmhost.virtio.net;

import org.jspecify.annotations.Nullable;

import weft.fabric.MacAddress;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioBreach;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;
import weft.vswitch.port.FrameRing;
import weft.vswitch.port.SwitchPort;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// The virtio NIC: queue 0 receives, 1 transmits, 2 is control. Each packet is preceded by a
/// [PacketHeader], by which the guest leaves checksums and the cutting of super-frames to us. The
/// NIC always offers that; what its [Cable] ends in decides who does the work.
///
/// Packets from the switch come on its loop and are copied into a bounded ring; the device loop
/// carries them into guest memory. What the driver takes, checksums and super-frames, comes as its
/// sender left it. A full ring drops and counts, as a real NIC does. Frames in the ring do not
/// travel with a snapshot: networks lose frames. Other cables carry packets over on a thread of
/// their own (see [TapCable]), and wait for room.
public final class VirtioNet implements VirtioDevice, SwitchPort.OffloadReceiver {
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int CONTROL = 2;
    private static final int QUEUE_SIZE = 256;
    private static final int FRAME_BYTES_MIN = 14;
    private static final ValueLayout.OfLong FIRST_BYTES =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final long FEATURE_MTU = 1L << 3;
    private static final long FEATURE_MAC = 1L << 5;
    private static final long FEATURE_MERGEABLE = 1L << 15;
    private static final long FEATURE_STATUS = 1L << 16;
    private static final long FEATURE_CONTROL = 1L << 17;
    private static final long FEATURE_RECEIVE_MODE = 1L << 18;
    private static final long FEATURE_ANNOUNCE = 1L << 21;
    private static final long FEATURE_STATION = 1L << 23;

    /// The largest packet (5.1.6.3): IPv6 with 65,535 bytes behind its header, and a tag.
    private static final int PACKET_BYTES_MAX = 14 + 4 + 40 + 65_535;

    /// Eight super-frames, or some hundred frames.
    private static final int ARRIVED_BYTES = 1 << 19;

    private static final int STATUS_LINK_UP = 1;
    private static final int STATUS_ANNOUNCE = 2;
    private static final byte CONTROL_OK = 0;
    private static final byte CONTROL_ERROR = 1;

    private final MacAddress mac;
    private final int mtuBytes;
    private final int frameBytesMax;
    private final FrameRing arrived;
    private final AtomicBoolean arrivalPosted = new AtomicBoolean();
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong transmitted = new AtomicLong();
    private final AtomicLong filtered = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private final MemorySegment arrivedBytes;
    private final PacketHeader receiveHeader = new PacketHeader();
    private final PacketHeader sentHeader = new PacketHeader();
    private final MemorySegment sentHeaderBytes = Arena.ofAuto().allocate(PacketHeader.BYTES);
    private volatile ReceiveFilter filter;
    private volatile @Nullable Cable cable;
    private @Nullable VirtioMmio transport;
    private @Nullable ReceiveBuffers buffers;
    private @Nullable DescriptorChain chain;
    private int headerBytes = PacketHeader.BYTES;
    private Offloads sent = Offloads.NONE;
    private volatile Offloads taken = Offloads.NONE;
    private boolean announceWanted;
    private boolean announceUnderstood;

    /// @param mtuBytes what the guest is told; the largest frame is 18 bytes longer (header and
    ///   tag)
    public VirtioNet(MacAddress mac, int mtuBytes) {
        this.mac = mac;
        this.mtuBytes = mtuBytes;
        frameBytesMax = mtuBytes + 18;
        arrived = new FrameRing(ARRIVED_BYTES);
        arrivedBytes = MemorySegment.ofArray(arrived.bytes());
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

    /// Plugs a cable to a switch in, or (null) pulls it. The guest sees the link come and go. The
    /// port pulled is the caller's to close.
    public void plug(@Nullable SwitchPort port) {
        attach(port == null ? null : new SwitchCable(port));
    }

    void attach(@Nullable Cable cable) {
        VirtioMmio transport = transport();
        synchronized (transport) {
            this.cable = cable;
            if (cable != null) {
                cable.agree(taken);
            }
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
        return Offloads.FEATURES
                | FEATURE_MTU
                | FEATURE_MAC
                | FEATURE_MERGEABLE
                | FEATURE_STATUS
                | FEATURE_CONTROL
                | FEATURE_RECEIVE_MODE
                | FEATURE_ANNOUNCE
                | FEATURE_STATION;
    }

    /// What the driver does not do without (5.1.3.1).
    @Override
    public boolean accepts(long features) {
        boolean controlled =
                (features & (FEATURE_RECEIVE_MODE | FEATURE_ANNOUNCE | FEATURE_STATION)) == 0
                        || (features & FEATURE_CONTROL) != 0;
        return controlled && Offloads.isComplete(features);
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
        buffers = new ReceiveBuffers(transport.queue(RECEIVE));
        chain = transport.queue(TRANSMIT).newChain();
    }

    /// 0 MAC 6 · 6 status 2 · 8 max_virtqueue_pairs 2 · 10 mtu 2 (virtio 1.2, 5.1.4).
    @Override
    public int configByte(int offset) {
        return switch (offset) {
            case 0, 1, 2, 3, 4, 5 -> (int) (filter.station().bits() >>> 40 - 8 * offset) & 0xff;
            case 6 -> (cable != null ? STATUS_LINK_UP : 0) | (announceWanted ? STATUS_ANNOUNCE : 0);
            case 8 -> 1;
            case 10 -> mtuBytes;
            case 11 -> mtuBytes >>> 8;
            default -> 0;
        };
    }

    @Override
    public void start(long features) {
        announceUnderstood = (features & FEATURE_ANNOUNCE) != 0;
        boolean mergeable = (features & FEATURE_MERGEABLE) != 0;
        boolean modern = (features & VirtioMmio.FEATURE_VERSION_1) != 0;
        headerBytes = modern || mergeable ? PacketHeader.BYTES : PacketHeader.LEGACY_BYTES;
        buffers().agree(mergeable, headerBytes);
        agree(Offloads.ofDevice(features), Offloads.ofDriver(features));
    }

    private void agree(Offloads sent, Offloads taken) {
        this.sent = sent;
        this.taken = taken;
        Cable plugged = cable;
        if (plugged != null) {
            plugged.agree(taken);
        }
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
    public boolean takes(int type) {
        Offloads now = taken;
        return switch (type) {
            case 0 -> now.checksum();
            case PacketHeader.TCP4 -> now.tcp4() && now.ecn();
            case PacketHeader.TCP6 -> now.tcp6() && now.ecn();
            default -> false;
        };
    }

    @Override
    public void receive(byte[] bytes, int offset, int lengthBytes) {
        if (isWanted(bytes, offset, lengthBytes)) {
            note(lengthBytes <= frameBytesMax && arrived.offer(bytes, offset, lengthBytes));
        }
    }

    @Override
    public void receivePacket(byte[] bytes, int offset, int lengthBytes) {
        if (isWanted(bytes, offset, lengthBytes)) {
            note(arrived.offerPacket(bytes, offset, lengthBytes));
        }
    }

    private boolean isWanted(byte[] bytes, int offset, int lengthBytes) {
        if (lengthBytes < FRAME_BYTES_MIN) {
            dropped.incrementAndGet();
            return false;
        }
        if (!filter.accepts(destination(bytes, offset))) {
            filtered.incrementAndGet();
            return false;
        }
        return true;
    }

    private void note(boolean hasArrived) {
        if (!hasArrived) {
            dropped.incrementAndGet();
        } else if (arrivalPosted.compareAndSet(false, true)) {
            transport().serveLater(RECEIVE);
        }
    }

    private static long destination(byte[] frame, int offset) {
        long destination = 0;
        for (int i = 0; i < 6; i++) {
            destination = destination << 8 | frame[offset + i] & 0xff;
        }
        return destination;
    }

    private void deliver() {
        // Cleared first: a frame that comes while we look posts anew.
        arrivalPosted.set(false);
        Virtqueue queue = transport().queue(RECEIVE);
        int length = arrived.peek();
        while (length >= 0 && carry(arrived.frameOffset(), length)) {
            arrived.release();
            length = arrived.peek();
        }
        transport().signal(queue);
        Cable plugged = cable;
        if (plugged != null) {
            plugged.room();
        }
    }

    /// What was agreed on may have changed while the packet was in the ring: it is then dropped.
    ///
    /// @return false if there is no room
    private boolean carry(int offset, int lengthBytes) {
        MemorySegment packet = arrivedBytes.asSlice(offset - PacketHeader.BYTES);
        boolean expected = taken.checksum() || PacketHeader.isPlain(packet);
        if (!expected || !receiveHeader.parse(packet, taken, lengthBytes)) {
            dropped.incrementAndGet();
            return true;
        }
        return deliver(packet, PacketHeader.BYTES, lengthBytes);
    }

    /// @return false if there is no room
    private boolean deliver(MemorySegment frames, long offset, int lengthBytes) {
        return switch (buffers().deliver(receiveHeader, frames, offset, lengthBytes)) {
            case DELIVERED -> {
                received.incrementAndGet();
                yield true;
            }
            case DROPPED -> {
                dropped.incrementAndGet();
                yield true;
            }
            case NO_ROOM -> false;
        };
    }

    /// Carries a packet over from a cable that brings headers, with the monitor held.
    ///
    /// @param packet the header, and from `offset` on the frame
    /// @return false if there is no room
    boolean receive(MemorySegment packet, long offset, int lengthBytes) {
        // What was agreed on may have changed while the packet was on its way.
        boolean expected = taken.checksum() || PacketHeader.isPlain(packet);
        if (lengthBytes < FRAME_BYTES_MIN
                || !expected
                || !receiveHeader.parse(packet, taken, lengthBytes)) {
            dropped.incrementAndGet();
            return true;
        }
        if (!filter.accepts(packet.get(FIRST_BYTES, offset) >>> 16)) {
            filtered.incrementAndGet();
            return true;
        }
        boolean room = deliver(packet, offset, lengthBytes);
        transport().signal(transport().queue(RECEIVE));
        return room;
    }

    private void transmit() {
        Virtqueue queue = transport().queue(TRANSMIT);
        DescriptorChain next = chain();
        while (queue.next(next)) {
            long length = next.readableBytes() - headerBytes;
            if (!next.read(sentHeaderBytes, 0, headerBytes)) {
                throw new VirtioBreach("transmitted frame without header");
            }
            if (transmit(next, length)) {
                transmitted.incrementAndGet();
            } else {
                dropped.incrementAndGet();
            }
            queue.complete(next.head(), 0);
            // Each by itself: a sender may hold the next packet back until this one is answered.
            transport().signal(queue);
        }
        transport().signal(queue);
    }

    private boolean transmit(DescriptorChain next, long length) {
        Cable plugged = cable;
        if (plugged == null || length < FRAME_BYTES_MIN || length > PACKET_BYTES_MAX) {
            return false;
        }
        if (!sentHeader.parse(sentHeaderBytes, sent, (int) length)) {
            return false;
        }
        sentHeader.distrust();
        return (sentHeader.isCut() || length <= frameBytesMax)
                && plugged.transmit(sentHeader, next, (int) length);
    }

    private void control() {
        Virtqueue queue = transport().queue(CONTROL);
        DescriptorChain command = chain();
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
                    filter = addresses == null ? now.withTooMany() : now.withMore(addresses);
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
        headerBytes = PacketHeader.BYTES;
        agree(Offloads.NONE, Offloads.NONE);
        filter = ReceiveFilter.all(mac);
        while (arrived.peek() >= 0) {
            arrived.release();
        }
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

    VirtioMmio transport() {
        if (transport == null) {
            throw new IllegalStateException("not connected");
        }
        return transport;
    }

    private ReceiveBuffers buffers() {
        if (buffers == null) {
            throw new IllegalStateException("not connected");
        }
        return buffers;
    }

    private DescriptorChain chain() {
        if (chain == null) {
            throw new IllegalStateException("not connected");
        }
        return chain;
    }
}
