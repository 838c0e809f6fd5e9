package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.Owned;
import weft.storage.disk.Disk;
import weft.storage.disk.FileHeader;
import weft.storage.disk.StoreIdentity;
import weft.storage.metadata.MetadataStore;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapDigest;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// One placement group's chunks: committed mutations go in, blocks come out.
///
/// A mutation is written in place, unsynced; its journal record keeps it until a checkpoint has
/// forced the files and saved the maps. A large write is written earlier and once, by the journal:
/// before its record, to blocks that nothing names ([#place]); to apply it changes the map only.
/// After a crash the maps are those of the checkpoint while the files may hold later bytes;
/// replaying the journal rewrites every byte that differs, so the two agree again before anybody
/// reads. Until then blocks it touches are *unsettled*: a read-modify-write takes them as they are.
///
/// The invariant: a block's checksum in the map is that of the bytes that were last applied, so a
/// mismatch at a read (outside unsettled blocks) is damage.
@Owned("the group's lock: calls come from the replica's loop and from the checkpoint thread")
public final class ChunkStore {
    private final PlacementGroupId pg;
    private final Disk disk;
    private final ChunkCache cache;
    private final TreeMap<ChunkKey, Chunk> chunks = new TreeMap<>();
    private final ChangeLog changes = new ChangeLog();
    private final UnsettledBlocks unsettled = new UnsettledBlocks();
    private final Placements placements;
    private final ChunkWriter writer;
    private final ChunkVerifier verifier;
    private long nextGeneration = 1;
    private long storedBlocks;

    /// A group without chunks; what a recovery finds is added by [#recover].
    public ChunkStore(
            PlacementGroupId pg,
            Disk disk,
            StoreIdentity identity,
            MetadataStore metadata,
            ChunkLimits limits) {
        this.pg = pg;
        this.disk = disk;
        cache = new ChunkCache(pg, disk, identity, metadata, limits, unsettled, changes);
        placements = new Placements(pg, disk, cache, changes, limits);
        writer = new ChunkWriter(chunks, cache, placements, unsettled);
        verifier = new ChunkVerifier(disk, cache, placements, unsettled);
    }

    /// Adds a chunk that the metadata have.
    public void recover(ChunkKey key, byte[] stamp) throws IOException {
        Chunk chunk = Chunk.decode(key, stamp);
        chunks.put(key, chunk);
        storedBlocks += chunk.storedBlocks;
        nextGeneration = Math.max(nextGeneration, chunk.generation + 1);
    }

    /// Marks what a journal entry above the checkpoint may already have overwritten.
    public void recoverUnsettled(Entry entry) {
        if (entry.mutation() instanceof Mutation.OfChunk mutation) {
            unsettled.add(mutation);
        }
    }

    /// Deletes files that no map and no record knows, which a crash left behind. Their entries are
    /// in the journal.
    ///
    /// @param places that records of the journal name
    public void deleteOrphans(List<FilePlace> places) throws IOException {
        String folder = ChunkFile.folderOf(pg);
        Set<String> known = new HashSet<>();
        for (FilePlace place : places) {
            known.add(new ChunkFile.Name(pg, place.key(), place.generation()).path());
        }
        for (Chunk chunk : chunks.values()) {
            known.add(placements.found(chunk));
        }
        for (String name : disk.list(folder)) {
            String path = folder + "/" + name;
            if (!known.contains(path)) {
                disk.delete(path);
            }
        }
    }

    /// Keeps the place of a large write that a record of the journal names.
    public void recoverPlace(FilePlace place) {
        nextGeneration = Math.max(nextGeneration, place.generation() + 1);
        placements.recover(place, chunks.get(place.key()));
    }

    /// Fills the buffer with the whole blocks of a large write.
    ///
    /// @param checksums one CRC32C (4 bytes, big-endian) for each
    /// @throws IOException if they do not have their checksums; they were durable before the record
    ///   was, so that is damage
    public void readPlace(FilePlace place, ByteBuffer into, ByteBuffer checksums)
            throws IOException {
        String path = new ChunkFile.Name(pg, place.key(), place.generation()).path();
        ByteBuffer blocks = into.slice();
        ChunkFile.readPlace(disk, path, place.firstBlock(), into);
        int damaged = BlockChecksums.firstDamaged(blocks, checksums);
        if (damaged < place.blocks()) {
            throw new IOException(
                    ("block %d of chunk file %s is damaged, and the journal needs it: the store"
                                    + " must be emptied, other members have its chunks")
                            .formatted(place.firstBlock() + damaged, path));
        }
    }

