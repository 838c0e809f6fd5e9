package weft.fabric;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

import java.util.HexFormat;
import java.util.regex.Pattern;

/// A 48-bit Ethernet address in the low bits of `bits`, first octet highest.
public record MacAddress(long bits) {
    private static final Pattern TEXT = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");

    public MacAddress {
        if (bits >>> 48 != 0) {
            throw new IllegalArgumentException("more than 48 bits: " + Long.toHexString(bits));
        }
    }

    /// Reads `52:54:00:12:34:56`, in either case.
    ///
    /// @throws IllegalArgumentException with a message fit for people
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public static MacAddress parse(String text) {
        String lower = text.toLowerCase(java.util.Locale.ROOT);
        if (!TEXT.matcher(lower).matches()) {
            throw new IllegalArgumentException(
                    "MAC address '"
                            + text
                            + "' is malformed: six pairs of hex digits, as 52:54:00:12:34:56");
        }
        return new MacAddress(Long.parseLong(lower.replace(":", ""), 16));
    }

    /// Whether a station can own it: neither multicast nor zero.
    public boolean isUnicast() {
        return (bits & 0x0100_0000_0000L) == 0 && bits != 0;
    }

    @Override
    @JsonValue
    public String toString() {
        return HexFormat.ofDelimiter(":").formatHex(toBytes());
    }

    /// The six octets in wire order.
    public byte[] toBytes() {
        var octets = new byte[6];
        for (int i = 0; i < octets.length; i++) {
            octets[i] = (byte) (bits >>> (40 - 8 * i));
        }
        return octets;
    }
}
