package weft.vswitch.policy;

import weft.fabric.Ipv4Interface;
import weft.vswitch.packet.EthernetView;

import java.nio.ByteBuffer;

/// Packets for tests, written field by field. Checksums are left out: nobody here may look at them.
final class TestPacket {
    static final int SYN = PacketView.SYN;
    static final int ACK = PacketView.ACK;
    static final int FIN = PacketView.FIN;
    static final int RST = PacketView.RST;
    private static final int HEADERS = 14 + 20;

    private final int protocol;
    private String source = "10.0.0.10";
    private String destination = "10.0.0.11";
    private byte[] payload;
    private int identification = 7;
    private int fragmentField;
    private boolean isBroadcast;

    private TestPacket(int protocol, byte[] payload) {
        this.protocol = protocol;
        this.payload = payload;
    }

    static TestPacket of(int protocol, byte[] payload) {
        return new TestPacket(protocol, payload);
    }

    static TestPacket udp(int sourcePort, int destinationPort) {
        return new TestPacket(
                PacketView.UDP,
                ByteBuffer.allocate(16)
                        .putShort((short) sourcePort)
                        .putShort((short) destinationPort)
                        .putShort((short) 16)
                        .array());
    }

    static TestPacket echo(int type, int id) {
        return new TestPacket(
                PacketView.ICMP,
                ByteBuffer.allocate(16).put(0, (byte) type).putShort(4, (short) id).array());
    }

    /// @param scale the window scale option, or -1 for none
    static TestPacket tcp(
            int sourcePort,
            int destinationPort,
            int flags,
            int sequence,
            int acknowledgement,
            int window,
            int dataBytes,
            int scale) {
        int headerBytes = scale < 0 ? 20 : 24;
        var bytes = ByteBuffer.allocate(headerBytes + dataBytes);
        bytes.putShort((short) sourcePort).putShort((short) destinationPort);
        bytes.putInt(sequence).putInt(acknowledgement);
        bytes.put((byte) (headerBytes << 2)).put((byte) flags).putShort((short) window);
        bytes.putInt(0);
        if (scale >= 0) {
            bytes.put((byte) 1).put((byte) 3).put((byte) 3).put((byte) scale);
        }
        return new TestPacket(PacketView.TCP, bytes.array());
    }

    /// An ICMP error about a packet, from the one it was for unless [#from] says otherwise.
    static TestPacket error(int type, TestPacket about) {
        byte[] whole = about.bytes();
        var bytes = ByteBuffer.allocate(8 + 28).put((byte) type).put(new byte[7]);
        bytes.put(whole, 14, 28);
        return new TestPacket(PacketView.ICMP, bytes.array())
                .from(about.destination)
                .to(about.source);
    }

    TestPacket from(String address) {
        source = address;
        return this;
    }

    TestPacket to(String address) {
        destination = address;
        return this;
    }

    TestPacket broadcast() {
        isBroadcast = true;
        return this;
    }

    /// A part of the packet.
    TestPacket fragment(int id, int offsetBytes, boolean hasMore) {
        identification = id;
        fragmentField = offsetBytes / 8 | (hasMore ? 0x2000 : 0);
        return this;
    }

    TestPacket withPayload(byte[] bytes) {
        payload = bytes;
        return this;
    }

    byte[] bytes() {
        var out = ByteBuffer.allocate(HEADERS + payload.length);
        out.putInt(isBroadcast ? -1 : 0x5254_0000).putShort((short) (isBroadcast ? -1 : 0x000b));
        out.putInt(0x5254_0000).putShort((short) 0x000a).putShort((short) 0x0800);
        out.put((byte) 0x45).put((byte) 0).putShort((short) (20 + payload.length));
        out.putShort((short) identification).putShort((short) fragmentField);
        out.put((byte) 64).put((byte) protocol).putShort((short) 0);
        out.putInt(address(source)).putInt(address(destination)).put(payload);
        return out.array();
    }

    private static int address(String text) {
        return Ipv4Interface.parse(text + "/32").address();
    }

    EthernetView frame() {
        byte[] bytes = bytes();
        return new EthernetView().over(bytes, 0, bytes.length);
    }
}
