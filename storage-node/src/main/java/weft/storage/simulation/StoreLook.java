package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.storage.disk.Disk;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What the checkers see of a production store: it is asked as by a replica, and answers at once.
final class StoreLook implements ReplicaDisk.Events {
    /// Of all their questions.
    static final long TICKET = -1;

    private final ByteBuffer scratch =
            ByteBuffer.allocateDirect(65 * Disk.ALIGNMENT_BYTES)
                    .alignedSlice(Disk.ALIGNMENT_BYTES)
                    .slice(0, 64 * Disk.ALIGNMENT_BYTES);
    private List<ChunkStamp> stamps = List.of();
    private Optional<ChunkContent> content = Optional.empty();
    private List<DamagedBlock> damaged = List.of();
    private int nextBlock;

    /// All that is in the chunks.
    TreeMap<ChunkKey, SimChunks.Chunk> chunks(ReplicaDisk group) {
        TreeMap<ChunkKey, SimChunks.Chunk> all = new TreeMap<>();
        for (ChunkStamp stamp : stamps(group)) {
            content = Optional.empty();
            group.readChunk(TICKET, stamp.key());
            ChunkContent found =
                    content.orElseThrow(
                            () -> new AssertionError(stamp + " cannot be read: " + damaged));
            all.put(stamp.key(), new SimChunks.Chunk(stamp, blocksOf(found)));
        }
        return all;
    }

    List<ChunkStamp> stamps(ReplicaDisk group) {
        group.listChunks(TICKET, Optional.empty());
        return stamps;
    }

    /// What the runs hold, block by block.
    private static Map<Integer, ByteBuffer> blocksOf(ChunkContent content) {
        Map<Integer, ByteBuffer> blocks = new HashMap<>();
        for (ChunkContent.Run run : content.runs()) {
            for (int i = 0; i < run.blocks(); i++) {
                int at = run.payload().position() + i * ChunkKey.BLOCK_BYTES;
                ByteBuffer bytes =
                        run.payload().hasRemaining()
                                ? run.payload().slice(at, ChunkKey.BLOCK_BYTES)
                                : SimChunks.ZEROES;
                blocks.put(run.firstBlock() + i, bytes);
            }
        }
        return blocks;
    }

    /// What a deep scrub would find in all chunks: blocks that do not have their checksums.
    List<DamagedBlock> damaged(ReplicaDisk group) {
        List<DamagedBlock> all = new ArrayList<>();
        for (ChunkStamp stamp : stamps(group)) {
            all.addAll(damaged(group, stamp.key()));
        }
        return all;
    }

    private List<DamagedBlock> damaged(ReplicaDisk group, ChunkKey key) {
        List<DamagedBlock> all = new ArrayList<>();
        nextBlock = 0;
        while (nextBlock < ChunkKey.CHUNK_BLOCKS) {
            int from = nextBlock;
            nextBlock = ChunkKey.CHUNK_BLOCKS;
            group.verify(TICKET, key, from, scratch);
            all.addAll(damaged);
        }
        return all;
    }

    /// The stamp of the chunk that the entry changes.
    Optional<ChunkStamp> stampOf(ReplicaDisk group, Entry entry) {
        return entry.mutation() instanceof Mutation.OfChunk change
                ? block(group, change.chunk(), first(change)).map(ChunkContent::stamp)
                : Optional.empty();
    }

    private static int first(Mutation.OfChunk change) {
        return change.offsetInChunk() / ChunkKey.BLOCK_BYTES;
    }

    private Optional<ChunkContent> block(ReplicaDisk group, ChunkKey key, int block) {
        content = Optional.empty();
        group.readBlock(TICKET, new DamagedBlock(key, block));
        return content;
    }

    /// What became of the stored blocks that the entry concerns, but for those of zeroes; empty if
    /// any is damaged, or if the chunk had the entry's effect before.
    Map<Integer, ByteBuffer> madeOf(ReplicaDisk group, Entry entry, Optional<ChunkStamp> before) {
        if (!(entry.mutation() instanceof Mutation.OfChunk change)
                || before.isPresent() && before.get().sequence() >= entry.sequence()) {
            return Map.of();
        }
        Map<Integer, ByteBuffer> made = new HashMap<>();
        int last = (change.offsetInChunk() + change.lengthBytes() - 1) / ChunkKey.BLOCK_BYTES;
        for (int block = first(change); block <= last; block++) {
            Optional<ChunkContent> now = block(group, change.chunk(), block);
            if (now.isEmpty() || now.get().stamp().sequence() != entry.sequence()) {
                return Map.of();
            }
            made.putAll(blocksOf(now.get()));
        }
        made.values().removeIf(SimChunks.ZEROES::equals);
        return made;
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> found, boolean last) {
        stamps = found;
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> found) {
        content = found;
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block) {
        damaged = List.of(block);
    }

    @Override
    public void onVerified(long ticket, int next, int blocks, List<DamagedBlock> found) {
        nextBlock = next;
        damaged = found;
    }

    @Override
    public void onDurable(long ticket) {}

    @Override
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {}

    @Override
    public void onRepaired(long ticket, boolean fits) {}

    @Override
    public void onDone(long ticket) {}

    @Override
    public void onFailed(long ticket, String detail) {}
}
