package weft.vmhost.agent;

import weft.vswitch.port.FrameSink;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.CapturedFrame;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

/// The frames of one capture that nobody has read yet. Filled on the switch's loop and emptied on
/// another, under a lock that is held for an addition or an exchange of lists: a capture must not
/// make the switch wait for its reader.
final class KeptFrames implements FrameSink {
    private final LongSupplier epochNanos;
    private List<CapturedFrame> frames = new ArrayList<>();
    private int keptBytes;
    private long lost;

    /// @param epochNanos the time of day
    KeptFrames(LongSupplier epochNanos) {
        this.epochNanos = epochNanos;
    }

    @Override
    public synchronized void frame(
            Direction direction, String where, byte[] bytes, int offset, int lengthBytes) {
        if (frames.size() == CaptureMessage.KEPT_FRAMES_MAX) {
            lost++;
            return;
        }
        var copy = ByteBuffer.wrap(Arrays.copyOfRange(bytes, offset, offset + lengthBytes));
        var frame = new CapturedFrame(epochNanos.getAsLong(), onWire(direction), where, copy);
        if (keptBytes + frame.keptBytes() > CaptureMessage.KEPT_BYTES_MAX) {
            lost++;
            return;
        }
        keptBytes += frame.keptBytes();
        frames.add(frame);
    }

    private static CaptureMessage.Direction onWire(Direction direction) {
        return switch (direction) {
            case FROM_PORT -> CaptureMessage.Direction.FROM_PORT;
            case TO_PORT -> CaptureMessage.Direction.TO_PORT;
            case FROM_TUNNEL -> CaptureMessage.Direction.FROM_TUNNEL;
            case TO_TUNNEL -> CaptureMessage.Direction.TO_TUNNEL;
        };
    }

    synchronized boolean isEmpty() {
        return frames.isEmpty() && lost == 0;
    }

    /// Hands over all that was kept.
    CaptureMessage.Frames take() {
        List<CapturedFrame> taken;
        long takenLost;
        synchronized (this) {
            taken = frames;
            takenLost = lost;
            frames = new ArrayList<>();
            keptBytes = 0;
            lost = 0;
        }
        return new CaptureMessage.Frames(takenLost, taken);
    }
}
