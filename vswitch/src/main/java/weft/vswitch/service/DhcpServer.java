package weft.vswitch.service;

import weft.vswitch.packet.InternetChecksum;
import weft.vswitch.packet.Ipv4View;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/// The DHCPv4 server of a port (RFC 2131, options of RFC 2132): it gives one address to one
/// station, the one that the port's binding has. So it has nothing to remember: the lease is the
/// binding, and every host that the VM moves to answers alike.
///
/// ```
/// DISCOVER ► OFFER      REQUEST of the own address ► ACK, of another ► NAK     INFORM ► ACK
/// DECLINE, RELEASE, and REQUESTs of another server's offer: nothing
/// ```
///
/// Requests are hostile bytes: every length is checked, and at most one answer comes of each.
public final class DhcpServer {
    /// Where servers listen.
    public static final int SERVER_PORT = 67;

    /// Where clients do.
    public static final int CLIENT_PORT = 68;

    /// What became of a request.
    public enum Outcome {
        ANSWERED,
        /// Nothing is to be said to it.
        NOTED,
        /// It is no request of this station.
        MALFORMED
    }

    private static final int UDP_HEADER_BYTES = 8;
    private static final int FIXED_BYTES = 240; // with the cookie
    private static final int BOOTP_BYTES_MIN = 300; // RFC 951; RFC 1542, 2.1
    private static final int COOKIE = 0x6382_5363;
    private static final int FLAG_BROADCAST = 0x8000;
    private static final int LEASE_SECONDS = 86_400;
    private static final int ANYONE = 0xffff_ffff;
    private static final long ANY_MAC = 0xffff_ffff_ffffL;
    private static final int ETHERNET_IPV4 = 0x0800;

    private static final int DISCOVER = 1;
    private static final int OFFER = 2;
    private static final int REQUEST = 3;
    private static final int DECLINE = 4;
    private static final int ACK = 5;
    private static final int NAK = 6;
    private static final int RELEASE = 7;
    private static final int INFORM = 8;

    private static final int PAD = 0;
    private static final int NETMASK = 1;
    private static final int HOST_NAME = 12;
    private static final int MTU = 26;
    private static final int BROADCAST = 28;
    private static final int REQUESTED_ADDRESS = 50;
    private static final int LEASE_TIME = 51;
    private static final int MESSAGE_TYPE = 53;
    private static final int SERVER = 54;
    private static final int PARAMETERS = 55;
    private static final int RENEWAL_TIME = 58;
    private static final int REBINDING_TIME = 59;
    private static final int CLIENT = 61;
    private static final int END = 255;

    // The request in hand.
    private byte[] bytes = {};
    private int at;
    private int type;
    private int requested;
    private int server;
    private int parametersAt;
    private int parameterCount;
    private int clientAt;
    private int clientBytes;

    /// Answers what the station sent to a DHCP server's port.
    ///
    /// @param packet complete, UDP, not a fragment
    public Outcome answer(Ipv4View packet, Station station, Answer answer) {
        if (!take(packet, station)) {
            return Outcome.MALFORMED;
        }
        boolean isForAnother = server != 0 && server != station.serviceIpv4();
        return switch (type) {
            case DISCOVER -> reply(OFFER, station, answer);
            case REQUEST -> {
                if (isForAnother) {
                    yield Outcome.NOTED;
                }
                // Selecting and after a reboot it names the address, renewing it has it already.
                int wanted = requested != 0 ? requested : clientAddress();
                yield reply(wanted == station.ipv4() ? ACK : NAK, station, answer);
            }
            case INFORM -> reply(ACK, station, answer);
            case DECLINE, RELEASE -> Outcome.NOTED;
            default -> Outcome.MALFORMED;
        };
    }

