package weft.ops.admin;

import java.util.Set;
import java.util.regex.Pattern;

/// An IPv4 subnet, `10.0.0.0/24`: the network address in the low 32 bits, and the prefix length.
record Ipv4Subnet(long address, int prefixLength) {
    private static final Pattern SUBNET = Pattern.compile("([\\d.]+)/(\\d{1,2})");
    private static final Pattern ADDRESS =
            Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})");

    /// The first address given to a NIC: lower ones are left for gateways and services.
    private static final int FIRST_HOST = 10;

    static Ipv4Subnet parse(String text) {
        var matcher = SUBNET.matcher(text);
        if (!matcher.matches()) {
            throw Refusal.badRequest("subnet '%s' is malformed: as 10.0.0.0/24", text);
        }
        long address = address(matcher.group(1));
        int prefixLength = Integer.parseInt(matcher.group(2));
        if (prefixLength < 8 || prefixLength > 27) {
            throw Refusal.badRequest("subnet '%s': the prefix is 8 to 27 bits long", text);
        }
        long hostMask = (1L << 32 - prefixLength) - 1;
        if ((address & hostMask) != 0) {
            throw Refusal.badRequest(
                    "subnet '%s' has host bits set: is %s meant?",
                    text, new Ipv4Subnet(address & ~hostMask, prefixLength));
        }
        return new Ipv4Subnet(address, prefixLength);
    }

    private static long address(String text) {
        var matcher = ADDRESS.matcher(text);
        if (!matcher.matches()) {
            throw Refusal.badRequest("address '%s' is malformed: as 10.0.0.5", text);
        }
        long address = 0;
        for (int i = 1; i <= 4; i++) {
            int octet = Integer.parseInt(matcher.group(i));
            if (octet > 255) {
                throw Refusal.badRequest("address '%s': %d is more than 255", text, octet);
            }
            address = address << 8 | octet;
        }
        return address;
    }

    /// The lowest address that is not taken, with the prefix length: `10.0.0.10/24`.
    String freeAddress(Set<String> taken) {
        long end = address + (1L << 32 - prefixLength) - 1;
        for (long candidate = address + FIRST_HOST; candidate < end; candidate++) {
            String text = text(candidate) + "/" + prefixLength;
            if (!taken.contains(text)) {
                return text;
            }
        }
        throw Refusal.state("no address is free in %s", this);
    }

    /// The given address with the prefix length, if a NIC may have it: not the first, from which
    /// the network itself answers (DHCP).
    String checked(String typed) {
        long value = address(typed);
        long hosts = 1L << 32 - prefixLength;
        if (value <= address || value >= address + hosts - 1) {
            throw Refusal.badRequest("address %s is not a host's in %s", typed, this);
        }
        if (value == address + 1) {
            throw Refusal.badRequest("address %s is the network's own in %s", typed, this);
        }
        return typed + "/" + prefixLength;
    }

    private static String text(long address) {
        return "%d.%d.%d.%d"
                .formatted(
                        address >> 24 & 255,
                        address >> 16 & 255,
                        address >> 8 & 255,
                        address & 255);
    }

    @Override
    public String toString() {
        return text(address) + "/" + prefixLength;
    }
}
