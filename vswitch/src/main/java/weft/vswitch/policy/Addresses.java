package weft.vswitch.policy;

/// Addresses as people read them.
final class Addresses {
    private Addresses() {}

    /// IPv4 with dots; IPv6 by RFC 5952 but for the shortening of zeroes other than those of a
    /// link-local address.
    static String text(long high, long low) {
        if (high == 0 && low >>> 32 == 0xffffL) {
            return "%d.%d.%d.%d"
                    .formatted(low >> 24 & 255, low >> 16 & 255, low >> 8 & 255, low & 255);
        }
        boolean isLinkLocal = high == 0xfe80_0000_0000_0000L;
        return (isLinkLocal ? "fe80:" : groups(high)) + ":" + groups(low);
    }

    private static String groups(long half) {
        return "%x:%x:%x:%x"
                .formatted(half >>> 48, half >> 32 & 0xffff, half >> 16 & 0xffff, half & 0xffff);
    }
}
