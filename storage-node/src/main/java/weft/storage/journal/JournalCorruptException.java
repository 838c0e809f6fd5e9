package weft.storage.journal;

import java.io.IOException;

/// A durable part of the journal is unreadable while later parts are intact: no crash does this.
/// The store refuses to open; its placement groups must be copied from their other members.
public final class JournalCorruptException extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param what which segment and offset, what was expected and what was found
    public JournalCorruptException(String what) {
        super(what + "; this store must be emptied and filled again from the other members");
    }
}
