package weft.vmhost.virtio.net;

import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.ServiceOutcome;
import weft.vmhost.virtio.VirtioMmio;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// A NIC on a TAP interface of the host: headers go through as they are, the kernel does what the
/// guest leaves to it and leaves the guest what that takes.
///
/// What the guest sends goes from its memory straight into the kernel, one system call a packet.
/// What the kernel sends is read by a thread of this cable's and copied on; while the guest offers
/// no buffers it stays in the interface's own queue, so that whoever sends is slowed down.
public final class TapCable implements Cable, AutoCloseable {
    /// Linux takes 1024 at a time (IOV_MAX); a longer chain is dropped.
    private static final int VECTORS_MAX = 1024;

    private final TapDevice tap;
    private final VirtioNet nic;
    private final Consumer<IOException> onLost;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment arrived;
    private final MemorySegment vectors;
    private final MemorySegment header;
    private final Thread reader;
    private final Runnable deliver = this::deliver;

    /// Between the reader and [#deliver], which runs on its thread.
    private int arrivedBytes;

    private boolean delivered;

    private volatile boolean waiting;
    private volatile boolean closed;

    /// Plugs the NIC in.
    ///
    /// @param tap the caller's to close, after this cable
    /// @param onLost hears, on a thread of the cable's, that nothing will come any more
    public TapCable(TapDevice tap, VirtioNet nic, Consumer<IOException> onLost) {
        this.tap = tap;
        this.nic = nic;
        this.onLost = onLost;
        arrived = arena.allocate(TapDevice.PACKET_BYTES_MAX, 16);
        vectors = arena.allocate(16L * VECTORS_MAX, 16);
        header = arena.allocate(PacketHeader.BYTES, 16);
        vectors.set(ValueLayout.JAVA_LONG, 0, header.address());
        vectors.set(ValueLayout.JAVA_LONG, 8, tap.headerBytes());
        reader = Thread.ofPlatform().name("tap-" + tap.name()).daemon(true).unstarted(this::carry);
        nic.attach(this);
        reader.start();
    }

    @Override
    public boolean transmit(PacketHeader packet, DescriptorChain frame, int lengthBytes) {
        packet.store(header);
        int count = frame.readVectors(vectors, 1);
        return count > 0 && tap.write(vectors, count);
    }

    @Override
    public void agree(Offloads taken) {
        if (!tap.offload(taken.checksum(), taken.tcp4(), taken.tcp6(), taken.ecn())) {
            // A kernel of before 2.6.27: it then completes all packets by itself.
            tap.offload(false, false, false, false);
        }
    }

    @Override
    public void room() {
        if (waiting) {
            waiting = false;
            LockSupport.unpark(reader);
        }
    }

    private void carry() {
        try {
            while (tap.await()) {
                arrivedBytes = tap.read(arrived);
                while (arrivedBytes > 0 && !closed) {
                    carryOne();
                    arrivedBytes = tap.read(arrived);
                }
            }
        } catch (IOException e) {
            onLost.accept(e);
        }
    }

    private void carryOne() {
        VirtioMmio transport = nic.transport();
        ServiceOutcome outcome = deliverNow(transport);
        while (!closed && !isOver(outcome)) {
            // Announced before the last look: whoever makes room after it sees that we wait.
            waiting = true;
            outcome = deliverNow(transport);
            if (isOver(outcome)) {
                waiting = false;
            }
            while (waiting && !closed) {
                LockSupport.park(this);
            }
        }
    }

    private ServiceOutcome deliverNow(VirtioMmio transport) {
        // A driver's breach breaks the delivery off: the packet is then gone.
        delivered = true;
        return transport.now(deliver);
    }

    private boolean isOver(ServiceOutcome outcome) {
        return switch (outcome) {
            case RAN -> delivered;
            case PAUSED -> false;
            case NOT_DRIVEN -> true;
        };
    }

    private void deliver() {
        int headerBytes = tap.headerBytes();
        boolean tooLong = arrivedBytes == arrived.byteSize();
        delivered =
                tooLong
                        || arrivedBytes <= headerBytes
                        || nic.receive(arrived, headerBytes, arrivedBytes - headerBytes);
    }

    /// Pulls the cable.
    @Override
    public void close() {
        nic.attach(null);
        closed = true;
        tap.wake();
        LockSupport.unpark(reader);
        boolean interrupted = false;
        while (reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        arena.close();
    }
}
