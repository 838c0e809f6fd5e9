package weft.transport;

import java.net.InetSocketAddress;
import java.util.Optional;

/// Addresses as records and options write them: `host:port`.
public final class NodeAddress {
    private NodeAddress() {}

    /// The address, resolved if it can be; empty if the text is none.
    public static Optional<InetSocketAddress> parse(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 1) {
            return Optional.empty();
        }
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            return Optional.of(new InetSocketAddress(text.substring(0, colon), port));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /// `host:port`, as [#parse] reads it.
    public static String format(InetSocketAddress address) {
        return address.getHostString() + ":" + address.getPort();
    }
}
