package weft.coordination;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// The shared truth: a tree of small records (at most 64 KiB each) changed by compare-and-set.
///
/// Calls block (use a virtual thread, never a [weft.runtime.Loop] that moves data) and throw
/// IOException when the ensemble does not answer; the outcome of a change is then unknown and must
/// be read back. Paths are absolute, as `/weft/vms/web1/spec`; parents are made as needed.
public interface FabricStore extends AutoCloseable {
    /// A record and the version that [Change]s expect. Versions of one path only grow while it
    /// exists.
    record Versioned(byte[] data, int version) {}

    /// One record of a watched subtree; `data` is null when it is gone.
    record Entry(String path, byte @Nullable [] data, int version) {}

    /// What one change of a [#commit] does, and what it expects. A `version` is the expected one.
    sealed interface Change {
        /// The record concerned.
        String path();

        /// Expects that there is no such record.
        record Create(String path, byte[] data) implements Change {}

        /// Expects that there is no such record; it goes when this process's session does.
        record CreateEphemeral(String path, byte[] data) implements Change {}

        /// Replaces the record.
        record Set(String path, byte[] data, int version) implements Change {}

        /// Removes the record.
        record Delete(String path, int version) implements Change {}

        /// Changes nothing, but expects the version.
        record Check(String path, int version) implements Change {}
    }

    /// How a [#commit] ended.
    sealed interface Outcome {
        /// All changes were made, at once.
        record Committed() implements Outcome {}

        /// Nothing was changed: `path` was not as expected.
        record Conflict(String path) implements Outcome {}
    }

    /// The record as the ensemble's leader has it (reads after `sync`).
    Optional<Versioned> read(String path) throws IOException;

    /// Names of the records directly below; empty if there are none.
    List<String> children(String path) throws IOException;

    /// Makes all changes or none.
    Outcome commit(List<Change> changes) throws IOException;

    /// Calls the listener once with every record of the subtree and then with the changed ones, in
    /// order per path, on a thread of the store's; intermediate values may be skipped. The listener
    /// must not block.
    AutoCloseable watch(String root, Consumer<List<Entry>> listener) throws IOException;

    /// When this process's session was last known to be alive, on [weft.runtime.Clock]'s scale: the
    /// sent time of the last answered ping. Ephemeral records live at least a session timeout
    /// longer.
    long lastAliveNanos();

    /// Ends the session: ephemeral records go at once.
    @Override
    void close();
}
