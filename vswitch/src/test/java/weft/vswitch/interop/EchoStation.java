package weft.vswitch.interop;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.jspecify.annotations.Nullable;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.SwitchPort;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// A program for the interop test: a switch with one port, and behind the port a station that
/// answers ARP and ICMP echo, and can ping. Its other end is a VXLAN device of the kernel.
///
/// `EchoStation <own VTEP ip> <kernel's VTEP ip> <vni> <frame bytes max> <peer ip>`; each line on
/// standard input, a payload length, makes it ping the peer once and print `reply <length>
/// <match>`; end of input ends it.
final class EchoStation {
    private static final MacAddress MAC = MacAddress.parse("52:54:00:00:00:aa");
    private static final byte[] OWN_IP = {10, 77, 0, 1};
    private static final int ARP = 0x0806;
    private static final int IPV4 = 0x0800;

    private final byte[] peerIp;
    private @Nullable SwitchPort port;
    private byte @Nullable [] peerMac;

    private EchoStation(byte[] peerIp) {
        this.peerIp = peerIp;
    }

    public static void main(String[] arguments) throws Exception {
        var here = new NodeId("here");
        int frameBytesMax = Integer.parseInt(arguments[3]);
        var settings =
                new VSwitchSettings(
                        here,
                        new InetSocketAddress(arguments[0], 4789),
                        frameBytesMax,
                        frameBytesMax + 36,
                        1 << 18);
        byte[] peer = java.net.InetAddress.getByName(arguments[4]).getAddress();
        var station = new EchoStation(peer);
        try (var vswitch = new VSwitch(settings, System::nanoTime, new SimpleMeterRegistry())) {
            vswitch.applyImage(
                    new ForwardingImage(
                            List.of(
                                    new Network(
                                            "blue",
                                            10,
                                            Integer.parseInt(arguments[2]),
                                            "10.77.0.0/24")),
                            List.of(new PortBinding("s-0", "blue", MAC, "", here, null, 1)),
                            Map.of(),
                            Map.of("blue", List.of(new InetSocketAddress(arguments[1], 4789)))));
            station.port = vswitch.plug("s-0", "blue", MAC, station::receive);
            System.out.println("ready");
            var lines =
                    new java.io.BufferedReader(
                            new java.io.InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                station.ping(Integer.parseInt(line));
            }
        }
    }

    private void receive(byte[] bytes, int offset, int lengthBytes) {
        byte[] frame = Arrays.copyOfRange(bytes, offset, offset + lengthBytes);
        int type = (frame[12] & 0xff) << 8 | frame[13] & 0xff;
        if (type == ARP && Arrays.equals(frame, 38, 42, OWN_IP, 0, 4)) {
            receiveArp(frame);
        } else if (type == IPV4 && frame[23] == 1 && Arrays.equals(frame, 30, 34, OWN_IP, 0, 4)) {
            receiveIcmp(frame);
        }
    }

    private void receiveArp(byte[] frame) {
        byte[] sender = Arrays.copyOfRange(frame, 22, 28);
        if (frame[21] == 2) {
            synchronized (this) {
                peerMac = sender;
                notifyAll();
            }
            return;
        }
        transmit(arp(2, sender, sender, Arrays.copyOfRange(frame, 28, 32)));
    }

    private static byte[] arp(int operation, byte[] to, byte[] target, byte[] targetIp) {
        return ByteBuffer.allocate(42)
                .put(to)
                .put(MAC.toBytes())
                .putShort((short) ARP)
                .putInt(0x0001_0800)
                .putShort((short) 0x0604)
                .putShort((short) operation)
                .put(MAC.toBytes())
                .put(OWN_IP)
                .put(target)
                .put(targetIp)
                .array();
    }

    private void receiveIcmp(byte[] frame) {
        if (frame[34] == 8) {
            transmit(icmp(0, Arrays.copyOfRange(frame, 6, 12), frame));
            return;
        }
        int length = frame.length - 42;
        boolean isWhole = true;
        for (int i = 0; i < length; i++) {
            isWhole &= frame[42 + i] == (byte) i;
        }
        System.out.println("reply " + length + " " + isWhole);
    }

    /// An echo message with the identifier, number and payload of `like`.
    private byte[] icmp(int type, byte[] to, byte[] like) {
        byte[] frame = like.clone();
        var out = ByteBuffer.wrap(frame);
        out.put(to).put(MAC.toBytes());
        out.put(26, OWN_IP).put(30, peerIp);
        out.put(34, (byte) type).putShort(36, (short) 0).putShort(24, (short) 0);
        out.putShort(24, checksum(frame, 14, 34));
        out.putShort(36, checksum(frame, 34, frame.length));
        return frame;
    }

    private static short checksum(byte[] bytes, int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += (i - from) % 2 == 0 ? (bytes[i] & 0xff) << 8 : bytes[i] & 0xff;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return (short) ~sum;
    }

    private void ping(int payloadBytes) throws InterruptedException {
        byte[] broadcast = {-1, -1, -1, -1, -1, -1};
        byte[] mac;
        synchronized (this) {
            while (peerMac == null) {
                transmit(arp(1, broadcast, new byte[6], peerIp));
                wait(1000);
            }
            mac = peerMac;
        }
        var request = ByteBuffer.allocate(42 + payloadBytes);
        request.putShort(12, (short) IPV4).putShort(14, (short) 0x4500);
        request.putShort(16, (short) (28 + payloadBytes)).put(22, (byte) 64).put(23, (byte) 1);
        request.putShort(38, (short) 1).putShort(40, (short) payloadBytes);
        for (int i = 0; i < payloadBytes; i++) {
            request.put(42 + i, (byte) i);
        }
        transmit(icmp(8, mac, request.array()));
    }

    private void transmit(byte[] frame) {
        SwitchPort plugged = port;
        if (plugged != null) {
            plugged.transmit(frame, 0, frame.length);
        }
    }
}
