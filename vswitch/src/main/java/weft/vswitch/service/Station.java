package weft.vswitch.service;

import weft.fabric.Ipv4Interface;
import weft.fabric.MacAddress;

import java.util.regex.Pattern;

/// What a network has given to the station behind a port: from here all answers to it are made, and
/// by this its frames are judged.
///
/// @param mac its address, the low 48 bits
/// @param ipv4 the address that is its own
/// @param prefixLength of its subnet
/// @param serviceIpv4 the network's own address, from which answers come; not a station's
/// @param mtuBytes the longest IP packet that passes everywhere in the network
/// @param hostName fit for DNS, at most 63 characters of ASCII
public record Station(
        long mac, int ipv4, int prefixLength, int serviceIpv4, int mtuBytes, String hostName) {
    /// The link address of every network's own address, on every host: locally administered,
    /// `02:77:65:66:74:00`.
    public static final long SERVICE_MAC = 0x0277_6566_7400L;

    /// What ports' ids have after the names of their VMs.
    private static final Pattern PORT_INDEX = Pattern.compile("-\\d+$");

    private static final int HOST_NAME_MAX = 63;

    /// The station of a port: named like its VM, in a network whose own address is the first of its
    /// subnet.
    public static Station of(String port, MacAddress mac, Ipv4Interface own, int mtuBytes) {
        String name = PORT_INDEX.matcher(port).replaceFirst("");
        return new Station(
                mac.bits(),
                own.address(),
                own.prefixLength(),
                own.subnet() + 1,
                mtuBytes,
                name.substring(0, Math.min(name.length(), HOST_NAME_MAX)));
    }

    /// Ones where the subnet's bits are.
    public int netmask() {
        return prefixLength == 0 ? 0 : -1 << 32 - prefixLength;
    }

    /// The subnet's broadcast address.
    public int broadcast() {
        return ipv4 | ~netmask();
    }
}