    /// Reads what counts of the request.
    private boolean take(Ipv4View packet, Station station) {
        bytes = packet.bytes();
        int udp = packet.payloadOffset();
        int lengthBytes = packet.payloadLengthBytes();
        if (lengthBytes < UDP_HEADER_BYTES + FIXED_BYTES) {
            return false;
        }
        int udpBytes = (bytes[udp + 4] & 0xff) << 8 | bytes[udp + 5] & 0xff;
        at = udp + UDP_HEADER_BYTES;
        if (udpBytes < UDP_HEADER_BYTES + FIXED_BYTES || udpBytes > lengthBytes) {
            return false;
        }
        boolean isRequest = bytes[at] == 1 && bytes[at + 1] == 1 && bytes[at + 2] == 6;
        long mac = (long) (intAt(28) >>> 16) << 32 | intAt(30) & 0xffff_ffffL;
        // No relay is on the way from a port to its switch.
        boolean isRelayed = intAt(24) != 0;
        if (!isRequest || mac != station.mac() || isRelayed || intAt(236) != COOKIE) {
            return false;
        }
        return takeOptions(at + FIXED_BYTES, udp + udpBytes);
    }

    private boolean takeOptions(int from, int end) {
        type = 0;
        requested = 0;
        server = 0;
        parameterCount = 0;
        clientBytes = 0;
        int option = from;
        while (option < end && (bytes[option] & 0xff) != END) {
            int code = bytes[option] & 0xff;
            if (code == PAD) {
                option++;
                continue;
            }
            int lengthBytes = option + 1 < end ? bytes[option + 1] & 0xff : 0;
            if (option + 2 + lengthBytes > end) {
                return false;
            }
            if (!takeOption(code, option + 2, lengthBytes)) {
                return false;
            }
            option += 2 + lengthBytes;
        }
        return type != 0;
    }

    private boolean takeOption(int code, int value, int lengthBytes) {
        switch (code) {
            case MESSAGE_TYPE -> {
                type = lengthBytes == 1 ? bytes[value] & 0xff : 0;
                return type != 0;
            }
            case REQUESTED_ADDRESS, SERVER -> {
                if (lengthBytes != 4) {
                    return false;
                }
                int address = intAt(value - at);
                if (code == SERVER) {
                    server = address;
                } else {
                    requested = address;
                }
            }
            case PARAMETERS -> {
                parametersAt = value;
                parameterCount = lengthBytes;
            }
            case CLIENT -> {
                clientAt = value;
                clientBytes = lengthBytes;
            }
            default -> {}
        }
        return true;
    }

    private Outcome reply(int replyType, Station station, Answer answer) {
        boolean isBroadcast = replyType == NAK || (intAt(8) & FLAG_BROADCAST) != 0;
        int toAddress = isBroadcast ? ANYONE : station.ipv4();
        if (clientAddress() != 0 && replyType != NAK) {
            toAddress = station.ipv4(); // renewing: it has its address, and asked by it
        }
        long toMac = toAddress == ANYONE ? ANY_MAC : station.mac();
        ByteBuffer out = answer.begin(toMac, Station.SERVICE_MAC, ETHERNET_IPV4);
        int ip = out.position();
        ipv4Header(out, station.serviceIpv4(), toAddress);
        int udp = out.position();
        out.putShort((short) SERVER_PORT).putShort((short) CLIENT_PORT).putInt(0);
        int bootp = out.position();
        fixed(out, replyType, station, answer);
        options(out, replyType, station);
        answer.zeroes(bootp + BOOTP_BYTES_MIN - out.position());
        finish(out, ip, udp, station.serviceIpv4(), toAddress);
        return Outcome.ANSWERED;
    }

    private static void ipv4Header(ByteBuffer out, int source, int destination) {
        out.putInt(0x4500_0000); // version 4, five words; the length comes later
        out.putInt(0x0000_4000); // do not fragment
        out.putInt(64 << 24 | Ipv4View.UDP << 16); // TTL; the checksum comes later
        out.putInt(source).putInt(destination);
    }

