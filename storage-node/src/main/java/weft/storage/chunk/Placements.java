package weft.storage.chunk;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.disk.Disk;
import weft.storage.disk.FileHeader;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// The files of one group in which large writes have places, and when their space may be used
/// again: never before a full checkpoint that saw the record applied or void. (Only a full one also
/// waits for the journal, so that what was void before it is void after a crash, too.)
///
/// Beside the chunks there are here: *nascent* ones, to which a large write is prepared and nothing
/// applied; and *lingering* ones, which are gone while a record may still name their file. Owned
/// like its [ChunkStore].
final class Placements {
    private static final BlockMap NOTHING = new BlockMap();

    /// Spare space is given back when so many full checkpoints came without a use of it: under load
    /// that is some 8 GiB of writes to the store, else minutes.
    private static final int SPARE_CHECKPOINTS = 64;

    /// Files of the group looked at by a full checkpoint.
    private static final int LOOKS_MAX = 8;

    private static final Logger log = LoggerFactory.getLogger(Placements.class);

    private final PlacementGroupId pg;
    private final Disk disk;
    private final ChunkCache cache;
    private final ChangeLog changes;
    private final Map<ChunkKey, Chunk> nascent = new HashMap<>();
    private final List<Chunk> lingering = new ArrayList<>();

    /// Chunks with [FileBlocks] that the next checkpoint has something to do with.
    private final Set<Chunk> touched = new LinkedHashSet<>();

    /// Chunks whose files have spare space, and by which checkpoint it was last used; those of the
    /// earliest first. They are not touched, or soon have none.
    private final Map<Chunk, Long> spare = new LinkedHashMap<>();

    /// Found at a start: see [#lookForLeftSpace].
    private final ArrayDeque<Chunk> found = new ArrayDeque<>();

    private final ChunkLimits limits;
    private long checkpoints;

    private long extraBlocks;

    Placements(
            PlacementGroupId pg,
            Disk disk,
            ChunkCache cache,
            ChangeLog changes,
            ChunkLimits limits) {
        this.pg = pg;
        this.disk = disk;
        this.cache = cache;
        this.changes = changes;
        this.limits = limits;
    }

    /// Bytes that take space and belong to no stored block of a chunk.
    long extraBytes() {
        long headers = (long) (nascent.size() + lingering.size()) * FileHeader.SIZE_BYTES;
        return extraBlocks * ChunkKey.BLOCK_BYTES + headers;
    }

    String pathOf(Chunk chunk) {
        String path = chunk.path;
        if (path == null) {
            path = new ChunkFile.Name(pg, chunk.key, chunk.generation).path();
            chunk.path = path;
        }
        return path;
    }

    FileBlocks blocksOf(Chunk chunk) {
        FileBlocks blocks = chunk.file;
        if (blocks == null) {
            blocks = new FileBlocks();
            chunk.file = blocks;
        }
        touched.add(chunk);
        return blocks;
    }

    /// Large writes can be prepared to the chunk before it exists.
    void addNascent(Chunk chunk) {
        nascent.put(chunk.key, chunk);
    }

    Chunk nascent(ChunkKey key) {
        return Objects.requireNonNull(nascent.get(key));
    }

    boolean hasNascent(ChunkKey key) {
        return nascent.containsKey(key);
    }

    /// The nascent chunk that now becomes one; null if there is none.
    @Nullable Chunk born(ChunkKey key) {
        return nascent.remove(key);
    }

    private BlockMap mapOf(Chunk chunk) throws IOException {
        return nascent.get(chunk.key) == chunk ? NOTHING : cache.map(chunk);
    }

    /// Takes a place of blocks in a row in the chunk's file; -1 if it has none left.
    int take(Chunk chunk, int firstBlock, int count) throws IOException {
        BlockMap map = mapOf(chunk);
        int place = blocksOf(chunk).takeRun(map, firstBlock, count);
        recount(chunk, map);
        return place;
    }

