package weft.vswitch.packet;

import weft.runtime.Owned;

/// Does what a packet's sender left to others ([OffloadHeader]): completes its checksum, and cuts
/// super-frames of TCP and UDP into frames, as the Linux kernel does where a device cannot.
///
/// ```text
/// Ethernet 14 (+ tags of 4) · IP · TCP · payload ─► the same headers before each part of payload:
///   IPv4 length, identification + n, checksum · IPv6 length · UDP length
///   TCP sequence number, FIN and PSH in the last only, CWR in the first only · checksum
/// ```
///
/// Budget of a segment: its bytes are copied once and added up once; headers are written without
/// being added up again, but for what changes. The packet is a guest's: [#begin] refuses what does
/// not fit together. Reused for packet after packet.
@Owned("the switch's loop")
public final class Segmenter {
    private static final int TAG_BYTES = 4;
    private static final int TAGS_MAX = 2;
    private static final int IPV6_BYTES = 40;
    private static final int TCP_BYTES = 20;
    private static final int UDP_BYTES = 8;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_CHECKSUM = 6;
    private static final int FIN_PSH = 0x09;
    private static final int CWR = 0x80;

    private byte[] packet = {};
    private int offset;
    private int network;
    private int transport;
    private int headerBytes;
    private int segmentBytes;
    private int end;
    private int at;
    private int index;
    private boolean isIp4;
    private boolean isTcp;

    /// Of addresses and protocol, without the length.
    private long pseudoHeader;

    /// Writes the checksum that is missing, if one is. The header is not changed.
    ///
    /// @param newPacket with a header that [OffloadHeader#normalize] has passed, and no super-frame
    public static void complete(byte[] newPacket, int newOffset, int lengthBytes) {
        if (!OffloadHeader.needsChecksum(newPacket, newOffset)) {
            return;
        }
        int start = OffloadHeader.checksumStart(newPacket, newOffset);
        int checksum =
                InternetChecksum.fold(
                        InternetChecksum.add(0, newPacket, newOffset + start, lengthBytes - start));
        // Zero means "none" in UDP; the other zero of ones' complement means the same in all.
        store16(
                newPacket,
                newOffset + start + OffloadHeader.checksumOffset(newPacket, newOffset),
                checksum == 0 ? 0xffff : checksum);
    }

    /// Takes a super-frame, which stays as it is until it is cut.
    ///
    /// @param newPacket with a header that [OffloadHeader#normalize] has passed
    /// @param newOffset where its Ethernet header begins
    /// @param frameBytesMax what a frame may have
    /// @return false if it is none that can be cut into such frames
    public boolean begin(byte[] newPacket, int newOffset, int lengthBytes, int frameBytesMax) {
        packet = newPacket;
        offset = newOffset;
        int type = OffloadHeader.type(packet, offset);
        isTcp = type != OffloadHeader.UDP;
        end = offset + lengthBytes;
        transport = offset + OffloadHeader.checksumStart(packet, offset);
        network = networkOffset();
        isIp4 = type == OffloadHeader.TCP4 || !isTcp && load16(network - 2) == 0x0800;
        if (!(isIp4 ? isTransportOfIp4() : isTransportOfIp6())
                || transport + (isTcp ? TCP_BYTES : UDP_BYTES) > end) {
            return false;
        }
        int transportBytes = isTcp ? packet[transport + 12] >>> 2 & 0x3c : UDP_BYTES;
        headerBytes = transport + transportBytes - offset;
        segmentBytes = OffloadHeader.segmentBytes(packet, offset);
        if (transportBytes < (isTcp ? TCP_BYTES : UDP_BYTES)
                || headerBytes > lengthBytes
                || headerBytes + segmentBytes > frameBytesMax) {
            return false;
        }
        long addresses =
                isIp4
                        ? InternetChecksum.add(0, packet, network + 12, 8)
                        : InternetChecksum.add(0, packet, network + 8, 32);
        pseudoHeader = addresses + protocol();
        at = offset + headerBytes;
        index = 0;
        return true;
    }

    /// How many frames there are; the first has the most bytes, and so have all but the last.
    public int count() {
        return Math.max(1, (end - offset - headerBytes + segmentBytes - 1) / segmentBytes);
    }

    /// The length of all frames but the last, if there are several.
    public int frameBytes() {
        return headerBytes + Math.min(segmentBytes, end - offset - headerBytes);
    }

