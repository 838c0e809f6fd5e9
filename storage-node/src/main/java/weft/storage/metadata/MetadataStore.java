package weft.storage.metadata;

import org.jspecify.annotations.Nullable;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Ordered map from bytes to bytes with atomic, durable batches. Thread-safe.
public interface MetadataStore extends Closeable {
    /// The value, or null if there is none.
    byte @Nullable [] get(byte[] key) throws IOException;

    /// Visits every entry whose key begins with `prefix`, in the order of the keys' unsigned bytes.
    void scan(byte[] prefix, Visitor visitor) throws IOException;

    /// Applies all of the batch or nothing; durable when it returns.
    void write(Batch batch) throws IOException;

    /// Gets the entries of a scan.
    @FunctionalInterface
    interface Visitor {
        /// One entry; the arrays are the visitor's to keep.
        void entry(byte[] key, byte[] value) throws IOException;
    }

    /// One change.
    sealed interface Change {
        /// Sets a key.
        record Put(byte[] key, byte[] value) implements Change {}

        /// Removes a key.
        record Delete(byte[] key) implements Change {}

        /// Removes all keys in `[from, to)`.
        record DeleteRange(byte[] from, byte[] to) implements Change {}
    }

    /// Changes that become durable together, in order.
    final class Batch {
        private final List<Change> changes = new ArrayList<>();

        /// Sets a key.
        public Batch put(byte[] key, byte[] value) {
            changes.add(new Change.Put(key, value));
            return this;
        }

        /// Removes a key.
        public Batch delete(byte[] key) {
            changes.add(new Change.Delete(key));
            return this;
        }

        /// Removes all keys in `[from, to)`.
        public Batch deleteRange(byte[] from, byte[] to) {
            changes.add(new Change.DeleteRange(from, to));
            return this;
        }

        /// What to do, in order.
        public List<Change> changes() {
            return List.copyOf(changes);
        }
    }
}
