package weft.vswitch.service;

import weft.fabric.Ipv4Interface;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.InternetChecksum;
import weft.vswitch.packet.Ipv4View;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/// A DHCP message as a test makes or reads it, in a frame: another implementation of the format
/// than the server's.
public final class DhcpMessage {
    /// The client's link address.
    public long mac;

    public int transaction = 0x1234_5678;
    public int flags;
    public int clientAddress;
    public int yourAddress;
    public int relay;
    public final Map<Integer, byte[]> options = new LinkedHashMap<>();
    public long toMac = 0xffff_ffff_ffffL;
    public int fromAddress;
    public int toAddress = -1;
    public int fromPort = 68;
    public int toPort = 67;

    /// A client's message of that type (option 53).
    public static DhcpMessage request(long mac, int type) {
        var message = new DhcpMessage();
        message.mac = mac;
        message.options.put(53, new byte[] {(byte) type});
        return message;
    }

    /// Adds an option.
    public DhcpMessage with(int code, byte... value) {
        options.put(code, value);
        return this;
    }

    /// Adds an option that is an address or a number.
    public DhcpMessage withInt(int code, int value) {
        return with(code, ByteBuffer.allocate(4).putInt(value).array());
    }

    /// The number in an option of one, two or four bytes.
    public int number(int code) {
        byte[] value = options.get(code);
        int number = 0;
        for (byte b : value == null ? new byte[0] : value) {
            number = number << 8 | b & 0xff;
        }
        return number;
    }

    /// An option's text; empty if there is none.
    public String text(int code) {
        byte[] value = options.get(code);
        return value == null ? "" : new String(value, StandardCharsets.US_ASCII);
    }

    /// An address as its bits.
    public static int address(String text) {
        return Ipv4Interface.parse(text + "/32").address();
    }

    /// The whole frame, with right lengths and checksums.
    public byte[] frame() {
        var out = ByteBuffer.allocate(1400);
        out.putShort((short) (toMac >>> 32)).putInt((int) toMac);
        out.putShort((short) (mac >>> 32)).putInt((int) mac);
        out.putShort((short) 0x0800);
        out.putInt(0x4500_0000).putInt(0).putInt(0x4011_0000);
        out.putInt(fromAddress).putInt(toAddress);
        out.putShort((short) fromPort).putShort((short) toPort).putInt(0);
        out.putInt(0x0101_0600).putInt(transaction).putShort((short) 0).putShort((short) flags);
        out.putInt(clientAddress).putInt(yourAddress).putInt(0).putInt(relay);
        out.putShort((short) (mac >>> 32)).putInt((int) mac).put(new byte[10 + 64 + 128]);
        out.putInt(0x6382_5363);
        options.forEach(
                (code, value) -> out.put(code.byteValue()).put((byte) value.length).put(value));
        out.put((byte) 255);
        byte[] bytes = out.array();
        int end = out.position();
        out.putShort(14 + 2, (short) (end - 14));
        out.putShort(14 + 20 + 4, (short) (end - 34));
        out.putShort(
                14 + 10, (short) InternetChecksum.fold(InternetChecksum.add(0, bytes, 14, 20)));
        return Arrays.copyOf(bytes, end);
    }

    /// Reads a frame, and checks what can be: lengths, checksums, the end of the options.
    public static DhcpMessage read(byte[] frame, int lengthBytes) {
        var ip = new Ipv4View().over(new EthernetView().over(frame, 0, lengthBytes));
        check(ip.isComplete() && ip.isIntact(), "IPv4 header");
        var in = ByteBuffer.wrap(frame, ip.payloadOffset(), ip.payloadLengthBytes());
        var message = new DhcpMessage();
        message.toMac =
                (long) in.getShort(0) << 32 & 0xffff_0000_0000L | in.getInt(2) & 0xffff_ffffL;
        message.fromAddress = ip.source();
        message.toAddress = ip.destination();
        message.fromPort = in.getShort() & 0xffff;
        message.toPort = in.getShort() & 0xffff;
        check((in.getShort() & 0xffff) == ip.payloadLengthBytes(), "UDP length");
        long sum =
                InternetChecksum.pseudoHeader(
                        ip.source(), ip.destination(), 17, ip.payloadLengthBytes());
        sum = InternetChecksum.add(sum, frame, ip.payloadOffset(), ip.payloadLengthBytes());
        check(in.getShort() != 0 && InternetChecksum.fold(sum) == 0, "UDP checksum");
        check(in.remaining() >= 300, "a BOOTP message of 300 bytes");
        check(in.getInt() == 0x0201_0600, "BOOTREPLY over Ethernet");
        message.transaction = in.getInt();
        check(in.getShort() == 0, "seconds");
        message.flags = in.getShort() & 0xffff;
        message.clientAddress = in.getInt();
        message.yourAddress = in.getInt();
        check(in.getInt() == 0, "next server");
        message.relay = in.getInt();
        message.mac = (long) in.getShort() << 32 & 0xffff_0000_0000L | in.getInt() & 0xffff_ffffL;
        in.position(in.position() + 10 + 64 + 128);
        check(in.getInt() == 0x6382_5363, "cookie");
        for (int code = in.get() & 0xff; code != 255; code = in.get() & 0xff) {
            byte[] value = new byte[in.get() & 0xff];
            in.get(value);
            check(message.options.put(code, value) == null, "each option once: " + code);
        }
        while (in.hasRemaining()) {
            check(in.get() == 0, "nothing after the end");
        }
        return message;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not as it should be: " + what);
        }
    }
}
