package weft.vmhost.virtio.net;

import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.Virtqueue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Carries packets into the buffers that the driver offers, one or, where they merge, as many as a
/// packet needs (virtio 1.2, 5.1.6.3 and 5.1.6.4). Guarded by the transport's monitor.
final class ReceiveBuffers {
    private final Virtqueue queue;

    /// A super-frame over buffers of 256 bytes, the smallest that Linux makes, needs the whole
    /// queue. Made when first needed.
    private final DescriptorChain[] buffers;

    private final MemorySegment headerBytes = Arena.ofAuto().allocate(PacketHeader.BYTES);
    private boolean mergeable;
    private int headerLength = PacketHeader.BYTES;

    /// What became of a packet.
    enum Outcome {
        DELIVERED,
        /// The driver has not offered enough buffers yet.
        NO_ROOM,
        /// The buffers were of no use; the packet is dropped.
        DROPPED
    }

    ReceiveBuffers(Virtqueue queue) {
        this.queue = queue;
        buffers = new DescriptorChain[queue.size()];
    }

    /// @param headerLength of the header before each packet
    void agree(boolean mergeable, int headerLength) {
        this.mergeable = mergeable;
        this.headerLength = headerLength;
    }

    /// Carries a packet over, if there is room.
    Outcome deliver(PacketHeader header, MemorySegment frames, long offset, int lengthBytes) {
        int count = take(headerLength + lengthBytes);
        if (count == 0) {
            return Outcome.NO_ROOM;
        }
        if (room(count) < headerLength + lengthBytes || buffers[0].writableBytes() < headerLength) {
            // Too small to be of use. The driver gets them back empty, or it would wait for ever.
            for (int i = 0; i < count; i++) {
                queue.complete(buffers[i].head(), 0);
            }
            return Outcome.DROPPED;
        }
        header.store(headerBytes);
        PacketHeader.storeBuffers(headerBytes, count);
        buffers[0].write(headerBytes, 0, headerLength);
        long done = 0;
        for (int i = 0; i < count; i++) {
            done += buffers[i].write(frames, offset + done, lengthBytes - done);
            queue.fill(i, buffers[i].head(), buffers[i].writtenBytes());
        }
        assert done == lengthBytes;
        // All at once: a driver that sees the first looks for the others at once.
        queue.publish(count);
        return Outcome.DELIVERED;
    }

    /// Takes as many buffers as the bytes need, or one that cannot be merged.
    ///
    /// @return how many, 0 if the driver has not offered enough yet
    private int take(long bytes) {
        int most = mergeable ? Math.min(buffers.length, queue.size()) : 1;
        long room = 0;
        for (int count = 0; count < most; ) {
            if (buffers[count] == null) {
                buffers[count] = queue.newChain();
            }
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

    private long room(int count) {
        long room = 0;
        for (int i = 0; i < count; i++) {
            room += buffers[i].writableBytes();
        }
        return room;
    }
}
