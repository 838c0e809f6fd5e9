package weft.transport;

import java.io.IOException;

/// There is no connection, or it broke before the answer: whether the request was served is
/// unknown.
public final class PeerUnreachable extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param message which peer and why
    public PeerUnreachable(String message) {
        super(message);
    }
}