    /// A large write's place, and what has to be written and forced before a record may name it.
    ///
    /// @param file that has the place
    /// @param folders whose unforced entries lead to the file, innermost first; mostly none
    /// @param positionBytes of the place in the file
    /// @param blocks that are to be written there
    /// @param durable to be run once all that is durable; from any thread
    public record Placed(
            FilePlace place,
            String file,
            List<String> folders,
            long positionBytes,
            ByteBuffer blocks,
            Runnable durable) {}

    /// Finds blocks of its chunk's file that nothing names for the whole blocks of a large write;
    /// the caller writes them, and nobody reads them before [#apply] with that place. Empty if the
    /// file has no such row, or if a block does not have its checksum: then nothing is done. (In
    /// the journal such a block is kept as it came and found at the first read; a record that names
    /// it would be taken for damage.)
    ///
    /// What it costs: a CRC32C of the bytes, instead of the journal group's, and the places of the
    /// map as a set of bits.
    public Optional<Placed> place(Mutation.Write write) throws IOException {
        int first = ChunkWriter.roundUp(write.offsetInChunk()) / ChunkKey.BLOCK_BYTES;
        int count = Mutation.wholeBlocks(write.offsetInChunk(), write.lengthBytes());
        ByteBuffer blocks = BlockChecksums.wholeBlocks(write.offsetInChunk(), write.payload());
        if (!BlockChecksums.match(blocks, write.checksums())) {
            return Optional.empty();
        }
        Chunk present = chunks.get(write.chunk());
        if (present == null && !placements.hasNascent(write.chunk())) {
            placements.addNascent(new Chunk(write.chunk(), nextGeneration++));
        }
        Chunk chunk = present != null ? present : placements.nascent(write.chunk());
        int at = placements.take(chunk, first, count);
        if (at < 0) {
            return Optional.empty();
        }
        placements.makeFile(chunk);
        String folder = ChunkFile.folderOf(pg);
        return Optional.of(
                new Placed(
                        new FilePlace(chunk.key, chunk.generation, at, count),
                        placements.pathOf(chunk),
                        chunk.named ? List.of() : ChunkFile.foldersTo(folder),
                        ChunkFile.positionOf(at),
                        blocks,
                        () -> chunk.named = true));
    }

    /// The entry with this place is applied or void.
    public void release(FilePlace place) {
        placements.release(place, chunks.get(place.key()));
    }

    /// Applies a committed entry; calls come in ascending sequence. Chunks that have it are left
    /// alone.
    ///
    /// @param place where its whole blocks are; empty if they are in its payload only
    public void apply(Entry entry, Optional<FilePlace> place) throws IOException {
        switch (entry.mutation()) {
            case Mutation.OfChunk mutation -> applyToChunk(entry, mutation, place);
            case Mutation.DropLayer drop -> dropLayer(drop.layer(), entry.sequence());
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> {}
        }
    }

    /// Every entry up to the journal's end at the recovery is applied, or void: files and maps
    /// agree.
    public void settle() {
        unsettled.clear();
    }

    private void applyToChunk(Entry entry, Mutation.OfChunk mutation, Optional<FilePlace> place)
            throws IOException {
        Chunk chunk = chunks.get(mutation.chunk());
        if (chunk != null && chunk.sequence >= entry.sequence()) {
            return;
        }
        if (mutation instanceof Mutation.CopyDown copy && !chunks.containsKey(copy.source())) {
            return;
        }
        if (chunk == null) {
            Chunk born = placements.born(mutation.chunk());
            chunk = add(born != null ? born : new Chunk(mutation.chunk(), nextGeneration++));
        }
        BlockMap map = cache.map(chunk);
        // First of all: a clean map may be dropped for one that the change has to look into.
        changes.changed(chunk);
        // Of another generation: the chunk was dropped since, and the payload is still here.
        boolean isHere = place.isPresent() && place.get().generation() == chunk.generation;
        writer.change(chunk, map, mutation, isHere ? place.get() : null);
        chunk.version = entry.version();
        chunk.sequence = entry.sequence();
        changed(chunk, map);
    }

    private Chunk add(Chunk chunk) {
        chunks.put(chunk.key, chunk);
        cache.keep(chunk, new BlockMap());
        return chunk;
    }

    private void changed(Chunk chunk, BlockMap map) {
        int stored = map.storedBlocks();
        storedBlocks += stored - chunk.storedBlocks;
        chunk.storedBlocks = stored;
        placements.recount(chunk, map);
        changes.changed(chunk);
    }

