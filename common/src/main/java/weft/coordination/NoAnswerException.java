package weft.coordination;

import java.io.IOException;

/// The coordination did not answer. What was asked for may have been done or not; later it can be
/// asked again.
public final class NoAnswerException extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param message says what was asked for
    public NoAnswerException(String message, Throwable cause) {
        super(message, cause);
    }
}