    /// Takes the place that a record of the journal names.
    ///
    /// @param present the chunk of that key; null if there is none
    void recover(FilePlace place, @Nullable Chunk present) {
        Chunk chunk = present;
        if (chunk == null) {
            chunk = nascent.computeIfAbsent(place.key(), key -> new Chunk(key, place.generation()));
        }
        if (chunk.generation != place.generation()) {
            chunk = lingering(place);
        }
        blocksOf(chunk).hold(place.firstBlock(), place.blocks());
        chunk.extraBlocks += place.blocks();
        extraBlocks += place.blocks();
    }

    private Chunk lingering(FilePlace place) {
        for (Chunk chunk : lingering) {
            if (chunk.key.equals(place.key()) && chunk.generation == place.generation()) {
                return chunk;
            }
        }
        var chunk = new Chunk(place.key(), place.generation());
        lingering.add(chunk);
        return chunk;
    }

    /// No entry holds the place any more: its own is applied or void.
    void release(FilePlace place, @Nullable Chunk present) {
        Chunk chunk = present;
        if (chunk == null || chunk.generation != place.generation()) {
            chunk = nascent.get(place.key());
        }
        if (chunk == null || chunk.generation != place.generation()) {
            chunk = lingering(place);
        }
        blocksOf(chunk).release(place.firstBlock(), place.blocks());
    }

    /// Counts anew what the chunk's file holds beside stored blocks.
    void recount(Chunk chunk, @Nullable BlockMap map) {
        FileBlocks blocks = chunk.file;
        int extra = blocks == null ? 0 : blocks.extraBlocks(map);
        extraBlocks += extra - chunk.extraBlocks;
        chunk.extraBlocks = extra;
    }

    /// The chunk is gone. Its file goes with the next checkpoint, or the one after which no record
    /// names it.
    void remove(Chunk chunk) {
        chunk.unswept = false;
        FileBlocks blocks = chunk.file;
        if (blocks != null && blocks.isAnyFrozen()) {
            lingering.add(chunk);
            chunk.extraBlocks += chunk.storedBlocks;
            extraBlocks += chunk.storedBlocks;
        } else {
            forget(chunk);
        }
    }

    /// The same for one that is only nascent, if there is.
    void removeNascent(ChunkKey key) throws IOException {
        Chunk chunk = nascent.remove(key);
        if (chunk != null) {
            cache.close(chunk);
            remove(chunk);
        }
    }

    /// The same for all that are nascent.
    void removeAllNascent() throws IOException {
        for (ChunkKey key : List.copyOf(nascent.keySet())) {
            removeNascent(key);
        }
    }

    private void forget(Chunk chunk) {
        changes.obsolete(pathOf(chunk));
        touched.remove(chunk);
        extraBlocks -= chunk.extraBlocks;
        chunk.extraBlocks = 0;
        noSpare(chunk);
    }

    private void noSpare(Chunk chunk) {
        setSpare(chunk, 0);
        spare.remove(chunk);
    }

    private void setSpare(Chunk chunk, int blocks) {
        limits.spareChanged(chunk.spareBlocks, blocks);
        chunk.spareBlocks = blocks;
    }

    /// Whether any file is not as its chunk's map says, or may not be.
    boolean hasSpaceToFree() {
        return !touched.isEmpty()
                || !lingering.isEmpty()
                || !nascent.isEmpty()
                || !spare.isEmpty()
                || !found.isEmpty();
    }

    /// A chunk of an earlier life, which may have left space in its file. Answers its path.
    String found(Chunk chunk) {
        if (limits.mayHaveLeftSpace()) {
            found.add(chunk);
            limits.filesToLookAtChanged(1);
        }
        return pathOf(chunk);
    }

    /// A life that ended by a crash gave no spare space back. Where there was any, the file is
    /// longer than its chunk, but for chunks that are not full.
    private void lookForLeftSpace() {
        for (int looks = 0; looks < LOOKS_MAX && !found.isEmpty(); looks++) {
            Chunk chunk = found.remove();
            limits.filesToLookAtChanged(-1);
            boolean isThere = chunk.unswept && chunk.storedBlocks > 0 && chunk.file == null;
            try {
                if (isThere && ChunkFile.sizeBlocks(disk, pathOf(chunk)) > ChunkKey.CHUNK_BLOCKS) {
                    var _ = blocksOf(chunk);
                }
            } catch (IOException e) {
                // Whoever needs the file will say so; its next large write looks again.
                log.debug("{}: space left in it was not looked for", pathOf(chunk), e);
            }
        }
    }

