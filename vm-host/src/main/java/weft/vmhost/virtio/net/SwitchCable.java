package weft.vmhost.virtio.net;

import weft.vmhost.virtio.DescriptorChain;
import weft.vswitch.port.SwitchPort;

import java.lang.foreign.MemorySegment;

/// A port of the software switch, which knows complete frames only.
final class SwitchCable implements Cable {
    private final SwitchPort port;
    private final Segmentation segmentation;
    private final byte[] packet;
    private final MemorySegment packetSegment;

    /// @param frameBytesMax longer frames are dropped
    SwitchCable(SwitchPort port, int frameBytesMax) {
        this.port = port;
        segmentation = new Segmentation(frameBytesMax);
        packet = new byte[Math.max(frameBytesMax, SwitchPort.FRAME_BYTES_MAX)];
        packetSegment = MemorySegment.ofArray(packet);
    }

    @Override
    public boolean transmit(PacketHeader header, DescriptorChain frame, int lengthBytes) {
        if (lengthBytes > packet.length) {
            return false;
        }
        boolean complete = frame.read(packetSegment, 0, lengthBytes);
        assert complete;
        return segmentation.send(header, packet, lengthBytes, port);
    }
}
