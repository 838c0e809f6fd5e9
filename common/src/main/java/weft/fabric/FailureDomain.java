package weft.fabric;

import java.util.regex.Pattern;

/// Where a store stands: what fails together. A rack is one only within its zone, a host only
/// within its rack; copies of a group are kept in different zones, racks and hosts as far as there
/// are enough of them.
///
/// @param zone a room, a building, a power feed
/// @param host the machine; several stores may share one
public record FailureDomain(String zone, String rack, String host) {
    /// The zone and the rack of a store of which nobody said where it stands.
    public static final String UNSAID = "default";

    /// The longest name of a zone, rack or host: that of a DNS name.
    public static final int LENGTH_MAX = 253;

    private static final Pattern LEGAL = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._:-]*");

    public FailureDomain {
        check("zone", zone);
        check("rack", rack);
        check("host", host);
    }

    /// A host of which nothing else is known.
    public static FailureDomain ofHost(String host) {
        return new FailureDomain(UNSAID, UNSAID, host);
    }

    /// A host that is known by the address or name under which others reach it.
    public static FailureDomain ofAddress(String address) {
        return ofHost(address.replaceAll("^\\W+|\\W+$", "").replaceAll("[^\\w.:-]", "-"));
    }

    private static void check(String what, String name) {
        if (name.length() > LENGTH_MAX || !LEGAL.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "%s '%s' is not usable: letters, digits, '.', '_', ':' and '-', starting with a letter or digit"
                            .formatted(
                                    what, name.length() > 80 ? name.substring(0, 80) + "…" : name));
        }
    }

    @Override
    public String toString() {
        return zone + "/" + rack + "/" + host;
    }
}
