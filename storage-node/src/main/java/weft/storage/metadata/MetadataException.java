package weft.storage.metadata;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/// The metadata cannot be read or written: nothing of the store is to be believed any more.
public final class MetadataException extends IOException {
    private static final long serialVersionUID = 1;

    /// @param cause null if they were read, and are not whole
    public MetadataException(String message, @Nullable Throwable cause) {
        super("metadata: " + message, cause);
    }
}
