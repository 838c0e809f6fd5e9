package weft.vmhost.virtio.net;

import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.packet.Segmenter;
import weft.vswitch.port.SwitchPort;

/// A port whose other side takes complete frames only: does at once what a switch does before it
/// hands a packet to such a device.
public abstract class CompletingPort implements SwitchPort {
    private static final int ROOM = OffloadHeader.BYTES;

    private final Segmenter segmenter = new Segmenter();
    private final byte[] part = new byte[ROOM + FRAME_BYTES_MAX];
    private final int frameBytesMax;
    private int dropped;

    protected CompletingPort() {
        this(1518);
    }

    /// @param frameBytesMax longer frames are dropped
    protected CompletingPort(int frameBytesMax) {
        this.frameBytesMax = frameBytesMax;
    }

    /// Packets that could not be completed.
    public int dropped() {
        return dropped;
    }

    @Override
    public void transmitPacket(byte[] packet, int offset, int lengthBytes) {
        if (!OffloadHeader.normalize(packet, offset, lengthBytes)) {
            dropped++;
        } else if (OffloadHeader.type(packet, offset) == OffloadHeader.NONE
                && lengthBytes <= frameBytesMax) {
            Segmenter.complete(packet, offset, lengthBytes);
            transmit(packet, offset, lengthBytes);
        } else if (OffloadHeader.type(packet, offset) != OffloadHeader.NONE
                && segmenter.begin(packet, offset, lengthBytes, frameBytesMax)) {
            while (segmenter.hasNext()) {
                transmit(part, ROOM, segmenter.next(part, ROOM));
            }
        } else {
            dropped++;
        }
    }

    @Override
    public void close() {}
}
