package weft.vswitch.pipeline;

import java.util.Locale;

/// Why a frame ended here. Every dropped frame is counted once, under one of these.
public enum DropReason {
    /// Shorter than an Ethernet header.
    RUNT,
    /// Longer than the largest frame of the switch.
    OVERSIZE,
    /// A header that leaves to others what cannot be done: no TCP or UDP that could be cut, into
    /// frames that are no longer than the switch's, or a checksum outside of the packet.
    BAD_OFFLOAD,
    /// Sent to 01-80-C2-00-00-0X, which no bridge forwards.
    RESERVED_ADDRESS,
    /// With a VLAN tag: from an access port, or inside VXLAN (RFC 7348, section 6.1).
    TAGGED,
    /// A source that no station can have: a group address or zero.
    BAD_SOURCE,
    /// A source that is another's: not the port's MAC, or a tunnel from a host the MAC is not on.
    SPOOFED_SOURCE,
    /// A source that nobody knows, from a host whose MACs are all known.
    UNBOUND_SOURCE,
    /// ARP, IPv4 or IPv6 that breaks off, or says that it is longer than it is, from a port or for
    /// one.
    MALFORMED_PACKET,
    /// LLC instead of an Ethernet type, from a port: its packets some guests take for IP all the
    /// same (CVE-2021-27853).
    NOT_ETHERNET_II,
    /// From an address of the IP or ARP that the network did not give to the port.
    SPOOFED_ADDRESS,
    /// A DHCP server behind a port: the network answers itself.
    ROGUE_DHCP,
    /// A router advertisement or redirect from a port.
    ROGUE_ROUTER,
    /// A request to the network's own address that it does not serve.
    NOT_SERVED,
    /// The port is in standby: plugged for a migration, or left behind by one.
    PORT_STANDBY,
    /// The port's MAC is bound to another host now.
    STALE_PORT,
    /// The port's network does not exist (yet, or any more).
    NO_NETWORK,
    /// Not VXLAN: fewer than 8 bytes, or no VNI.
    BAD_VXLAN,
    /// The VNI of no network we know.
    UNKNOWN_VNI,
    /// From an address that is no VTEP of this network.
    FOREIGN_VTEP,
    /// No rule of the port's groups lets its VM begin this.
    DENIED_OUT,
    /// No rule of the groups of the port that it is for lets others begin this. Counted there, as
    /// all that a port does not let in.
    DENIED_IN,
    /// It begins nothing, and belongs to no connection that the port knows of.
    NO_CONNECTION,
    /// The port has as many connections as a port can have, all of them in use.
    CONNECTIONS_FULL,
    /// A fragment of a packet whose first was not seen.
    FRAGMENT_UNKNOWN,
    /// A copy of a flooded frame that a port did not let in. Counts copies, not frames.
    COPY_DENIED,
    /// Back to the port it came from.
    HAIRPIN,
    /// From a tunnel, and it could only go into a tunnel again.
    SPLIT_HORIZON,
    /// The destination's VM is stopped or its port is not open.
    DESTINATION_DOWN,
    /// The destination's host has no VTEP address that we know.
    NO_VTEP,
    /// A copy for a tunnel that is too big for the underlay (VTEPs do not fragment) or that the
    /// socket refused. Counts copies, not frames: a flooded frame has several.
    UNDERLAY_REFUSED,
    /// The port's ring was full; the switch never saw the frame.
    RING_FULL,
    /// The port's interface did not take what the switch had for it: it is down. Counts copies.
    DEVICE_REFUSED;

    /// Whether frames are counted that are in the sum of all outcomes: they are, but copies and
    /// what the switch never saw.
    public boolean isOfFrames() {
        return this != UNDERLAY_REFUSED
                && this != COPY_DENIED
                && this != RING_FULL
                && this != DEVICE_REFUSED;
    }

    /// As metrics and people have it: `ring_full`.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
