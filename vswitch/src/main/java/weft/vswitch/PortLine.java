package weft.vswitch;

import weft.runtime.Owned;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.port.FrameRing;
import weft.vswitch.port.SwitchPort;

/// A device's cable: its ring, and the port the frames come out at.
@Owned("the device's thread for transmit, the switch's loop for the rest")
final class PortLine implements Line, SwitchPort {
    private final String id;
    private final PluggedPort port;
    final FrameRing ring;
    private final VSwitch owner;
    private final int frameBytesMax;

    PortLine(String id, PluggedPort port, FrameRing ring, int frameBytesMax, VSwitch owner) {
        this.id = id;
        this.port = port;
        this.ring = ring;
        this.frameBytesMax = frameBytesMax;
        this.owner = owner;
    }

    @Override
    public String id() {
        return id;
    }

    @Override
    public PluggedPort port() {
        return port;
    }

    @Override
    public void transmit(byte[] frame, int offset, int lengthBytes) {
        // One byte more than the largest frame is enough for the pipeline to see that it is too
        // long.
        int taken = Math.min(lengthBytes, frameBytesMax + 1);
        if (!ring.offer(frame, offset, taken)) {
            port.countRingFull();
            return;
        }
        owner.wakeIfAsleep();
    }

    @Override
    public void transmitPacket(byte[] packet, int offset, int lengthBytes) {
        if (lengthBytes > FRAME_BYTES_MAX || !ring.offerPacket(packet, offset, lengthBytes)) {
            port.countRingFull();
            return;
        }
        owner.wakeIfAsleep();
    }

    @Override
    public void close() {
        owner.unplug(this);
    }
}
