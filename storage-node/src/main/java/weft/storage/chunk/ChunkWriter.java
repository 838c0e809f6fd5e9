package weft.storage.chunk;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// How mutations change one chunk's file and map.
///
/// A small write goes in place: to the block of the file that the map names, or to one that is free
/// if it names none. Only a *frozen* block is left as it is, and the write goes to another: a
/// replay may read a large write back from it ([FileBlocks]). A large write that has its place only
/// changes the map.
///
/// What a whole block of a small write costs: one write call for each row in the file, no
/// allocation. Owned like its [ChunkStore].
final class ChunkWriter {
    private final Map<ChunkKey, Chunk> chunks;
    private final ChunkCache cache;
    private final Placements placements;
    private final UnsettledBlocks unsettled;

    ChunkWriter(
            Map<ChunkKey, Chunk> chunks,
            ChunkCache cache,
            Placements placements,
            UnsettledBlocks unsettled) {
        this.chunks = chunks;
        this.cache = cache;
        this.placements = placements;
        this.unsettled = unsettled;
    }

    /// @param place where the whole blocks of a write already are; null if they are not
    void change(Chunk chunk, BlockMap map, Mutation.OfChunk mutation, @Nullable FilePlace place)
            throws IOException {
        cache.examine(chunk);
        switch (mutation) {
            case Mutation.Write write -> write(chunk, map, write, place);
            case Mutation.Zero zero -> zero(chunk, map, zero);
            case Mutation.Discard discard -> {
                int offset = discard.offsetInChunk();
                int from = roundUp(offset) / ChunkKey.BLOCK_BYTES;
                int to = from + Mutation.wholeBlocks(offset, discard.lengthBytes());
                zeroBlocks(chunk, map, from, to);
            }
            case Mutation.Fill fill -> new LayerCopy(this, cache).fill(chunk, map, fill);
            case Mutation.Cover cover -> LayerCopy.cover(map, cover);
            case Mutation.Trim trim -> {
                int from = trim.offsetInChunk() / ChunkKey.BLOCK_BYTES;
                int to = from + trim.lengthBytes() / ChunkKey.BLOCK_BYTES;
                leaveBlocks(chunk, map, from, to);
                map.zero(from, to);
            }
            case Mutation.CopyDown copy -> {
                Chunk source = chunks.get(copy.source());
                if (source != null) {
                    new LayerCopy(this, cache).copyDown(source, chunk, map, copy);
                }
            }
        }
    }

    private void write(Chunk chunk, BlockMap map, Mutation.Write write, @Nullable FilePlace place)
            throws IOException {
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
            ByteBuffer blocks = take(payload, whole * ChunkKey.BLOCK_BYTES);
            if (place == null) {
                writeBlocks(chunk, map, first, blocks, write.checksums());
            } else {
                mapPlace(chunk, map, first, place, write.checksums());
            }
            offset += whole * ChunkKey.BLOCK_BYTES;
        }
        if (end > offset) {
            merge(chunk, map, write.layers(), offset, payload);
        }
    }

    private void mapPlace(
            Chunk chunk, BlockMap map, int first, FilePlace place, ByteBuffer checksums) {
        FileBlocks blocks = placements.blocksOf(chunk);
        ByteBuffer each = checksums.duplicate();
        for (int i = 0; i < place.blocks(); i++) {
            int block = first + i;
            if (map.isStored(block)) {
                blocks.left(map.place(block));
            }
            map.store(block, place.firstBlock() + i, each.getInt());
        }
    }

    /// Writes whole blocks of small writes.
    void writeBlocks(Chunk chunk, BlockMap map, int first, ByteBuffer blocks, ByteBuffer checksums)
            throws IOException {
        ByteBuffer each = checksums.duplicate();
        int end = first + blocks.remaining() / ChunkKey.BLOCK_BYTES;
        for (int block = first; block < end; block++) {
            map.store(block, writablePlace(chunk, map, block), each.getInt());
        }
        int at = first;
        while (at < end) {
            int next = map.fileRunEnd(at, end);
            ByteBuffer run =
                    blocks.slice(
                            blocks.position() + (at - first) * ChunkKey.BLOCK_BYTES,
                            (next - at) * ChunkKey.BLOCK_BYTES);
            placements.fileToWrite(chunk).write(map.place(at), run);
            at = next;
        }
    }

    /// Where a block may be written: where it is, if that is not frozen.
    private int writablePlace(Chunk chunk, BlockMap map, int block) throws IOException {
        FileBlocks blocks = chunk.file;
        if (map.isStored(block)) {
            int place = map.place(block);
            if (blocks == null || !blocks.isFrozen(place)) {
                return place;
            }
            blocks.left(place);
        } else if (blocks == null && map.isIdentity()) {
            return block;
        }
        int place = placements.blocksOf(chunk).takeOne(map, block);
        if (place < 0) {
            // What large writes leave is more than can be needed: see FileBlocks.
            throw new IOException(
                    "chunk file %s is full until a checkpoint: no block for a small write"
                            .formatted(placements.pathOf(chunk)));
        }
        return place;
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

    /// Space is given back at once where nothing but the saved map may name it: a replay of the
    /// journal comes to this very change again before anybody reads. Frozen blocks keep theirs
    /// until a checkpoint.
    void zeroBlocks(Chunk chunk, BlockMap map, int from, int to) throws IOException {
        if (from >= to) {
            return;
        }
        var punched = new BitSet();
        for (int block = map.nextStored(from); block < to; block = map.nextStored(block + 1)) {
            FileBlocks blocks = placements.blocksOf(chunk);
            int place = map.place(block);
            if (blocks.isFrozen(place)) {
                blocks.left(place);
            } else {
                blocks.punched(place);
                punched.set(place);
            }
        }
        map.zero(from, to);
        FileBlocks blocks = chunk.file;
        boolean isNeeded = blocks != null && blocks.isAnyNeeded();
        if (!punched.isEmpty() && map.storedBlocks() == 0 && !isNeeded) {
            placements.deleteFile(chunk);
            return;
        }
        for (int at = punched.nextSetBit(0); at >= 0; ) {
            int end = punched.nextClearBit(at);
            placements.fileToWrite(chunk).punch(at, end);
            at = punched.nextSetBit(end);
        }
    }

    /// Takes blocks `[from, to)` out of the map with their bytes left as they are.
    void leaveBlocks(Chunk chunk, BlockMap map, int from, int to) {
        for (int block = map.nextStored(from); block < to; block = map.nextStored(block + 1)) {
            placements.blocksOf(chunk).left(map.place(block));
            map.zero(block, block + 1);
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
        }
        ByteBuffer checksums = ByteBuffer.allocate(Integer.BYTES).putInt(0, checksum);
        writeBlocks(chunk, map, block, bytes, checksums);
    }

    static int roundUp(int offset) {
        return (offset + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES * ChunkKey.BLOCK_BYTES;
    }

    private static ByteBuffer take(ByteBuffer from, int count) {
        ByteBuffer part = from.slice(from.position(), count);
        from.position(from.position() + count);
        return part;
    }
}