    private void dropLayer(VolumeId layer, long sequence) throws IOException {
        var first = new ChunkKey(layer, 0);
        var last = new ChunkKey(layer, ChunkKey.INDEX_MAX);
        for (Chunk chunk : List.copyOf(chunks.subMap(first, true, last, true).values())) {
            if (chunk.sequence < sequence) {
                remove(chunk);
            }
        }
    }

    private void remove(Chunk chunk) throws IOException {
        chunks.remove(chunk.key);
        storedBlocks -= chunk.storedBlocks;
        cache.forget(chunk);
        changes.removed(chunk, placements.pathOf(chunk));
        placements.remove(chunk);
    }

    /// Reads whole blocks through the layers, top first.
    public BlocksRead read(
            List<VolumeId> layers, long chunkIndex, int offsetInChunk, int lengthBytes)
            throws IOException {
        int first = offsetInChunk / ChunkKey.BLOCK_BYTES;
        int count = lengthBytes / ChunkKey.BLOCK_BYTES;
        ByteBuffer blocks = ByteBuffer.allocate(lengthBytes);
        ByteBuffer checksums = ByteBuffer.allocate(count * Integer.BYTES);
        var reader = new LayeredRead(chunks, cache, UnsettledBlocks.NONE, blocks, checksums);
        Optional<BlocksRead.Corrupt> damage = reader.read(layers, chunkIndex, first, first + count);
        if (damage.isPresent()) {
            return damage.get();
        }
        return new BlocksRead.Intact(blocks.flip(), checksums.flip());
    }

    /// See [LayeredRead#statesOf].
    public ByteBuffer map(List<VolumeId> layers, long chunkIndex) throws IOException {
        return LayeredRead.statesOf(chunks, cache, layers, chunkIndex);
    }

    /// The stamps of chunks after `after`, ascending.
    public List<ChunkStamp> list(Optional<ChunkKey> after, int countMax) {
        var tail = after.isPresent() ? chunks.tailMap(after.get(), false) : chunks;
        List<ChunkStamp> stamps = new ArrayList<>();
        for (Chunk chunk : tail.values()) {
            if (stamps.size() == countMax) {
                break;
            }
            stamps.add(chunk.stamp());
        }
        return stamps;
    }

    /// What the maps say of chunks after `after`, ascending. They are not kept in memory for it.
    public List<MapDigest> digests(Optional<ChunkKey> after, int countMax) throws IOException {
        List<MapDigest> digests = new ArrayList<>();
        for (ChunkStamp stamp : list(after, countMax)) {
            BlockMap map = cache.look(Objects.requireNonNull(chunks.get(stamp.key())));
            digests.add(new MapDigest(stamp, map.mappedBlocks(), map.digest()));
        }
        return digests;
    }

    /// All that is mapped in a chunk; empty if there is no such chunk.
    ///
    /// @throws CorruptChunkException if a stored block is damaged
    public Optional<ChunkContent> export(ChunkKey key) throws IOException {
        Chunk chunk = chunks.get(key);
        if (chunk == null) {
            return Optional.empty();
        }
        return Optional.of(new ChunkExport(cache, chunk).content());
    }

    /// One block; empty if there is no such chunk, without a run if the block is not stored.
    ///
    /// @throws CorruptChunkException if it is damaged
    public Optional<ChunkContent> export(DamagedBlock block) throws IOException {
        Chunk chunk = chunks.get(block.key());
        if (chunk == null) {
            return Optional.empty();
        }
        return Optional.of(new ChunkExport(cache, chunk).content(block.blockIndex()));
    }

    /// Compares stored blocks of a chunk, as the device has them, with their checksums: those of
    /// the next row of its file from `fromBlock` on, as many as the scratch holds.
    ///
    /// @param scratch aligned to [Disk#ALIGNMENT_BYTES]
    public Verification verify(ChunkKey key, int fromBlock, ByteBuffer scratch) throws IOException {
        Chunk chunk = chunks.get(key);
        return chunk == null
                ? new Verification(ChunkKey.CHUNK_BLOCKS, 0, List.of())
                : verifier.verify(chunk, fromBlock, scratch);
    }