    /// What was not used for long, or is too much, is given back like any other space.
    private void giveUpSpare() {
        for (var oldest = spare.entrySet().iterator(); oldest.hasNext(); ) {
            Map.Entry<Chunk, Long> next = oldest.next();
            if (checkpoints - next.getValue() < SPARE_CHECKPOINTS && !limits.isOverSpare()) {
                break;
            }
            oldest.remove();
            setSpare(next.getKey(), 0);
            touched.add(next.getKey());
        }
    }

    /// A full checkpoint takes the maps: it settles what it sees now. Answers whose blocks.
    List<Chunk> take() throws IOException {
        checkpoints++;
        giveUpSpare();
        lookForLeftSpace();
        for (Iterator<Chunk> gone = lingering.iterator(); gone.hasNext(); ) {
            Chunk chunk = gone.next();
            if (!isHeld(chunk)) {
                gone.remove();
                forget(chunk);
            }
        }
        for (Chunk chunk : List.copyOf(nascent.values())) {
            if (!isHeld(chunk)) {
                nascent.remove(chunk.key);
                cache.close(chunk);
                forget(chunk);
            }
        }
        for (Chunk chunk : touched) {
            blocksOf(chunk).take();
        }
        return List.copyOf(touched);
    }

    private static boolean isHeld(Chunk chunk) {
        FileBlocks blocks = chunk.file;
        return blocks != null && blocks.isAnyHeld();
    }

    /// That checkpoint is durable: gives the space back that nothing names any more.
    void settled(Chunk chunk) throws IOException {
        FileBlocks blocks = chunk.file;
        if (blocks == null || !touched.contains(chunk) || lingering.contains(chunk)) {
            return;
        }
        BlockMap map = mapOf(chunk);
        int sweptBlocks = chunk.unswept ? opened(chunk).sizeBlocks() : 0;
        chunk.unswept = false;
        noSpare(chunk);
        int spareMax = map.storedBlocks() > 0 ? limits.spareRoomBlocks() : 0;
        BitSet done = blocks.settled(map, sweptBlocks, spareMax);
        if (done.isEmpty()) {
            // Nothing to give back.
        } else if (map.storedBlocks() == 0 && !blocks.isAnyNeeded()) {
            deleteFile(chunk);
        } else {
            for (int from = done.nextSetBit(0); from >= 0; ) {
                int to = done.nextClearBit(from);
                opened(chunk).punch(from, to);
                from = done.nextSetBit(to);
            }
        }
        recount(chunk, map);
        int spareBlocks = blocks.spareBlocks();
        if (spareBlocks > 0) {
            setSpare(chunk, spareBlocks);
            spare.put(chunk, checkpoints);
        }
        if (blocks.isSettled()) {
            touched.remove(chunk);
            chunk.file = spareBlocks > 0 ? blocks : null;
        }
    }

    /// The chunk's file, of which the next checkpoint hears.
    ChunkFile fileToWrite(Chunk chunk) throws IOException {
        changes.written(pathOf(chunk));
        return opened(chunk);
    }

    /// Makes the chunk's file if there is none; others write to it.
    void makeFile(Chunk chunk) throws IOException {
        fileToWrite(chunk);
    }

    /// To open a file may make it: what is written to it later needs its folder's entry.
    private ChunkFile opened(Chunk chunk) throws IOException {
        if (!cache.isOpen(chunk)) {
            changes.folderChanged();
        }
        return cache.file(chunk);
    }

    /// Deletes the file of a chunk that stores nothing; a write makes it anew.
    void deleteFile(Chunk chunk) throws IOException {
        cache.close(chunk);
        disk.delete(pathOf(chunk));
        changes.folderChanged();
        chunk.named = false;
        noSpare(chunk);
        FileBlocks blocks = chunk.file;
        if (blocks != null) {
            blocks.fileDeleted();
        }
    }

    /// Closes the files.
    void close() throws IOException {
        for (Chunk chunk : nascent.values()) {
            cache.close(chunk);
        }
    }
}
