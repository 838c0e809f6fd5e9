package weft.wire;

import java.io.IOException;

/// Bytes of a peer that are no legal message. The connection they came from is closed.
public final class MalformedMessage extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param message what was expected and what was found
    public MalformedMessage(String message) {
        super(message);
    }
}
