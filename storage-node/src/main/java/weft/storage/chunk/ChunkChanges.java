package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;

import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;

/// What a checkpoint has to make durable of one group's chunks. The order is: force `writtenFiles`
/// and the folder, then save stamps and maps, then delete `obsoleteFiles`.
///
/// @param saved stamps and maps as they were when the changes were taken
/// @param removed chunks that are gone (or were replaced; then they are in `saved` too)
/// @param writtenFiles paths with unforced bytes
/// @param changedFolder the folder in which files came or went, if any
/// @param obsoleteFiles paths that no map and no record names once the changes are saved
/// @param settling chunks in whose files space may be given back once the changes are saved; taken
///   from one by one
public record ChunkChanges(
        PlacementGroupId pg,
        List<SavedChunk> saved,
        List<ChunkKey> removed,
        Set<String> writtenFiles,
        Optional<String> changedFolder,
        List<String> obsoleteFiles,
        Queue<Chunk> settling) {
    /// One chunk's stamp and map as stored.
    record SavedChunk(Chunk chunk, byte[] stamp, byte[] map) {}

    /// Adds the stamps and maps to a batch.
    public void addTo(MetadataStore.Batch batch) {
        for (ChunkKey key : removed) {
            batch.delete(MetadataKeys.stamp(pg, key)).delete(MetadataKeys.map(pg, key));
        }
        for (SavedChunk chunk : saved) {
            batch.put(MetadataKeys.stamp(pg, chunk.chunk().key), chunk.stamp());
            batch.put(MetadataKeys.map(pg, chunk.chunk().key), chunk.map());
        }
    }

    /// What the maps take, as stored.
    public long mapBytes() {
        long bytes = 0;
        for (SavedChunk chunk : saved) {
            bytes += chunk.map().length;
        }
        return bytes;
    }

    List<Chunk> saving() {
        return saved.stream().map(SavedChunk::chunk).toList();
    }

    /// Whether there is nothing to do.
    public boolean isEmpty() {
        return saved.isEmpty()
                && removed.isEmpty()
                && obsoleteFiles.isEmpty()
                && settling.isEmpty();
    }
}
