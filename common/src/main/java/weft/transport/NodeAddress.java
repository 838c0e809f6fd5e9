package weft.transport;

import java.net.InetSocketAddress;
import java.util.Optional;

/// Addresses as records and options write them: `host:port`.
public final class NodeAddress {
    private static final int PORT_MAX = 65_535;

    private NodeAddress() {}

    /// The address, resolved if it can be; empty if the text is none.
    public static Optional<InetSocketAddress> parse(String text) {
        return unresolved(text)
                .map(address -> new InetSocketAddress(address.getHostString(), address.getPort()));
    }

    /// The address as it is written, its host not looked up; empty if the text is none.
    public static Optional<InetSocketAddress> unresolved(String text) {
        int colon = text.lastIndexOf(':');
        String port = text.substring(colon + 1);
        return colon >= 1 && isPort(port)
                ? Optional.of(
                        InetSocketAddress.createUnresolved(
                                text.substring(0, colon), Integer.parseInt(port)))
                : Optional.empty();
    }

    /// Digits alone: a number may have a sign, a port has none.
    private static boolean isPort(String text) {
        return text.length() >= 1
                && text.length() <= 5
                && text.chars().allMatch(c -> c >= '0' && c <= '9')
                && Integer.parseInt(text) <= PORT_MAX;
    }

    /// `host:port`, as [#parse] reads it.
    public static String format(InetSocketAddress address) {
        return address.getHostString() + ":" + address.getPort();
    }
}
