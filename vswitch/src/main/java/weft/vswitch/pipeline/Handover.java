package weft.vswitch.pipeline;

import weft.runtime.Owned;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.packet.PartialChecksum;
import weft.vswitch.packet.Segmenter;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.port.SwitchPort;
import weft.vswitch.port.SwitchPort.OffloadReceiver;
import weft.vswitch.underlay.Underlay;

/// Gives the frame in hand to devices and tunnels in the form that they take: as it came, or with
/// its checksum completed, or cut. What was left to others is judged here when it comes.
@Owned("the switch's loop")
final class Handover {
    private final FrameInHand inHand;
    private final Underlay underlay;
    private final int frameBytesMax;
    private final int tunnelFrameBytesMax;
    private final Segmenter segmenter = new Segmenter();

    /// What a super-frame is cut into, on its way out.
    private final byte[] cut = new byte[SwitchPort.FRAME_BYTES_MAX + OffloadHeader.BYTES];

    /// @param frameBytesMax the largest frame from or to a device
    /// @param tunnelFrameBytesMax the largest one that travels between hosts
    Handover(FrameInHand inHand, Underlay underlay, int frameBytesMax, int tunnelFrameBytesMax) {
        this.inHand = inHand;
        this.underlay = underlay;
        this.frameBytesMax = frameBytesMax;
        this.tunnelFrameBytesMax = tunnelFrameBytesMax;
    }

    /// Looks at the header before the frame in hand, which is a guest's, once.
    ///
    /// @return false if it leaves to others what cannot be done
    boolean takeOffload() {
        EthernetView ethernet = inHand.ethernet;
        byte[] bytes = ethernet.bytes();
        int offset = ethernet.offset();
        if (OffloadHeader.isComplete(bytes, offset)) {
            return true;
        }
        inHand.isComplete = false;
        inHand.isSuperFrame = OffloadHeader.type(bytes, offset) != OffloadHeader.NONE;
        if (!OffloadHeader.normalize(bytes, offset, ethernet.lengthBytes())) {
            return false;
        }
        if (inHand.isSuperFrame) {
            return beginCut(frameBytesMax);
        }
        if (!PartialChecksum.isOfTransport(ethernet)) {
            complete();
        }
        return true;
    }

    private boolean beginCut(int bytesMax) {
        EthernetView ethernet = inHand.ethernet;
        return segmenter.begin(
                ethernet.bytes(), ethernet.offset(), ethernet.lengthBytes(), bytesMax);
    }

    /// To a device here.
    void toDevice(PluggedPort port) {
        EthernetView ethernet = inHand.ethernet;
        byte[] bytes = ethernet.bytes();
        int offset = ethernet.offset();
        int lengthBytes = ethernet.lengthBytes();
        if (!inHand.isComplete) {
            OffloadReceiver able = port.offloadReceiver;
            if (able != null && able.takes(OffloadHeader.type(bytes, offset))) {
                able.receivePacket(bytes, offset, lengthBytes);
                return;
            }
            if (inHand.isSuperFrame) {
                cutForDevice(port);
                return;
            }
            complete();
        }
        port.receiver.receive(bytes, offset, lengthBytes);
    }

    private void cutForDevice(PluggedPort port) {
        boolean fits = beginCut(frameBytesMax);
        assert fits : "it was looked at when it came";
        while (segmenter.hasNext()) {
            int lengthBytes = segmenter.next(cut, OffloadHeader.BYTES);
            port.receiver.receive(cut, OffloadHeader.BYTES, lengthBytes);
        }
    }

    /// Does what was left to others, once for all who get the frame.
    private void complete() {
        EthernetView ethernet = inHand.ethernet;
        Segmenter.complete(ethernet.bytes(), ethernet.offset(), ethernet.lengthBytes());
        inHand.isComplete = true;
    }

    /// To another host.
    ///
    /// @return whether it left
    boolean toTunnel(Vtep vtep, int vni) {
        if (inHand.isSuperFrame) {
            return beginCut(tunnelFrameBytesMax) && sendCut(vtep, vni);
        }
        if (!inHand.isComplete) {
            complete();
        }
        EthernetView ethernet = inHand.ethernet;
        return ethernet.lengthBytes() <= tunnelFrameBytesMax
                && underlay.send(
                        vtep.address(),
                        vni,
                        ethernet.bytes(),
                        ethernet.offset(),
                        ethernet.lengthBytes());
    }

    /// As many together as the underlay takes.
    private boolean sendCut(Vtep vtep, int vni) {
        int strideBytes = VxlanHeader.SIZE_BYTES + segmenter.frameBytes();
        int countMax = Math.min(Underlay.FRAMES_MAX, Underlay.BYTES_MAX / strideBytes);
        boolean haveLeft = true;
        while (segmenter.hasNext()) {
            int end = 0;
            for (int i = 0; i < countMax && segmenter.hasNext(); i++) {
                int frame = i * strideBytes + VxlanHeader.SIZE_BYTES;
                end = frame + segmenter.next(cut, frame);
            }
            haveLeft &= underlay.sendAll(vtep.address(), vni, cut, 0, strideBytes, end);
        }
        return haveLeft;
    }
}
