package weft.vswitch.packet;

import weft.fabric.MacAddress;

import java.nio.ByteBuffer;

/// The broadcast that tells switches where a MAC lives now: a reverse ARP request about itself (RFC
/// 903), byte for byte what QEMU sends after a migration.
public final class RarpAnnouncement {
    /// An Ethernet frame's shortest length without FCS.
    public static final int SIZE_BYTES = 60;

    /// Ethernet type of reverse ARP.
    public static final int ETHERTYPE = 0x8035;

    /// When to send, in milliseconds after the move: 50 ms, then 100 ms more each time.
    public static final int[] SCHEDULE_MILLIS = {0, 50, 200, 450, 800};

    private RarpAnnouncement() {}

    /// The frame for this MAC.
    public static byte[] of(MacAddress mac) {
        byte[] address = mac.toBytes();
        var frame = ByteBuffer.allocate(SIZE_BYTES);
        frame.putInt(-1).putShort((short) -1).put(address).putShort((short) ETHERTYPE);
        // Hardware type Ethernet, protocol type IPv4, lengths 6 and 4, operation 3: "who am I?"
        frame.putShort((short) 1).putShort((short) 0x0800);
        frame.put((byte) 6).put((byte) 4).putShort((short) 3);
        frame.put(address).putInt(0).put(address).putInt(0);
        return frame.array();
    }
}
