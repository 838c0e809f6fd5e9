package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.Owned;
import weft.storage.disk.Disk;
import weft.storage.disk.FileHeader;
import weft.storage.disk.StoreIdentity;
import weft.storage.metadata.MetadataStore;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// One placement group's chunks: committed mutations go in, blocks come out.
///
/// A mutation is written in place, unsynced; its journal record keeps it until a checkpoint has
/// forced the files and saved the maps. After a crash the maps are those of the checkpoint while
/// the files may hold later bytes; replaying the journal rewrites every byte that differs, so the
/// two agree again before anybody reads. Until then the blocks that the journal touches are
/// *unsettled*: a read-modify-write takes them as they are, because their checksum may be an older
/// one's.
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
    private long nextGeneration = 1;
    private long storedBlocks;
    private long poisonedBlocks;

    /// A group without chunks; what a recovery finds is added by [#recover].
    public ChunkStore(
            PlacementGroupId pg,
            Disk disk,
            StoreIdentity identity,
            MetadataStore metadata,
            ChunkLimits limits) {
        this.pg = pg;
        this.disk = disk;
        cache = new ChunkCache(pg, disk, identity, metadata, limits);
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

    /// Ends a recovery: deletes files that no map knows, which a crash left behind. Their entries
    /// are in the journal.
    public void deleteOrphans() throws IOException {
        String folder = ChunkFile.folderOf(pg);
        Set<String> known = new HashSet<>();
        for (Chunk chunk : chunks.values()) {
            known.add(pathOf(chunk));
        }
        for (String name : disk.list(folder)) {
            String path = folder + "/" + name;
            if (!known.contains(path)) {
                disk.delete(path);
            }
        }
    }

    /// Applies a committed entry; calls come in ascending sequence. Chunks that have it are left
    /// alone.
    public void apply(Entry entry) throws IOException {
        switch (entry.mutation()) {
            case Mutation.OfChunk mutation -> applyToChunk(entry, mutation);
            case Mutation.DropLayer drop -> dropLayer(drop.layer(), entry.sequence());
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> {}
        }
    }

    /// Every entry up to the journal's end at the recovery is applied, or void: files and maps
    /// agree.
    public void settle() {
        unsettled.clear();
    }

    private void applyToChunk(Entry entry, Mutation.OfChunk mutation) throws IOException {
        Chunk chunk = chunks.get(mutation.chunk());
        if (chunk != null && chunk.sequence >= entry.sequence()) {
            return;
        }
        if (mutation instanceof Mutation.CopyDown copy && !chunks.containsKey(copy.source())) {
            return;
        }
        if (chunk == null) {
            chunk = create(mutation.chunk());
        }
        BlockMap map = cache.map(chunk);
        switch (mutation) {
            case Mutation.Write write -> write(chunk, map, write);
            case Mutation.Zero zero -> zero(chunk, map, zero);
            case Mutation.Discard discard -> {
                int offset = discard.offsetInChunk();
                int from = (offset + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
                int to = from + Mutation.wholeBlocks(offset, discard.lengthBytes());
                zeroBlocks(chunk, map, from, to);
            }
            case Mutation.Fill fill -> new LayerCopy(this, cache).fill(chunk, map, fill);
            case Mutation.CopyDown copy ->
                    new LayerCopy(this, cache)
                            .copyDown(chunks.getOrDefault(copy.source(), chunk), chunk, map, copy);
        }
        chunk.version = entry.version();
        chunk.sequence = entry.sequence();
        changed(chunk, map);
    }

    private Chunk create(ChunkKey key) {
        var chunk = new Chunk(key, nextGeneration++);
        chunks.put(key, chunk);
        cache.keep(chunk, new BlockMap());
        return chunk;
    }

    private void changed(Chunk chunk, BlockMap map) {
        int stored = map.storedBlocks();
        storedBlocks += stored - chunk.storedBlocks;
        chunk.storedBlocks = stored;
        changes.changed(chunk);
    }

    private void write(Chunk chunk, BlockMap map, Mutation.Write write) throws IOException {
        int offset = write.offsetInChunk();
        ByteBuffer payload = write.payload().duplicate();
        int end = offset + payload.remaining();
        int headEnd = Math.min(end, roundUp(offset));
        if (headEnd > offset) {
            merge(chunk, map, write.layers(), offset, take(payload, headEnd - offset));
            offset = headEnd;
        }
        int whole = (end - offset) / ChunkKey.BLOCK_BYTES;
        if (whole > 0) {
            int first = offset / ChunkKey.BLOCK_BYTES;
            fileToWrite(chunk).write(first, take(payload, whole * ChunkKey.BLOCK_BYTES));
            ByteBuffer checksums = write.checksums().duplicate();
            for (int i = 0; i < whole; i++) {
                map.store(first + i, checksums.getInt());
            }
            offset += whole * ChunkKey.BLOCK_BYTES;
        }
        if (end > offset) {
            merge(chunk, map, write.layers(), offset, payload);
        }
    }

    private void zero(Chunk chunk, BlockMap map, Mutation.Zero zero) throws IOException {
        int offset = zero.offsetInChunk();
        int end = offset + zero.lengthBytes();
        int headEnd = Math.min(end, roundUp(offset));
        if (headEnd > offset) {
            merge(chunk, map, zero.layers(), offset, ByteBuffer.allocate(headEnd - offset));
            offset = headEnd;
        }
        int tail = Math.max(offset, end / ChunkKey.BLOCK_BYTES * ChunkKey.BLOCK_BYTES);
        zeroBlocks(chunk, map, offset / ChunkKey.BLOCK_BYTES, tail / ChunkKey.BLOCK_BYTES);
        if (end > tail) {
            merge(chunk, map, zero.layers(), tail, ByteBuffer.allocate(end - tail));
        }
    }

    void zeroBlocks(Chunk chunk, BlockMap map, int from, int to) throws IOException {
        if (from >= to) {
            return;
        }
        boolean holdsSpace = map.storedBlocks(from, to) > 0;
        map.zero(from, to);
        if (!holdsSpace) {
            return;
        }
        if (map.storedBlocks() == 0) {
            cache.close(chunk);
            disk.delete(pathOf(chunk));
            changes.folderChanged();
        } else {
            fileToWrite(chunk).punch(from, to);
        }
    }

    /// Read-modify-write of a part of one block, through the layers.
    private void merge(
            Chunk chunk, BlockMap map, List<VolumeId> layers, int offset, ByteBuffer part)
            throws IOException {
        int block = offset / ChunkKey.BLOCK_BYTES;
        ByteBuffer bytes = ByteBuffer.allocate(ChunkKey.BLOCK_BYTES);
        ByteBuffer ignored = ByteBuffer.allocate(Integer.BYTES);
        var reader = new LayeredRead(chunks, cache, unsettled, bytes, ignored);
        Optional<BlocksRead.Corrupt> damage =
                reader.read(layers, chunk.key.chunkIndex(), block, block + 1);
        bytes.clear();
        bytes.put(offset % ChunkKey.BLOCK_BYTES, part, part.position(), part.remaining());
        int checksum = BlockMap.checksum(bytes);
        if (damage.isPresent()) {
            // The untouched part is lost here. A wrong checksum keeps saying so, until the block is
            // replaced from another member.
            checksum = ~checksum;
            poisonedBlocks++;
        }
        fileToWrite(chunk).write(block, bytes);
        map.store(block, checksum);
    }

    ChunkFile fileToWrite(Chunk chunk) throws IOException {
        changes.written(pathOf(chunk));
        if (!cache.isOpen(chunk)) {
            changes.folderChanged();
        }
        return cache.file(chunk);
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
        changes.removed(chunk, pathOf(chunk));
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
    /// the next run from `fromBlock` on, as many as the scratch holds.
    ///
    /// @param scratch aligned to [Disk#ALIGNMENT_BYTES]
    public Verification verify(ChunkKey key, int fromBlock, ByteBuffer scratch) throws IOException {
        Chunk chunk = chunks.get(key);
        if (chunk == null) {
            return new Verification(ChunkKey.CHUNK_BLOCKS, 0, List.of());
        }
        BlockMap map = cache.map(chunk);
        int first = map.nextStored(fromBlock);
        if (first == ChunkKey.CHUNK_BLOCKS) {
            return new Verification(first, 0, List.of());
        }
        int most =
                Math.min(ChunkKey.CHUNK_BLOCKS, first + scratch.capacity() / ChunkKey.BLOCK_BYTES);
        int end = map.runEnd(first, most);
        scratch.clear().limit((end - first) * ChunkKey.BLOCK_BYTES);
        List<DamagedBlock> damaged = new ArrayList<>();
        try {
            ChunkFile.readDevice(disk, pathOf(chunk), first, scratch);
        } catch (IOException unreadable) {
            return new Verification(end, end - first, unreadable(chunk, first, end, scratch));
        }
        for (int block = first; block < end; block++) {
            ByteBuffer bytes =
                    scratch.slice((block - first) * ChunkKey.BLOCK_BYTES, ChunkKey.BLOCK_BYTES);
            if (BlockMap.checksum(bytes) != map.checksum(block)
                    && !unsettled.contains(key, block)) {
                damaged.add(new DamagedBlock(key, block));
            }
        }
        return new Verification(end, end - first, damaged);
    }

    /// Which blocks the device does not give, or gives wrong: a bad sector is that block only.
    private List<DamagedBlock> unreadable(Chunk chunk, int first, int end, ByteBuffer scratch)
            throws IOException {
        BlockMap map = cache.map(chunk);
        List<DamagedBlock> damaged = new ArrayList<>();
        for (int block = first; block < end; block++) {
            boolean isGood;
            try {
                scratch.clear().limit(ChunkKey.BLOCK_BYTES);
                ChunkFile.readDevice(disk, pathOf(chunk), block, scratch);
                isGood = BlockMap.checksum(scratch.flip()) == map.checksum(block);
            } catch (IOException e) {
                isGood = false;
            }
            if (!isGood && !unsettled.contains(chunk.key, block)) {
                damaged.add(new DamagedBlock(chunk.key, block));
            }
        }
        return damaged;
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
            fileToWrite(chunk).write(index, run.payload());
            map.store(index, checksum);
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
        unsettled.forget(key);
        Chunk chunk = create(key);
        BlockMap map = cache.map(chunk);
        for (ChunkContent.Run run : content.runs()) {
            if (run.payload().hasRemaining()) {
                ByteBuffer checksums = run.checksums().duplicate();
                for (int i = 0; i < run.blocks(); i++) {
                    map.store(run.firstBlock() + i, checksums.getInt());
                }
                fileToWrite(chunk).write(run.firstBlock(), run.payload());
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
        unsettled.clear();
    }

    /// What changed since the last call, copied; the caller saves it and then calls [#saved].
    public ChunkChanges takeChanges() {
        return changes.take(pg, ChunkFile.folderOf(pg));
    }

    /// The changes are durable in the metadata: maps may be dropped from memory, old files deleted.
    public void saved(ChunkChanges taken) throws IOException {
        for (Chunk chunk : taken.saving()) {
            chunk.saving = false;
        }
        for (String path : taken.obsoleteFiles()) {
            disk.delete(path);
        }
        cache.trim();
    }

    /// Bytes that the chunk files take: stored blocks and a header each.
    public long usedBytes() {
        return storedBlocks * ChunkKey.BLOCK_BYTES + chunks.size() * (long) FileHeader.SIZE_BYTES;
    }

    /// Adds what each layer stores here, in bytes.
    public void addStoredBytes(Map<VolumeId, Long> byLayer) {
        for (Chunk chunk : chunks.values()) {
            long bytes = chunk.storedBlocks * (long) ChunkKey.BLOCK_BYTES;
            byLayer.merge(chunk.key.layer(), bytes, Long::sum);
        }
    }

    /// Blocks whose rest was lost under a partial write since the start.
    public long poisonedBlocks() {
        return poisonedBlocks;
    }

    /// Closes the files.
    public void close() throws IOException {
        for (Chunk chunk : chunks.values()) {
            cache.close(chunk);
        }
    }

    private String pathOf(Chunk chunk) {
        String path = chunk.path;
        if (path == null) {
            path = new ChunkFile.Name(pg, chunk.key, chunk.generation).path();
            chunk.path = path;
        }
        return path;
    }

    private static int roundUp(int offset) {
        return (offset + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES * ChunkKey.BLOCK_BYTES;
    }

    private static ByteBuffer take(ByteBuffer from, int count) {
        ByteBuffer part = from.slice(from.position(), count);
        from.position(from.position() + count);
        return part;
    }
}