    /// Whether a frame is left.
    public boolean hasNext() {
        return index == 0 || at < end;
    }

    /// Writes the next frame, complete.
    ///
    /// @return its length
    public int next(byte[] into, int intoOffset) {
        int payloadBytes = Math.min(segmentBytes, end - at);
        boolean isLast = at + payloadBytes == end;
        System.arraycopy(packet, offset, into, intoOffset, headerBytes);
        System.arraycopy(packet, at, into, intoOffset + headerBytes, payloadBytes);
        int lengthBytes = headerBytes + payloadBytes;
        writeNetwork(into, intoOffset, lengthBytes);
        writeTransport(into, intoOffset + transport - offset, isLast);
        int transportAt = intoOffset + transport - offset;
        int transportBytes = intoOffset + lengthBytes - transportAt;
        int checksumAt = transportAt + (isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
        if (!isTcp) {
            store16(into, transportAt + 4, transportBytes);
        }
        store16(into, checksumAt, 0);
        long sum = pseudoHeader + transportBytes;
        int checksum =
                InternetChecksum.fold(InternetChecksum.add(sum, into, transportAt, transportBytes));
        store16(into, checksumAt, checksum == 0 && !isTcp ? 0xffff : checksum);
        at += payloadBytes;
        index++;
        return lengthBytes;
    }

    private int protocol() {
        return isTcp ? Ipv4View.TCP : Ipv4View.UDP;
    }

    /// Where IP begins, behind up to two tags.
    private int networkOffset() {
        int type = offset + 12;
        for (int tags = 0; tags < TAGS_MAX && type + TAG_BYTES + 2 <= end; tags++) {
            int value = load16(type);
            if (value != EthernetView.TPID_8021Q && value != EthernetView.TPID_8021AD) {
                break;
            }
            type += TAG_BYTES;
        }
        return type + 2;
    }

    /// Whether TCP or UDP begins there, not in a fragment. `transport` lies in the packet.
    private boolean isTransportOfIp4() {
        return network + 20 <= transport
                && load16(network - 2) == 0x0800
                && packet[network] >>> 4 == 4
                && (packet[network] & 15) * 4 == transport - network
                && (load16(network + 6) & 0x3fff) == 0
                && packet[network + 9] == protocol();
    }

    /// The same behind extension headers that may be repeated: hop by hop, routing, destination
    /// options (RFC 8200, section 4).
    private boolean isTransportOfIp6() {
        if (network + IPV6_BYTES > transport
                || load16(network - 2) != 0x86dd
                || (packet[network] & 0xf0) >>> 4 != 6) {
            return false;
        }
        int next = packet[network + 6] & 0xff;
        int header = network + IPV6_BYTES;
        while (header + 8 <= transport && (next == 0 || next == 43 || next == 60)) {
            next = packet[header] & 0xff;
            header += 8 + (packet[header + 1] & 0xff) * 8;
        }
        return header == transport && next == protocol();
    }

    private void writeNetwork(byte[] into, int frame, int lengthBytes) {
        int ip = frame + network - offset;
        if (!isIp4) {
            store16(into, ip + 4, frame + lengthBytes - ip - IPV6_BYTES);
            return;
        }
        store16(into, ip + 2, frame + lengthBytes - ip);
        store16(into, ip + 4, load16(network + 4) + index);
        store16(into, ip + 10, 0);
        long sum = InternetChecksum.add(0, into, ip, transport - network);
        store16(into, ip + 10, InternetChecksum.fold(sum));
    }

    private void writeTransport(byte[] into, int tcp, boolean isLast) {
        if (!isTcp) {
            return;
        }
        int sequence =
                (load16(transport + 4) << 16 | load16(transport + 6)) + (at - offset - headerBytes);
        store16(into, tcp + 4, sequence >>> 16);
        store16(into, tcp + 6, sequence);
        int flags = packet[transport + 13];
        flags = isLast ? flags : flags & ~FIN_PSH;
        into[tcp + 13] = (byte) (index == 0 ? flags : flags & ~CWR);
    }

    private int load16(int from) {
        return (packet[from] & 0xff) << 8 | packet[from + 1] & 0xff;
    }

    private static void store16(byte[] bytes, int to, int value) {
        bytes[to] = (byte) (value >>> 8);
        bytes[to + 1] = (byte) value;
    }
}