    private void fixed(ByteBuffer out, int replyType, Station station, Answer answer) {
        boolean gives = replyType != NAK && type != INFORM;
        out.put((byte) 2).put((byte) 1).put((byte) 6).put((byte) 0);
        out.putInt(intAt(4)); // transaction
        out.putShort((short) 0).putShort((short) intAt(8)); // seconds; flags as they came
        out.putInt(replyType == ACK ? clientAddress() : 0);
        out.putInt(gives ? station.ipv4() : 0);
        out.putInt(0).putInt(0); // next server, relay
        out.put(bytes, at + 28, 16); // the client's link address
        answer.zeroes(64 + 128); // server's name, boot file
        out.putInt(COOKIE);
    }

    private void options(ByteBuffer out, int replyType, Station station) {
        out.put((byte) MESSAGE_TYPE).put((byte) 1).put((byte) replyType);
        option(out, SERVER, station.serviceIpv4());
        if (clientBytes > 0) { // RFC 6842
            out.put((byte) CLIENT).put((byte) clientBytes).put(bytes, clientAt, clientBytes);
        }
        if (replyType != NAK) {
            if (type != INFORM) {
                option(out, LEASE_TIME, LEASE_SECONDS);
            }
            option(out, NETMASK, station.netmask());
            requestedOptions(out, station);
        }
        out.put((byte) END);
    }

    /// What else the client asks for, each once, in its order.
    private void requestedOptions(ByteBuffer out, Station station) {
        for (int i = 0; i < parameterCount; i++) {
            int code = bytes[parametersAt + i] & 0xff;
            if (isAskedBefore(code, i)) {
                continue;
            }
            switch (code) {
                case HOST_NAME -> {
                    byte[] name = station.hostName().getBytes(StandardCharsets.US_ASCII);
                    out.put((byte) HOST_NAME).put((byte) name.length).put(name);
                }
                case MTU -> out.put((byte) MTU).put((byte) 2).putShort((short) station.mtuBytes());
                case BROADCAST -> option(out, BROADCAST, station.broadcast());
                case RENEWAL_TIME -> timer(out, RENEWAL_TIME, LEASE_SECONDS / 2);
                case REBINDING_TIME -> timer(out, REBINDING_TIME, LEASE_SECONDS / 8 * 7);
                default -> {}
            }
        }
    }

    private boolean isAskedBefore(int code, int index) {
        for (int i = 0; i < index; i++) {
            if ((bytes[parametersAt + i] & 0xff) == code) {
                return true;
            }
        }
        return false;
    }

    private void timer(ByteBuffer out, int code, int seconds) {
        if (type != INFORM) {
            option(out, code, seconds);
        }
    }

    private static void option(ByteBuffer out, int code, int value) {
        out.put((byte) code).put((byte) 4).putInt(value);
    }

    /// Lengths and checksums.
    private static void finish(ByteBuffer out, int ip, int udp, int source, int destination) {
        byte[] all = out.array();
        int udpBytes = out.position() - udp;
        out.putShort(ip + 2, (short) (out.position() - ip));
        int header = InternetChecksum.fold(InternetChecksum.add(0, all, ip, udp - ip));
        out.putShort(ip + 10, (short) header);
        out.putShort(udp + 4, (short) udpBytes);
        long sum =
                InternetChecksum.add(
                        InternetChecksum.pseudoHeader(source, destination, Ipv4View.UDP, udpBytes),
                        all,
                        udp,
                        udpBytes);
        int checksum = InternetChecksum.fold(sum);
        out.putShort(udp + 6, (short) (checksum == 0 ? 0xffff : checksum)); // 0 would say: none
    }

    private int clientAddress() {
        return intAt(12);
    }

    private int intAt(int offset) {
        int from = at + offset;
        return (bytes[from] & 0xff) << 24
                | (bytes[from + 1] & 0xff) << 16
                | (bytes[from + 2] & 0xff) << 8
                | bytes[from + 3] & 0xff;
    }
}
