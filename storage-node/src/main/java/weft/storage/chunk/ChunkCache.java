package weft.storage.chunk;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

import weft.fabric.PlacementGroupId;
import weft.storage.disk.Disk;
import weft.storage.disk.StoreIdentity;
import weft.storage.metadata.MetadataException;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;

import java.io.IOException;
import java.util.Iterator;
import java.util.LinkedHashMap;

/// The block maps and open files of one group's chunks that are in memory, least recently used
/// first. Owned like its [ChunkStore].
final class ChunkCache {
    private static final Logger log = LoggerFactory.getLogger(ChunkCache.class);

    /// How many maps that cannot be dropped are passed over in search of one that can.
    private static final int SEARCH_MAX = 64;

    private final PlacementGroupId pg;
    private final Disk disk;
    private final StoreIdentity identity;
    private final MetadataStore metadata;
    private final ChunkLimits limits;
    private final UnsettledBlocks unsettled;
    private final ChangeLog changes;
    private final LinkedHashMap<Chunk, BlockMap> maps = new LinkedHashMap<>(16, 0.75f, true);
    private final LinkedHashMap<Chunk, ChunkFile> files = new LinkedHashMap<>(16, 0.75f, true);

    /// @param unsettled loses what is of a file that is not the one that was left
    /// @param changes hears of files that are made
    ChunkCache(
            PlacementGroupId pg,
            Disk disk,
            StoreIdentity identity,
            MetadataStore metadata,
            ChunkLimits limits,
            UnsettledBlocks unsettled,
            ChangeLog changes) {
        this.pg = pg;
        this.disk = disk;
        this.identity = identity;
        this.metadata = metadata;
        this.limits = limits;
        this.unsettled = unsettled;
        this.changes = changes;
    }

    /// The chunk's map, from the metadata if it is not loaded.
    BlockMap map(Chunk chunk) throws IOException {
        BlockMap loaded = maps.get(chunk);
        if (loaded == null) {
            loaded = stored(chunk);
            keep(chunk, loaded);
        }
        return loaded;
    }

    /// The same for one look: a map that is not loaded is not kept, and none is dropped for it.
    BlockMap look(Chunk chunk) throws IOException {
        BlockMap loaded = chunk.map;
        return loaded == null ? stored(chunk) : loaded;
    }

    private BlockMap stored(Chunk chunk) throws IOException {
        byte[] stored = metadata.get(MetadataKeys.map(pg, chunk.key));
        if (stored == null) {
            throw new MetadataException(
                    "chunk %s has a stamp but no map".formatted(chunk.key), null);
        }
        return BlockMap.decode(stored);
    }

    /// Keeps the map of a chunk that has none loaded.
    void keep(Chunk chunk, BlockMap map) {
        assert chunk.map == null;
        chunk.map = map;
        maps.put(chunk, map);
        limits.mapLoaded();
        if (limits.isOverMaps()) {
            dropOneMap(chunk);
        }
    }

    private void dropOneMap(Chunk wanted) {
        int passed = 0;
        for (Iterator<Chunk> eldest = maps.keySet().iterator(); eldest.hasNext(); ) {
            Chunk chunk = eldest.next();
            if (chunk != wanted && !chunk.dirty && !chunk.saving) {
                eldest.remove();
                chunk.map = null;
                limits.mapDropped();
                return;
            }
            passed++;
            if (passed == SEARCH_MAX) {
                return;
            }
        }
    }

    /// Drops what a checkpoint has made droppable.
    void trim() {
        int before;
        do {
            before = maps.size();
            if (limits.isOverMaps() && before > 1) {
                dropOneMap(maps.lastEntry().getKey());
            }
        } while (maps.size() < before);
    }

    /// The chunk's file; made if there is none.
    ChunkFile file(Chunk chunk) throws IOException {
        ChunkFile open = files.get(chunk);
        if (open == null) {
            disk.createFolder(ChunkFile.folderOf(pg));
            open = opened(chunk, new ChunkFile.Name(pg, chunk.key, chunk.generation));
            files.put(chunk, open);
            limits.fileOpened();
            if (limits.isOverFiles() && files.size() > 1) {
                close(files.firstEntry().getKey());
            }
        }
        return open;
    }

    private ChunkFile opened(Chunk chunk, ChunkFile.Name name) throws IOException {
        ChunkFile file = ChunkFile.open(disk, identity, name);
        if (file.isNew()) {
            // Also where one was that is gone: its name is to be made durable again.
            chunk.named = false;
            changes.folderChanged();
        }
        if (!chunk.examined) {
            try {
                examine(chunk, file, name);
            } catch (IOException e) {
                file.close();
                throw e;
            }
            chunk.examined = true;
        }
        return file;
    }

    /// Looks at a file that should be there, once in a life and before its chunk's map changes.
    /// What is not the file that was left is no loss by itself: its blocks count by their
    /// checksums, as any do, and are repaired from other members. But nothing of it counts without
    /// a checksum, not even where a crash explains that a block does not have its own.
    void examine(Chunk chunk) throws IOException {
        if (!chunk.examined && chunk.storedBlocks > 0) {
            var _ = file(chunk);
        }
    }

    private void examine(Chunk chunk, ChunkFile file, ChunkFile.Name name) throws IOException {
        ChunkFile.Finding found = file.look(identity, name);
        if (chunk.storedBlocks == 0) {
            // Made by this look, or left by a crash.
            return;
        }
        int wantedBlocks = look(chunk).places().length();
        int blocks = file.sizeBlocks();
        if (found.why().isEmpty() && blocks >= wantedBlocks) {
            return;
        }
        String why = found.why().orElse("has %d of %d blocks".formatted(blocks, wantedBlocks));
        boolean mayBeOfACrash = !found.isForeign() && unsettled.containsAny(chunk.key);
        log.atLevel(mayBeOfACrash ? Level.INFO : Level.ERROR)
                .log(
                        "{}: chunk file {} {}; its blocks count only by their checksums",
                        identity,
                        name.path(),
                        why);
        unsettled.forget(chunk.key);
    }

    /// Whether the chunk's file is open.
    boolean isOpen(Chunk chunk) {
        return files.containsKey(chunk);
    }

    /// Closes the chunk's file if it is open.
    void close(Chunk chunk) throws IOException {
        ChunkFile open = files.remove(chunk);
        if (open != null) {
            limits.fileClosed();
            open.close();
        }
    }

    /// Forgets a chunk that is removed.
    void forget(Chunk chunk) throws IOException {
        close(chunk);
        if (maps.remove(chunk) != null) {
            chunk.map = null;
            limits.mapDropped();
        }
    }
}
