package weft.vmhost.virtio.net;

import weft.vmhost.virtio.DescriptorChain;
import weft.vswitch.port.SwitchPort;

import java.lang.foreign.MemorySegment;

/// A port of the software switch: what the guest leaves to others goes with its packet, and the
/// switch does it where the receiver cannot.
final class SwitchCable implements Cable {
    private final SwitchPort port;
    private final byte[] packet = new byte[PacketHeader.BYTES + SwitchPort.FRAME_BYTES_MAX];
    private final MemorySegment packetSegment = MemorySegment.ofArray(packet);

    SwitchCable(SwitchPort port) {
        this.port = port;
    }

    @Override
    public boolean transmit(PacketHeader header, DescriptorChain frame, int lengthBytes) {
        if (lengthBytes > SwitchPort.FRAME_BYTES_MAX) {
            return false;
        }
        boolean complete = frame.read(packetSegment, PacketHeader.BYTES, lengthBytes);
        assert complete;
        if (header.isCut() || header.needsChecksum()) {
            header.store(packetSegment);
            port.transmitPacket(packet, PacketHeader.BYTES, lengthBytes);
        } else {
            port.transmit(packet, PacketHeader.BYTES, lengthBytes);
        }
        return true;
    }
}
