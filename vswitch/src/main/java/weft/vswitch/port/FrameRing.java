package weft.vswitch.port;

import weft.vswitch.packet.OffloadHeader;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Frames on their way from one device to the switch: a bounded ring of bytes with one producer
/// (the device) and one consumer (the switch's loop), no lock and no allocation.
///
/// ```
/// record: 4 bytes length (native order) · OffloadHeader 12 · the frame · padding to 8
///         length -1: go to the start
/// ```
///
/// The producer copies a frame in; the consumer works on it where it lies, then releases it.
public final class FrameRing {
    /// Smallest capacity: any two frames fit.
    public static final int CAPACITY_BYTES_MIN = 1 << 18;

    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());
    private static final VarHandle TAIL;
    private static final VarHandle HEAD;
    private static final int LENGTH_BYTES = 4;
    private static final int BEFORE_FRAME_BYTES = LENGTH_BYTES + OffloadHeader.BYTES;
    private static final int WRAP = -1;

    static {
        try {
            var lookup = MethodHandles.lookup();
            TAIL = lookup.findVarHandle(FrameRing.class, "tail", long.class);
            HEAD = lookup.findVarHandle(FrameRing.class, "head", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final byte[] bytes;
    private final int mask;

    @SuppressWarnings("UnusedVariable") // through TAIL
    private volatile long tail; // written by the producer

    @SuppressWarnings("UnusedVariable") // through HEAD
    private volatile long head; // written by the consumer

    /// @param capacityBytes a power of two, at least [#CAPACITY_BYTES_MIN]
    public FrameRing(int capacityBytes) {
        if (capacityBytes < CAPACITY_BYTES_MIN || Integer.bitCount(capacityBytes) != 1) {
            throw new IllegalArgumentException(
                    "ring of %d bytes: not a power of two of at least %d"
                            .formatted(capacityBytes, CAPACITY_BYTES_MIN));
        }
        bytes = new byte[capacityBytes];
        mask = capacityBytes - 1;
    }

    /// Copies a complete frame in. Producer only.
    ///
    /// @return false if there is no room now
    public boolean offer(byte[] frame, int offset, int lengthBytes) {
        return offer(frame, offset, lengthBytes, 0);
    }

    /// Copies a packet in, with the header before it. Producer only.
    ///
    /// @return false if there is no room now
    public boolean offerPacket(byte[] packet, int offset, int lengthBytes) {
        return offer(packet, offset, lengthBytes, OffloadHeader.BYTES);
    }

    private boolean offer(byte[] frame, int offset, int lengthBytes, int headerBytes) {
        assert lengthBytes >= 0;
        assert lengthBytes <= SwitchPort.FRAME_BYTES_MAX + 1; // one more: "too long"
        long end = (long) TAIL.getOpaque(this);
        int at = (int) end & mask;
        int needed = recordBytes(lengthBytes);
        int toTheEnd = bytes.length - at;
        int skipped = needed > toTheEnd ? toTheEnd : 0;
        if (end + skipped + needed - (long) HEAD.getAcquire(this) > bytes.length) {
            return false;
        }
        if (skipped != 0) {
            INT.set(bytes, at, WRAP);
            at = 0;
        }
        INT.set(bytes, at, lengthBytes);
        int to = at + BEFORE_FRAME_BYTES;
        if (headerBytes == 0) {
            OffloadHeader.clear(bytes, to);
        }
        System.arraycopy(
                frame, offset - headerBytes, bytes, to - headerBytes, headerBytes + lengthBytes);
        TAIL.setRelease(this, end + skipped + needed);
        return true;
    }

    /// The length of the oldest frame, or -1 if there is none. Consumer only.
    public int peek() {
        long start = (long) HEAD.getOpaque(this);
        if (start == (long) TAIL.getAcquire(this)) {
            return -1;
        }
        int length = (int) INT.get(bytes, (int) start & mask);
        if (length != WRAP) {
            return length;
        }
        // The producer publishes the mark and the record after it together: there is one.
        start += bytes.length - ((int) start & mask);
        HEAD.setRelease(this, start);
        return (int) INT.get(bytes, 0);
    }

    /// The array the oldest frame lies in.
    public byte[] bytes() {
        return bytes;
    }

    /// Where in it; after [#peek] found one.
    public int frameOffset() {
        return ((int) (long) HEAD.getOpaque(this) & mask) + BEFORE_FRAME_BYTES;
    }

    /// Gives the oldest frame's room back. Consumer only, after [#peek] found one.
    public void release() {
        long start = (long) HEAD.getOpaque(this);
        int length = (int) INT.get(bytes, (int) start & mask);
        HEAD.setRelease(this, start + recordBytes(length));
    }

    /// Whether nothing waits; exact for the consumer only.
    public boolean isEmpty() {
        return (long) HEAD.getOpaque(this) == (long) TAIL.getAcquire(this);
    }

    private static int recordBytes(int lengthBytes) {
        return BEFORE_FRAME_BYTES + lengthBytes + 7 & ~7;
    }
}
