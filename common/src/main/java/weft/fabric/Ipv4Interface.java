package weft.fabric;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// An IPv4 address within its subnet: `10.0.0.5/24`.
///
/// @param address highest octet in the highest byte
/// @param prefixLength 0 to 32
public record Ipv4Interface(int address, int prefixLength) {
    private static final Pattern TEXT =
            Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})/(\\d{1,2})");

    public Ipv4Interface {
        if (prefixLength < 0 || prefixLength > 32) {
            throw new IllegalArgumentException(
                    "prefix of %d bits is not in 0..32".formatted(prefixLength));
        }
    }

    /// Reads `10.0.0.5/24`.
    ///
    /// @throws IllegalArgumentException with a message fit for people
    public static Ipv4Interface parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "address '%s' is malformed: as 10.0.0.5/24".formatted(text));
        }
        int address = 0;
        for (int i = 1; i <= 4; i++) {
            int octet = Integer.parseInt(matcher.group(i));
            if (octet > 255) {
                throw new IllegalArgumentException(
                        "address '%s': %d is more than 255".formatted(text, octet));
            }
            address = address << 8 | octet;
        }
        return new Ipv4Interface(address, Integer.parseInt(matcher.group(5)));
    }

    /// The subnet's first address, that no host has.
    public int subnet() {
        return prefixLength == 0 ? 0 : address & -1 << 32 - prefixLength;
    }

    @Override
    public String toString() {
        return "%d.%d.%d.%d/%d"
                .formatted(
                        address >>> 24,
                        address >> 16 & 255,
                        address >> 8 & 255,
                        address & 255,
                        prefixLength);
    }
}
