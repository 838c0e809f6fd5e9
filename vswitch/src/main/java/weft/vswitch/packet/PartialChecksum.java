package weft.vswitch.packet;

/// Finds frames whose sender has left the checksum of TCP or UDP to a device that there was not.
///
/// The Linux kernel's VXLAN leaves it to the network card below; where that is a veth pair, or a
/// bridge of them, nobody does it, and the frame comes with the sum of the pseudo-header only.
/// Receivers drop it, so that "ping works and TCP does not". Such a sum says what the sender meant:
/// that the receiver need not check. A frame damaged on its way passes by this as one in 65,536.
public final class PartialChecksum {
    private static final int ETHERNET = EthernetView.HEADER_BYTES;
    private static final int IPV4 = 0x0800;
    private static final int IPV6 = 0x86dd;
    private static final int IPV6_BYTES = 40;

    private PartialChecksum() {}

    /// Looks, and writes an [OffloadHeader] before the frame if it finds one.
    ///
    /// @param frame without room for the header it is left as it is
    /// @return whether it did
    public static boolean note(EthernetView frame) {
        if (frame.lengthBytes() < ETHERNET + 20 + 8 || frame.offset() < OffloadHeader.BYTES) {
            return false;
        }
        byte[] bytes = frame.bytes();
        int ip = frame.offset() + ETHERNET;
        return switch (frame.type()) {
            case IPV4 -> noteIp4(frame, bytes, ip);
            case IPV6 ->
                    frame.lengthBytes() >= ETHERNET + IPV6_BYTES + 8
                            && note(
                                    frame,
                                    bytes[ip + 6] & 0xff,
                                    ip + IPV6_BYTES,
                                    load16(bytes, ip + 4),
                                    InternetChecksum.add(0, bytes, ip + 8, 32));
            default -> false;
        };
    }

    /// Whether the checksum that a packet's header leaves to others is that of TCP or UDP right
    /// behind the packet's IP header. Others are completed before anybody judges the packet: their
    /// place may be anywhere, also where an address is.
    ///
    /// @param packet with a header that [OffloadHeader#normalize] has passed
    public static boolean isOfTransport(EthernetView packet) {
        byte[] bytes = packet.bytes();
        int ip = packet.offset() + ETHERNET;
        int start = OffloadHeader.checksumStart(bytes, packet.offset());
        int offset = OffloadHeader.checksumOffset(bytes, packet.offset());
        boolean hasHeader = start >= ETHERNET + Ipv4View.HEADER_BYTES_MIN;
        return switch (packet.type()) {
            case IPV4 ->
                    hasHeader
                            && (bytes[ip] & 0xf0) == 0x40
                            && (bytes[ip] & 15) * 4 == start - ETHERNET
                            && (load16(bytes, ip + 6) & 0x3fff) == 0
                            && offset == place(bytes[ip + 9] & 0xff);
            case IPV6 ->
                    start == ETHERNET + IPV6_BYTES
                            && (bytes[ip] & 0xf0) == 0x60
                            && offset == place(bytes[ip + 6] & 0xff);
            default -> false;
        };
    }

    /// Where a protocol has its checksum; -1 for others than TCP and UDP.
    private static int place(int protocol) {
        return switch (protocol) {
            case Ipv4View.TCP -> 16;
            case Ipv4View.UDP -> 6;
            default -> -1;
        };
    }

    private static boolean noteIp4(EthernetView frame, byte[] bytes, int ip) {
        int headerBytes = (bytes[ip] & 15) * 4;
        boolean isWhole = (load16(bytes, ip + 6) & 0x3fff) == 0;
        return isWhole
                && headerBytes >= 20
                && note(
                        frame,
                        bytes[ip + 9] & 0xff,
                        ip + headerBytes,
                        load16(bytes, ip + 2) - headerBytes,
                        InternetChecksum.add(0, bytes, ip + 12, 8));
    }

    private static boolean note(
            EthernetView frame, int protocol, int at, int transportBytes, long addresses) {
        int offset = place(protocol);
        int start = at - frame.offset();
        if (offset < 0
                || transportBytes < offset + 2
                || start + transportBytes != frame.lengthBytes()) {
            return false;
        }
        int partial = ~InternetChecksum.fold(addresses + protocol + transportBytes) & 0xffff;
        if (partial != load16(frame.bytes(), at + offset)) {
            return false;
        }
        OffloadHeader.leaveChecksum(frame.bytes(), frame.offset(), start, offset);
        return true;
    }

    private static int load16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }
}
