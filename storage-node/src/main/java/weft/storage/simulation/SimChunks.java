package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.chunk.BlockMap;
import weft.storage.replica.ReplicaDisk.ReadOutcome;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapDigest;
import weft.wire.storage.MapPage;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// What a group's chunks hold, in the plainest way: a map from block to bytes for each.
final class SimChunks {
    static final ByteBuffer ZEROES = ByteBuffer.allocate(ChunkKey.BLOCK_BYTES).asReadOnlyBuffer();
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

    /// A chunk's stamp and its mapped blocks. Neither map nor buffers ever change.
    record Chunk(ChunkStamp stamp, Map<Integer, ByteBuffer> blocks) {}

    private TreeMap<ChunkKey, Chunk> chunks = new TreeMap<>();

    /// Blocks whose bytes rot on the medium; a write makes them good.
    private final Set<DamagedBlock> damaged = new HashSet<>();

    TreeMap<ChunkKey, Chunk> all() {
        return chunks;
    }

    /// What a crash left.
    void restore(TreeMap<ChunkKey, Chunk> saved) {
        chunks = new TreeMap<>(saved);
    }

    /// A block rots, if it is stored: zeroes are only mapped.
    void damage(DamagedBlock block) {
        Chunk chunk = chunks.get(block.key());
        ByteBuffer bytes = chunk == null ? null : chunk.blocks().get(block.blockIndex());
        if (bytes != null && bytes != ZEROES) {
            damaged.add(block);
        }
    }

    /// A mapped block becomes one of zeroes, or one of zeroes becomes unmapped.
    void tamper(DamagedBlock block) {
        Chunk chunk = Objects.requireNonNull(chunks.get(block.key()));
        Map<Integer, ByteBuffer> blocks = new HashMap<>(chunk.blocks());
        if (!ZEROES.equals(blocks.remove(block.blockIndex()))) {
            blocks.put(block.blockIndex(), ZEROES);
        }
        chunks.put(block.key(), new Chunk(chunk.stamp(), blocks));
    }

    boolean isDamaged(DamagedBlock block) {
        return damaged.contains(block);
    }

    /// Answers the blocks that changed.
    Map<Integer, ByteBuffer> apply(Entry entry) {
        switch (entry.mutation()) {
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> {}
            case Mutation.DropLayer drop -> {
                chunks.keySet().removeIf(key -> key.layer().equals(drop.layer()));
                damaged.removeIf(block -> block.key().layer().equals(drop.layer()));
            }
            case Mutation.CopyDown _, Mutation.Fill _, Mutation.Cover _, Mutation.Trim _ ->
                    throw new AssertionError("simulated clients do not merge layers");
            case Mutation.OfChunk change -> {
                Chunk old = chunks.get(change.chunk());
                if (old == null || old.stamp().sequence() < entry.sequence()) {
                    Map<Integer, ByteBuffer> blocks =
                            old == null ? new HashMap<>() : new HashMap<>(old.blocks());
                    change(blocks, change);
                    var stamp = new ChunkStamp(change.chunk(), entry.version(), entry.sequence());
                    chunks.put(change.chunk(), new Chunk(stamp, blocks));
                    return concerned(blocks, change);
                }
            }
        }
        return Map.of();
    }

    private static Map<Integer, ByteBuffer> concerned(
            Map<Integer, ByteBuffer> blocks, Mutation.OfChunk change) {
        int first = change.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int last = (change.offsetInChunk() + change.lengthBytes() - 1) / ChunkKey.BLOCK_BYTES;
        Map<Integer, ByteBuffer> concerned = new HashMap<>();
        for (int block = first; block <= last; block++) {
            if (blocks.containsKey(block)) {
                concerned.put(block, blocks.get(block));
            }
        }
        return concerned;
    }

    private void change(Map<Integer, ByteBuffer> blocks, Mutation.OfChunk change) {
        ByteBuffer payload =
                change instanceof Mutation.Write write ? write.payload().duplicate() : NOTHING;
        int end = change.offsetInChunk() + change.lengthBytes();
        for (int at = change.offsetInChunk(); at < end; ) {
            int block = at / ChunkKey.BLOCK_BYTES;
            int inBlock = at % ChunkKey.BLOCK_BYTES;
            int count = Math.min(ChunkKey.BLOCK_BYTES - inBlock, end - at);
            ByteBuffer bytes =
                    payload.hasRemaining()
                            ? payload.slice(at - change.offsetInChunk() + payload.position(), count)
                            : ZEROES.slice(0, count);
            if (count == ChunkKey.BLOCK_BYTES) {
                damaged.remove(new DamagedBlock(change.chunk(), block));
                blocks.put(block, payload.hasRemaining() ? bytes : ZEROES);
            } else if (!(change instanceof Mutation.Discard)) {
                blocks.put(block, merged(change, block, inBlock, bytes));
            }
            at += count;
        }
    }

    /// A part of a block is completed through the layers; what is damaged there stays damaged.
    private ByteBuffer merged(Mutation.OfChunk change, int block, int inBlock, ByteBuffer part) {
        var whole = ByteBuffer.allocate(ChunkKey.BLOCK_BYTES);
        Optional<ChunkKey> holder = holderOf(change.layers(), change.chunkIndex(), block);
        holder.ifPresent(key -> {
            whole.put(0, blockOf(key, block), 0, ChunkKey.BLOCK_BYTES);
            if (damaged.contains(new DamagedBlock(key, block))) {
                damaged.add(new DamagedBlock(change.chunk(), block));
            }
        });
        return whole.put(inBlock, part, 0, part.remaining());
    }

