package weft.coordination;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
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

    /// The record as it was not long ago: half the time of a [#read], for changes that expect the
    /// version they were made from.
    default Optional<Versioned> glance(String path) throws IOException {
        return read(path);
    }

    /// The same of several records, looked at in this order: in the time of one.
    default List<Optional<Versioned>> glance(List<String> paths) throws IOException {
        List<Optional<Versioned>> all = new ArrayList<>();
        for (String path : paths) {
            all.add(glance(path));
        }
        return all;
    }

    /// Names of the records directly below; empty if there are none.
    List<String> children(String path) throws IOException;

    /// Makes all changes or none.
    Outcome commit(List<Change> changes) throws IOException;

    /// Calls the listener once with every record of the subtree and then with the changed ones, in
    /// order per path, on a thread of the store's; intermediate values may be skipped. The listener
    /// must not block.
    AutoCloseable watch(String root, Consumer<List<Entry>> listener) throws IOException;

    /// Keeps a record in place for as long as this process is alive: it goes when the session does,
    /// and is made again when the session comes back. A record left by an earlier process is
    /// replaced.
    Announcement announce(String path, byte[] data) throws IOException;

    /// A record that is kept in place.
    interface Announcement extends AutoCloseable {
        /// Tells something else from now on; returns before others can see it.
        void replace(byte[] data) throws IOException;

        /// Takes the record away.
        @Override
        void close() throws IOException;
    }

    /// Takes part in the election for a seat of which one process at a time is the holder.
    Seat standForSeat(String path, String candidate) throws IOException;

    /// A seat of one: holding it is a hint, never a fence (a paused process still believes it).
    /// What a holder does must be safe when two believe it.
    interface Seat extends AutoCloseable {
        /// Whether this process is believed to hold the seat now.
        boolean isHeld();

        /// Leaves the election.
        @Override
        void close();
    }

    /// Ends the session: ephemeral records go at once.
    @Override
    void close();
}
