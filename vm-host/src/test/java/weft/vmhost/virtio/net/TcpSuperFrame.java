package weft.vmhost.virtio.net;

import weft.vswitch.packet.InternetChecksum;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/// A random TCP packet as a guest's stack leaves it to its NIC: checksum partial, as long as it
/// likes; and its header.
final class TcpSuperFrame {
    final boolean ip4;
    final byte[] bytes;
    final int network;
    final int transport;
    final int headers;
    final int segmentBytes;
    final boolean ecn;

    /// @param payloadBytes behind all headers
    TcpSuperFrame(Random random, boolean ip4, int payloadBytes, int segmentBytes) {
        this.ip4 = ip4;
        this.segmentBytes = segmentBytes;
        int tag = random.nextInt(4) == 0 ? 4 : 0;
        network = 14 + tag;
        int options4 = ip4 && random.nextInt(4) == 0 ? 4 * (1 + random.nextInt(3)) : 0;
        int extension6 = !ip4 && random.nextInt(4) == 0 ? 8 * (1 + random.nextInt(3)) : 0;
        transport = network + (ip4 ? 20 + options4 : 40 + extension6);
        int tcpBytes = 20 + 4 * random.nextInt(11);
        headers = transport + tcpBytes;
        bytes = new byte[headers + payloadBytes];
        random.nextBytes(bytes);
        ByteBuffer packet = ByteBuffer.wrap(bytes);
        packet.put(0, (byte) 0x02).put(6, (byte) 0x02);
        if (tag != 0) {
            packet.putShort(12, (short) 0x8100).putShort(14, (short) random.nextInt(4095));
        }
        packet.putShort(network - 2, (short) (ip4 ? 0x0800 : 0x86dd));
        if (ip4) {
            fillIp4(packet, options4);
        } else {
            fillIp6(packet, extension6);
        }
        // A bare acknowledgement with marks: neither SYN, which is never cut, nor reset.
        int flags = 0x10 | random.nextInt(256) & (0x01 | 0x08 | 0x40 | 0x80);
        ecn = (flags & 0x80) != 0;
        packet.put(transport + 12, (byte) (tcpBytes / 4 << 4)).put(transport + 13, (byte) flags);
        for (int at = transport + 20; at < headers; at++) {
            packet.put(at, (byte) 1);
        }
        packet.putShort(transport + 16, (short) ~InternetChecksum.fold(pseudoHeader()));
    }

    private void fillIp4(ByteBuffer packet, int optionBytes) {
        packet.put(network, (byte) (0x45 + optionBytes / 4));
        packet.putShort(network + 2, (short) (bytes.length - network));
        packet.putShort(network + 6, (short) 0x4000);
        packet.put(network + 8, (byte) 64).put(network + 9, (byte) 6);
        packet.put(network + 12, (byte) 10).put(network + 16, (byte) 10);
        for (int at = network + 20; at < transport; at++) {
            packet.put(at, (byte) 1);
        }
        packet.putShort(network + 10, (short) 0);
        long sum = InternetChecksum.add(0, bytes, network, transport - network);
        packet.putShort(network + 10, (short) InternetChecksum.fold(sum));
    }

    private void fillIp6(ByteBuffer packet, int extensionBytes) {
        packet.put(network, (byte) 0x60);
        packet.putShort(network + 4, (short) (bytes.length - network - 40));
        packet.put(network + 6, (byte) (extensionBytes == 0 ? 6 : 60)).put(network + 7, (byte) 64);
        packet.put(network + 8, (byte) 0xfd).put(network + 24, (byte) 0xfd);
        if (extensionBytes > 0) {
            // Destination options, padded by one option PadN.
            int at = network + 40;
            packet.put(at, (byte) 6).put(at + 1, (byte) (extensionBytes / 8 - 1));
            packet.put(at + 2, (byte) 1).put(at + 3, (byte) (extensionBytes - 4));
            for (int pad = at + 4; pad < transport; pad++) {
                packet.put(pad, (byte) 0);
            }
        }
    }

    private long pseudoHeader() {
        int from = ip4 ? network + 12 : network + 8;
        int to = ip4 ? network + 20 : network + 40;
        return InternetChecksum.add(0, bytes, from, to - from) + 6 + (bytes.length - transport);
    }

    /// The virtio-net header, of 12 bytes.
    MemorySegment header() {
        ByteBuffer header = ByteBuffer.allocate(PacketHeader.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int type = ip4 ? PacketHeader.TCP4 : PacketHeader.TCP6;
        header.put((byte) 1).put((byte) (ecn ? type | PacketHeader.ECN : type));
        header.putShort((short) headers).putShort((short) segmentBytes);
        header.putShort((short) transport).putShort((short) 16);
        return MemorySegment.ofArray(header.array());
    }
}
