package weft.ops.bench.net;

import weft.vswitch.linux.Epoll;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// What a switch of TAP interfaces can reach at best: each packet of one goes to the other, with no
/// look at it.
final class BareForwarder {
    private static final int BATCH_FRAMES = 64;

    private BareForwarder() {}

    /// @param arguments none
    public static void main(String[] arguments) throws IOException {
        TapDevice[] taps = {TapDevice.open("tapa"), TapDevice.open("tapb")};
        var epoll = new Epoll();
        for (int i = 0; i < taps.length; i++) {
            var _ = taps[i].offloadAll();
            epoll.add(taps[i].descriptor(), i);
        }
        System.out.println("ready");
        MemorySegment packet = MemorySegment.ofArray(new byte[TapDevice.PACKET_BYTES_MAX]);
        while (true) {
            int ready = epoll.await(-1);
            for (int i = 0; i < ready; i++) {
                int from = (int) epoll.token(i);
                forward(taps[from], taps[1 - from], packet);
            }
        }
    }

    private static void forward(TapDevice from, TapDevice to, MemorySegment packet)
            throws IOException {
        for (int i = 0; i < BATCH_FRAMES; i++) {
            int lengthBytes = from.read(packet);
            if (lengthBytes <= 0) {
                return;
            }
            var _ = to.writePacket(packet, lengthBytes);
        }
    }
}
