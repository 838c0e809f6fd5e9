package weft.vmhost.virtio.net;

import weft.vswitch.port.SwitchPort;

/// The border behind which a packet has no header: completes the checksum that a guest left to us,
/// and cuts super-frames of TCP into frames, as the Linux kernel does where a device cannot.
///
/// ```
/// Ethernet 14 (+ tags of 4) · IP · TCP · payload ─► the same headers before each part of payload:
///   IPv4 length, identification + n, checksum · IPv6 length
///   TCP sequence number, FIN and PSH in the last only, CWR in the first only, checksum
/// ```
///
/// The packet is a guest's: whatever does not fit together is dropped. Owned by the device loop.
final class Segmentation {
    private static final int TAG_BYTES = 4;
    private static final int TAGS_MAX = 2;
    private static final int IPV6_BYTES = 40;
    private static final int TCP = 6;
    private static final int TCP_BYTES = 20;
    private static final int TCP_CHECKSUM = 16;
    private static final int FIN_PSH = 0x09;
    private static final int CWR = 0x80;

    private final int frameBytesMax;
    private final byte[] part;

    /// @param frameBytesMax longer frames are dropped
    Segmentation(int frameBytesMax) {
        this.frameBytesMax = frameBytesMax;
        part = new byte[frameBytesMax];
    }

    /// Sends a packet as frames that are complete.
    ///
    /// @param packet changed in its headers
    /// @return false if it was dropped
    boolean send(PacketHeader header, byte[] packet, int lengthBytes, SwitchPort to) {
        if (header.isCut()) {
            return cut(header, packet, lengthBytes, to);
        }
        if (lengthBytes > frameBytesMax) {
            return false;
        }
        if (header.needsChecksum()) {
            complete(header, packet, lengthBytes);
        }
        to.transmit(packet, 0, lengthBytes);
        return true;
    }

    private static void complete(PacketHeader header, byte[] packet, int lengthBytes) {
        int start = header.checksumStart();
        int checksum = InternetChecksum.fold(InternetChecksum.sum(packet, start, lengthBytes));
        // Zero means "none" in UDP; the other zero of ones' complement means the same in all.
        store16(packet, start + header.checksumOffset(), checksum == 0 ? 0xffff : checksum);
    }

    private boolean cut(PacketHeader header, byte[] packet, int lengthBytes, SwitchPort to) {
        int network = networkOffset(packet, lengthBytes);
        int transport = header.checksumStart();
        boolean ip4 = header.isTcp4();
        if (header.checksumOffset() != TCP_CHECKSUM
                || !(ip4 ? isTcp4(packet, network, transport) : isTcp6(packet, network, transport))
                || transport + TCP_BYTES > lengthBytes) {
            return false;
        }
        int tcpBytes = (packet[transport + 12] >>> 2) & 0x3c;
        int headers = transport + tcpBytes;
        if (tcpBytes < TCP_BYTES
                || headers > lengthBytes
                || headers + header.segmentBytes() > frameBytesMax) {
            return false;
        }
        System.arraycopy(packet, 0, part, 0, headers);
        long addresses = addresses(packet, network, ip4);
        int at = headers;
        int index = 0;
        do {
            int payload = Math.min(header.segmentBytes(), lengthBytes - at);
            boolean last = at + payload == lengthBytes;
            System.arraycopy(packet, at, part, headers, payload);
            int end = headers + payload;
            writeNetwork(packet, network, ip4, end, index);
            writeTransport(packet, transport, at - headers, index == 0, last);
            long sum = addresses + TCP + (end - transport);
            store16(part, transport + TCP_CHECKSUM, 0);
            sum += InternetChecksum.sum(part, transport, end);
            store16(part, transport + TCP_CHECKSUM, InternetChecksum.fold(sum));
            to.transmit(part, 0, end);
            at += payload;
            index++;
        } while (at < lengthBytes);
        return true;
    }

    /// Where IP begins, behind up to two tags.
    private static int networkOffset(byte[] packet, int lengthBytes) {
        int type = 12;
        for (int tags = 0; tags < TAGS_MAX && type + TAG_BYTES + 2 <= lengthBytes; tags++) {
            int value = load16(packet, type);
            if (value != 0x8100 && value != 0x88a8) {
                break;
            }
            type += TAG_BYTES;
        }
        return type + 2;
    }

    /// Whether TCP over IPv4 begins there, not in a fragment. `transport` lies in the packet.
    private static boolean isTcp4(byte[] packet, int network, int transport) {
        return network + 20 <= transport
                && load16(packet, network - 2) == 0x0800
                && packet[network] >>> 4 == 4
                && (packet[network] & 15) * 4 == transport - network
                && (load16(packet, network + 6) & 0x3fff) == 0
                && packet[network + 9] == TCP;
    }

    /// Whether TCP over IPv6 begins there, behind extension headers that may be repeated: hop by
    /// hop, routing, destination options (RFC 8200, section 4).
    private static boolean isTcp6(byte[] packet, int network, int transport) {
        if (network + IPV6_BYTES > transport
                || load16(packet, network - 2) != 0x86dd
                || (packet[network] & 0xf0) >>> 4 != 6) {
            return false;
        }
        int next = packet[network + 6] & 0xff;
        int at = network + IPV6_BYTES;
        while (at + 8 <= transport && (next == 0 || next == 43 || next == 60)) {
            next = packet[at] & 0xff;
            at += 8 + (packet[at + 1] & 0xff) * 8;
        }
        return at == transport && next == TCP;
    }

    private static long addresses(byte[] packet, int network, boolean ip4) {
        return ip4
                ? InternetChecksum.sum(packet, network + 12, network + 20)
                : InternetChecksum.sum(packet, network + 8, network + IPV6_BYTES);
    }

    private void writeNetwork(byte[] packet, int network, boolean ip4, int end, int index) {
        if (!ip4) {
            store16(part, network + 4, end - network - IPV6_BYTES);
            return;
        }
        store16(part, network + 2, end - network);
        store16(part, network + 4, load16(packet, network + 4) + index);
        store16(part, network + 10, 0);
        int headerEnd = network + (packet[network] & 15) * 4;
        long sum = InternetChecksum.sum(part, network, headerEnd);
        store16(part, network + 10, InternetChecksum.fold(sum));
    }

    private void writeTransport(
            byte[] packet, int transport, int sentBytes, boolean first, boolean last) {
        int sequence =
                (load16(packet, transport + 4) << 16 | load16(packet, transport + 6)) + sentBytes;
        store16(part, transport + 4, sequence >>> 16);
        store16(part, transport + 6, sequence);
        int flags = packet[transport + 13];
        flags = last ? flags : flags & ~FIN_PSH;
        part[transport + 13] = (byte) (first ? flags : flags & ~CWR);
    }

    private static int load16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }

    private static void store16(byte[] bytes, int at, int value) {
        bytes[at] = (byte) (value >>> 8);
        bytes[at + 1] = (byte) value;
    }
}