    /// The topmost of the layers that maps the block.
    private Optional<ChunkKey> holderOf(List<VolumeId> layers, long chunkIndex, int block) {
        return layers.stream()
                .map(layer -> new ChunkKey(layer, chunkIndex))
                .filter(key -> {
                    Chunk chunk = chunks.get(key);
                    return chunk != null && chunk.blocks().containsKey(block);
                })
                .findFirst();
    }

    private ByteBuffer blockOf(ChunkKey key, int block) {
        return Objects.requireNonNull(Objects.requireNonNull(chunks.get(key)).blocks().get(block));
    }

    /// Reads through the layers.
    ReadOutcome read(ReadBlocks request) {
        int first = request.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int count = request.lengthBytes() / ChunkKey.BLOCK_BYTES;
        ByteBuffer answer = ByteBuffer.allocate(request.lengthBytes());
        ByteBuffer checksums = ByteBuffer.allocate(Integer.BYTES * count);
        for (int block = first; block < first + count; block++) {
            Optional<ChunkKey> holder = holderOf(request.layers(), request.chunkIndex(), block);
            if (holder.isPresent() && damaged.contains(new DamagedBlock(holder.get(), block))) {
                return new ReadOutcome.Damaged(new DamagedBlock(holder.get(), block));
            }
            ByteBuffer bytes = holder.isPresent() ? blockOf(holder.get(), block) : ZEROES;
            answer.put(bytes.duplicate());
            checksums.putInt(checksumOf(bytes));
        }
        return new ReadOutcome.Blocks(answer.flip(), checksums.flip());
    }

    private static int checksumOf(ByteBuffer block) {
        return block == ZEROES ? BlockMap.ZERO_BLOCK_CRC : BlockMap.checksum(block.duplicate());
    }

    Optional<DamagedBlock> damagedOf(ChunkKey key) {
        return damaged.stream().filter(block -> block.key().equals(key)).findFirst();
    }

    Optional<ChunkContent> contentOf(ChunkKey key) {
        return Optional.ofNullable(chunks.get(key)).map(SimChunks::contentOf);
    }

    /// One block; no run if it is not mapped.
    Optional<ChunkContent> contentOf(DamagedBlock block) {
        return contentOf(block.key())
                .map(all ->
                        new ChunkContent(
                                all.stamp(),
                                all.runs().stream()
                                        .filter(run -> run.firstBlock() == block.blockIndex())
                                        .toList()));
    }

    private static ChunkContent contentOf(Chunk chunk) {
        List<ChunkContent.Run> runs = new ArrayList<>();
        new TreeMap<>(chunk.blocks())
                .forEach((block, bytes) -> {
                    boolean zero = bytes == ZEROES;
                    ByteBuffer checksum =
                            zero ? NOTHING : ByteBuffer.allocate(4).putInt(0, checksumOf(bytes));
                    runs.add(new ChunkContent.Run(block, 1, zero ? NOTHING : bytes, checksum));
                });
        return new ChunkContent(chunk.stamp(), runs);
    }

    /// What the maps say of the chunks after that one.
    MapPage digests(Optional<ChunkKey> after, int countMax) {
        List<MapDigest> digests = new ArrayList<>();
        var tail = after.isPresent() ? chunks.tailMap(after.get(), false) : chunks;
        tail.values().stream().limit(countMax).forEach(chunk -> digests.add(digestOf(chunk)));
        return new MapPage(digests, tail.size() <= countMax);
    }

    private static MapDigest digestOf(Chunk chunk) {
        ByteBuffer items = ByteBuffer.allocate(2 * Integer.BYTES * chunk.blocks().size());
        new TreeMap<>(chunk.blocks())
                .forEach((block, bytes) -> items.putInt(block).putInt(checksumOf(bytes)));
        return new MapDigest(chunk.stamp(), chunk.blocks().size(), BlockMap.checksum(items.flip()));
    }

    private static ByteBuffer bytesOf(ChunkContent.Run run) {
        return run.payload().hasRemaining() ? run.payload() : ZEROES;
    }

    /// Replaces a chunk, unless it is newer.
    void install(ChunkContent content) {
        ChunkKey key = content.stamp().key();
        Chunk old = chunks.get(key);
        if (old == null || old.stamp().sequence() <= content.stamp().sequence()) {
            Map<Integer, ByteBuffer> blocks = new HashMap<>();
            content.runs().forEach(run -> blocks.put(run.firstBlock(), bytesOf(run)));
            chunks.put(key, new Chunk(content.stamp(), blocks));
            damaged.removeIf(block -> block.key().equals(key));
        }
    }

    void delete(ChunkKey key) {
        chunks.remove(key);
        damaged.removeIf(block -> block.key().equals(key));
    }

    void clear() {
        chunks.clear();
        damaged.clear();
    }

    /// Whether the copy fits, and was taken.
    boolean repair(DamagedBlock block, ChunkContent copy) {
        Chunk own = chunks.get(block.key());
        if (own == null || !own.stamp().equals(copy.stamp())) {
            return false;
        }
        Map<Integer, ByteBuffer> blocks = new HashMap<>(own.blocks());
        blocks.put(block.blockIndex(), bytesOf(copy.runs().getFirst()));
        chunks.put(block.key(), new Chunk(own.stamp(), blocks));
        damaged.remove(block);
        return true;
    }
}