    /// Replaces a damaged block by another member's copy, if that is of the same point in the
    /// group's order or has the checksum that the block should have. Returns whether it was.
    ///
    /// @param copy has the block's bytes and nothing else
    public boolean repair(DamagedBlock block, ChunkContent copy) throws IOException {
        Chunk chunk = chunks.get(block.key());
        if (chunk == null) {
            return false;
        }
        ChunkContent.Run run = copy.runs().getFirst();
        int checksum = run.checksums().getInt(run.checksums().position());
        BlockMap map = cache.map(chunk);
        int index = block.blockIndex();
        boolean samePoint = chunk.stamp().equals(copy.stamp());
        boolean fits =
                map.isStored(index)
                        && BlockMap.checksum(run.payload()) == checksum
                        && (samePoint || map.checksum(index) == checksum);
        if (fits) {
            if (map.checksum(index) == checksum) {
                // Also where a record may still name it: these are its very bytes.
                placements.fileToWrite(chunk).write(map.place(index), run.payload());
            } else {
                writer.writeBlocks(chunk, map, index, run.payload(), run.checksums());
            }
            changed(chunk, map);
        }
        return fits;
    }

    /// Replaces a chunk as a whole, unless its stamp is higher; durable with the next checkpoint.
    public void install(ChunkContent content) throws IOException {
        ChunkKey key = content.stamp().key();
        Chunk old = chunks.get(key);
        if (old != null && old.sequence > content.stamp().sequence()) {
            return;
        }
        if (old != null) {
            remove(old);
        }
        placements.removeNascent(key);
        unsettled.forget(key);
        Chunk chunk = add(new Chunk(key, nextGeneration++));
        BlockMap map = cache.map(chunk);
        for (ChunkContent.Run run : content.runs()) {
            if (run.payload().hasRemaining()) {
                ByteBuffer checksums = run.checksums().duplicate();
                for (int i = 0; i < run.blocks(); i++) {
                    int block = run.firstBlock() + i;
                    map.store(block, block, checksums.getInt());
                }
                placements.fileToWrite(chunk).write(run.firstBlock(), run.payload());
            } else {
                map.zero(run.firstBlock(), run.firstBlock() + run.blocks());
            }
        }
        chunk.version = content.stamp().version();
        chunk.sequence = content.stamp().sequence();
        changed(chunk, map);
    }

    /// Removes a chunk; durable with the next checkpoint.
    public void delete(ChunkKey key) throws IOException {
        Chunk chunk = chunks.get(key);
        if (chunk != null) {
            remove(chunk);
        }
    }

    /// Removes everything; durable with the next checkpoint.
    public void deleteAll() throws IOException {
        for (Chunk chunk : List.copyOf(chunks.values())) {
            remove(chunk);
        }
        placements.removeAllNascent();
        unsettled.clear();
    }

    /// Files that are to be forced.
    public List<String> writtenFiles() {
        return changes.writtenFiles();
    }

    /// What changed since the last call, copied; the caller saves it and then calls [#saved].
    public ChunkChanges takeChanges() {
        return changes.take(pg, ChunkFile.folderOf(pg), new ArrayDeque<>());
    }

    /// Whether [#takeChangesAndSpace] has something to do even if nothing changed.
    public boolean hasSpaceToFree() {
        return placements.hasSpaceToFree();
    }

    /// The same for a checkpoint of the whole store, which waits until the journal is durable, too:
    /// after it, what left the maps and what is void by now can be written again.
    public ChunkChanges takeChangesAndSpace() throws IOException {
        return changes.take(pg, ChunkFile.folderOf(pg), new ArrayDeque<>(placements.take()));
    }

    /// The changes are durable in the metadata: maps may be dropped from memory, old files deleted,
    /// and [#freeSpace] called.
    public void saved(ChunkChanges taken) throws IOException {
        for (Chunk chunk : taken.saving()) {
            chunk.saving = false;
        }
        for (String path : taken.obsoleteFiles()) {
            disk.delete(path);
        }
        cache.trim();
    }

    /// Gives back the space of one more chunk of what was saved; answers whether there may be more.
    public boolean freeSpace(ChunkChanges saved) throws IOException {
        Chunk chunk = saved.settling().poll();
        if (chunk != null) {
            placements.settled(chunk);
        }
        return chunk != null;
    }

    /// Bytes that the chunk files take: stored blocks, what a checkpoint has yet to free, and a
    /// header each.
    public long usedBytes() {
        return storedBlocks * ChunkKey.BLOCK_BYTES
                + placements.extraBytes()
                + chunks.size() * (long) FileHeader.SIZE_BYTES;
    }

    /// Adds what each layer stores here, in bytes.
    public void addStoredBytes(Map<VolumeId, Long> byLayer) {
        for (Chunk chunk : chunks.values()) {
            long bytes = chunk.storedBlocks * (long) ChunkKey.BLOCK_BYTES;
            byLayer.merge(chunk.key.layer(), bytes, Long::sum);
        }
    }

    /// Closes the files.
    public void close() throws IOException {
        for (Chunk chunk : chunks.values()) {
            cache.close(chunk);
        }
        placements.close();
    }
}
