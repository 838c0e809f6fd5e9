package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;

/// What changed in one group's chunks since a checkpoint last took it. Owned like its [ChunkStore].
final class ChangeLog {
    private final Set<Chunk> dirty = new LinkedHashSet<>();
    private Set<ChunkKey> removed = new LinkedHashSet<>();
    private Set<String> writtenFiles = new LinkedHashSet<>();
    private List<String> obsoleteFiles = new ArrayList<>();
    private boolean folderChanged;

    void changed(Chunk chunk) {
        chunk.dirty = true;
        dirty.add(chunk);
    }

    void written(String path) {
        writtenFiles.add(path);
    }

    /// Files with bytes that no checkpoint has taken.
    List<String> writtenFiles() {
        return List.copyOf(writtenFiles);
    }

    void folderChanged() {
        folderChanged = true;
    }

    /// The chunk is gone; its file stays until [#obsolete].
    void removed(Chunk chunk, String path) {
        dirty.remove(chunk);
        chunk.dirty = false;
        removed.add(chunk.key);
        writtenFiles.remove(path);
    }

    /// Once the next checkpoint is saved nothing needs the file.
    void obsolete(String path) {
        obsoleteFiles.add(path);
    }

    /// @param settling chunks whose [FileBlocks] a full checkpoint settles
    ChunkChanges take(PlacementGroupId pg, String folder, Queue<Chunk> settling) {
        List<ChunkChanges.SavedChunk> saved = new ArrayList<>(dirty.size());
        for (Chunk chunk : dirty) {
            byte[] map = Objects.requireNonNull(chunk.map).encode();
            saved.add(new ChunkChanges.SavedChunk(chunk, chunk.encodeStamp(), map));
            chunk.dirty = false;
            chunk.saving = true;
        }
        var taken =
                new ChunkChanges(
                        pg,
                        saved,
                        List.copyOf(removed),
                        writtenFiles,
                        folderChanged ? Optional.of(folder) : Optional.empty(),
                        obsoleteFiles,
                        settling);
        dirty.clear();
        removed = new LinkedHashSet<>();
        writtenFiles = new LinkedHashSet<>();
        obsoleteFiles = new ArrayList<>();
        folderChanged = false;
        return taken;
    }
}
