package weft.transport;

import java.io.IOException;

/// The peer was reached and says that it did not serve the request.
public final class PeerFailure extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param reason the peer's words
    public PeerFailure(String reason) {
        super(reason);
    }
}
