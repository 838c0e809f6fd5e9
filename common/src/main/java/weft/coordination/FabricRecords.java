package weft.coordination;

import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.FabricJson;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// Typed access to the store: nouns in and out, and the loop around compare-and-set.
public final class FabricRecords {
    private static final int ATTEMPTS_MAX = 16;

    private final FabricStore store;

    public FabricRecords(FabricStore store) {
        this.store = store;
    }

    /// A noun and the version that a change of it expects.
    public record Found<T>(T noun, int version) {}

    /// The store below.
    public FabricStore store() {
        return store;
    }

    /// The noun at the path, as the ensemble's leader has it.
    public <T> Optional<Found<T>> find(String path, Class<T> type) throws IOException {
        Optional<FabricStore.Versioned> versioned = store.read(path);
        if (versioned.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(read(versioned.get(), type));
    }

    /// Looks at several records in the time of one; the answer has those that were there.
    public Map<String, FabricStore.Versioned> glance(List<String> paths) throws IOException {
        List<Optional<FabricStore.Versioned>> seen = store.glance(paths);
        Map<String, FabricStore.Versioned> found = new HashMap<>();
        for (int i = 0; i < paths.size(); i++) {
            String path = paths.get(i);
            seen.get(i).ifPresent(versioned -> found.put(path, versioned));
        }
        return found;
    }

    /// A record as a noun.
    public static <T> Found<T> read(FabricStore.Versioned versioned, Class<T> type)
            throws IOException {
        return new Found<>(FabricJson.read(versioned.data(), type), versioned.version());
    }

    /// Makes a record; false if there is one.
    public boolean create(String path, Object noun) throws IOException {
        return store.commit(List.of(creation(path, noun))) instanceof Outcome.Committed;
    }

    /// The change that makes a record, for a larger commit.
    public static Change.Create creation(String path, Object noun) {
        return new Change.Create(path, FabricJson.write(noun));
    }

    /// The change that replaces a record, for a larger commit.
    public static Change.Set replacement(String path, Object noun, int version) {
        return new Change.Set(path, FabricJson.write(noun), version);
    }

    /// Reads, changes and writes until nobody else was in between. `next` is called again with the
    /// new value after a conflict; it may return the same object to leave the record as it is.
    ///
    /// @return the record as it is now; empty if there is none
    /// @throws IOException also if it was never free within a bounded number of attempts
    public <T> Optional<T> update(String path, Class<T> type, UnaryOperator<T> next)
            throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Optional<Found<T>> found = find(path, type);
            if (found.isEmpty()) {
                return Optional.empty();
            }
            T now = found.get().noun();
            T wanted = next.apply(now);
            if (wanted == now
                    || store.commit(List.of(replacement(path, wanted, found.get().version())))
                            instanceof Outcome.Committed) {
                return Optional.of(wanted);
            }
        }
        throw new IOException(path + " is changed all the time by others; try again");
    }

    /// Removes the record whatever its version; false if there was none.
    public boolean delete(String path) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Optional<FabricStore.Versioned> versioned = store.read(path);
            if (versioned.isEmpty()) {
                return false;
            }
            if (store.commit(List.of(new Change.Delete(path, versioned.get().version())))
                    instanceof Outcome.Committed) {
                return true;
            }
        }
        throw new IOException(path + " is changed all the time by others; try again");
    }

    /// The next volume id is kept in this record; ids are never used twice. Its version also grows
    /// with each [#commitLayers].
    public record VolumeIds(long next) {}

    /// The changes of a [#commitLayers].
    @FunctionalInterface
    public interface LayerChanges {
        /// Reads what the changes are made from, and makes them.
        ///
        /// @param firstId the first of the new ids
        List<Change> from(VolumeId firstId) throws IOException;
    }

    /// The changes of a [#commitLayers].
    @FunctionalInterface
    public interface SeenLayerChanges {
        /// As [LayerChanges#from].
        ///
        /// @param seen records by their paths, not older than the counter
        List<Change> from(VolumeId firstId, Map<String, FabricStore.Versioned> seen)
                throws IOException;
    }

    /// Makes volumes, or passes layers on, as a clone, a snapshot or another name does: in one step
    /// with a new version of the counter of ids. So whoever reads that version before other records
    /// and finds it unchanged later has seen all layers that there were, and nothing that was made
    /// again under the same name in between. Who looks for layers that no record has does so.
    ///
    /// @param newIds how many ids are taken with it
    /// @param changes called after the counter was read; called again after a conflict over it
    public Outcome commitLayers(int newIds, LayerChanges changes) throws IOException {
        return commitLayers(newIds, List.of(), (firstId, _) -> changes.from(firstId));
    }

    /// The same, made from records that are looked at in the time of the counter, right after it.
    ///
    /// @param paths of these; what is not seen so, as in all attempts but the first, is to be read
    public Outcome commitLayers(int newIds, List<String> paths, SeenLayerChanges changes)
            throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Map<String, FabricStore.Versioned> seen = Map.of();
            if (attempt == 0) {
                var together = new ArrayList<String>(List.of(FabricPaths.VOLUME_IDS));
                together.addAll(paths);
                seen = glance(together);
            }
            FabricStore.Versioned counter = seen.get(FabricPaths.VOLUME_IDS);
            Optional<Found<VolumeIds>> ids =
                    counter == null
                            ? find(FabricPaths.VOLUME_IDS, VolumeIds.class)
                            : Optional.of(read(counter, VolumeIds.class));
            long first = ids.map(found -> found.noun().next()).orElse(1L);
            List<Change> all = new ArrayList<>(changes.from(new VolumeId(first), seen));
            all.add(counter(ids, first + newIds));
            Outcome outcome = store.commit(all);
            boolean onlyTheCounter =
                    outcome instanceof Outcome.Conflict(var path)
                            && path.equals(FabricPaths.VOLUME_IDS);
            if (!onlyTheCounter) {
                return outcome;
            }
        }
        throw new IOException(
                "volumes are made all the time by others, and nothing was changed; try again");
    }

    private static Change counter(Optional<Found<VolumeIds>> ids, long next) {
        if (next > VolumeId.VOLUME_MAX) {
            throw new IllegalStateException("all volume ids were used");
        }
        return ids.<Change>map(found ->
                        replacement(FabricPaths.VOLUME_IDS, new VolumeIds(next), found.version()))
                .orElseGet(() -> creation(FabricPaths.VOLUME_IDS, new VolumeIds(next)));
    }
}
