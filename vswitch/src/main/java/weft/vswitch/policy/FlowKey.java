package weft.vswitch.policy;

import weft.fabric.GroupRule.Direction;

/// What packets of one connection have in common, in both directions, seen from the port: its own
/// side is local. One object, filled again for each packet.
///
/// An IPv4 address is kept as IPv4-mapped (RFC 4291, 2.5.5.2): 0 and `0xffff_xxxx_xxxx`.
final class FlowKey {
    /// Bit of the kind: of what the port's VM asked, and did not answer. Of ICMP only, where both
    /// sides may choose the same identifier.
    private static final int ASKED_OUT = 0x80;

    long localHigh;
    long localLow;
    long remoteHigh;
    long remoteLow;

    /// Protocol 8 | kind 8 | local port 16 | remote port 16.
    long what;

    void set(PacketView packet, Direction way) {
        boolean isOut = way == Direction.OUT;
        setAddresses(packet, isOut);
        int local = isOut ? packet.sourcePort() : packet.destinationPort();
        int remote = isOut ? packet.destinationPort() : packet.sourcePort();
        int kind = packet.queryType();
        if (kind != 0 && isOut == packet.isQuery()) {
            kind |= ASKED_OUT;
        }
        setWhat(packet.protocol(), kind, local, remote);
    }

    /// The connection of the packet that an ICMP error is about, which went the other way.
    void setQuoted(PacketView error, Direction wayOfError) {
        PacketView.Quoted quoted = error.quoted();
        boolean wentOut = wayOfError == Direction.IN;
        localHigh = wentOut ? quoted.sourceHigh : quoted.destinationHigh;
        localLow = wentOut ? quoted.sourceLow : quoted.destinationLow;
        remoteHigh = wentOut ? quoted.destinationHigh : quoted.sourceHigh;
        remoteLow = wentOut ? quoted.destinationLow : quoted.sourceLow;
        int kind = quoted.queryType;
        if (kind != 0 && wentOut == quoted.isQuery) {
            kind |= ASKED_OUT;
        }
        setWhat(
                quoted.protocol,
                kind,
                wentOut ? quoted.sourcePort : quoted.destinationPort,
                wentOut ? quoted.destinationPort : quoted.sourcePort);
    }

    private void setAddresses(PacketView packet, boolean isOut) {
        localHigh = isOut ? packet.sourceHigh() : packet.destinationHigh();
        localLow = isOut ? packet.sourceLow() : packet.destinationLow();
        remoteHigh = isOut ? packet.destinationHigh() : packet.sourceHigh();
        remoteLow = isOut ? packet.destinationLow() : packet.sourceLow();
    }

    private void setWhat(int protocol, int kind, int localPort, int remotePort) {
        what = (long) protocol << 40 | (long) kind << 32 | (long) localPort << 16 | remotePort;
    }

    static int protocol(long what) {
        return (int) (what >>> 40);
    }

    static int localPort(long what) {
        return (int) (what >>> 16) & 0xffff;
    }

    static int remotePort(long what) {
        return (int) what & 0xffff;
    }

    /// @param secret known to nobody outside, so that nobody can choose ports that collide
    int hash(long secret) {
        long mixed = mix(secret ^ localLow);
        mixed = mix(mixed ^ remoteLow);
        mixed = mix(mixed ^ what);
        if ((localHigh | remoteHigh) != 0) {
            mixed = mix(mix(mixed ^ localHigh) ^ remoteHigh);
        }
        return (int) (mixed >>> 32);
    }

    private static long mix(long bits) {
        long mixed = (bits ^ bits >>> 32) * 0xd6e8_feb8_6659_fd93L;
        return (mixed ^ mixed >>> 29) * 0x9e37_79b9_7f4a_7c15L;
    }
}
