package weft.volume;

import java.io.IOException;

/// Why a volume operation was not done.
public final class VolumeException extends IOException {
    private static final long serialVersionUID = 1L;

    /// What the caller can do about it.
    public enum Reason {
        /// A newer holder has the volume: freeze the VM, close the export. Never an I/O error.
        FENCED,
        /// The range ends beyond the disk.
        OUT_OF_RANGE,
        /// The volume is open for reading only.
        READ_ONLY,
        /// The pool refused for want of space (ENOSPC); nothing was written.
        NO_SPACE,
        /// No answer within the caller's deadline; the operation may or may not have been done.
        TIMED_OUT,
        /// The volume was closed.
        CLOSED,
        /// A block could not be read intact from any replica.
        CORRUPT
    }

    private final Reason reason;

    /// @param reason what the caller can do about it
    /// @param message which volume, which range, what to do
    public VolumeException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /// What the caller can do about it.
    public Reason reason() {
        return reason;
    }
}
