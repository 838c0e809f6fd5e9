package weft.storage.chunk;

import weft.fabric.ChunkKey;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.zip.CRC32C;

/// What one layer maps of one chunk: for each block whether it is unmapped (reads through to the
/// layer below), mapped as zeroes, or mapped to bytes in the chunk's file, with their CRC32C.
///
/// Stored as: mapped bits (128 bytes, block 0 is the lowest bit of byte 0), stored bits (128
/// bytes), then 4 bytes of CRC32C, big-endian, for each stored block in ascending order.
public final class BlockMap {
    /// About what a map takes in memory.
    static final int MEMORY_BYTES = 4 * ChunkKey.CHUNK_BLOCKS + 512;

    /// CRC32C of a block of zeroes.
    public static final int ZERO_BLOCK_CRC = checksum(ByteBuffer.allocate(ChunkKey.BLOCK_BYTES));

    private static final int BITS_BYTES = ChunkKey.CHUNK_BLOCKS / Byte.SIZE;

    private final BitSet mapped = new BitSet(ChunkKey.CHUNK_BLOCKS);
    private final BitSet stored = new BitSet(ChunkKey.CHUNK_BLOCKS);
    private final int[] checksums = new int[ChunkKey.CHUNK_BLOCKS];

    /// CRC32C of what remains in the buffer, whose position does not move.
    public static int checksum(ByteBuffer bytes) {
        var crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }

    boolean isMapped(int block) {
        return mapped.get(block);
    }

    /// Whether the block has bytes in the chunk's file.
    boolean isStored(int block) {
        return stored.get(block);
    }

    int checksum(int block) {
        assert isStored(block);
        return checksums[block];
    }

    void store(int block, int checksum) {
        mapped.set(block);
        stored.set(block);
        checksums[block] = checksum;
    }

    /// Maps `[from, to)` as zeroes.
    void zero(int from, int to) {
        mapped.set(from, to);
        stored.clear(from, to);
    }

    /// The first stored block from this one on; [ChunkKey#CHUNK_BLOCKS] if there is none.
    int nextStored(int from) {
        int next = stored.nextSetBit(from);
        return next < 0 ? ChunkKey.CHUNK_BLOCKS : next;
    }

    int storedBlocks() {
        return stored.cardinality();
    }

    int storedBlocks(int from, int to) {
        return stored.get(from, to).cardinality();
    }

    /// The end of the run of blocks that are mapped and stored alike, from `block` on, at most
    /// `end`.
    int runEnd(int block, int end) {
        int next = block + 1;
        while (next < end
                && isMapped(next) == isMapped(block)
                && isStored(next) == isStored(block)) {
            next++;
        }
        return next;
    }

    byte[] encode() {
        ByteBuffer out = ByteBuffer.allocate(2 * BITS_BYTES + Integer.BYTES * stored.cardinality());
        out.put(mapped.toByteArray()).position(BITS_BYTES);
        out.put(stored.toByteArray()).position(2 * BITS_BYTES);
        for (int block = stored.nextSetBit(0); block >= 0; block = stored.nextSetBit(block + 1)) {
            out.putInt(checksums[block]);
        }
        return out.array();
    }

    static BlockMap decode(byte[] bytes) throws IOException {
        var map = new BlockMap();
        if (bytes.length < 2 * BITS_BYTES) {
            throw new IOException("block map of %d bytes".formatted(bytes.length));
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        map.mapped.or(BitSet.valueOf(in.slice(0, BITS_BYTES)));
        map.stored.or(BitSet.valueOf(in.slice(BITS_BYTES, BITS_BYTES)));
        in.position(2 * BITS_BYTES);
        if (in.remaining() != Integer.BYTES * map.stored.cardinality()) {
            throw new IOException(
                    "block map with %d bytes of checksums for %d blocks"
                            .formatted(in.remaining(), map.stored.cardinality()));
        }
        BitSet stored = map.stored;
        for (int block = stored.nextSetBit(0); block >= 0; block = stored.nextSetBit(block + 1)) {
            map.checksums[block] = in.getInt();
        }
        return map;
    }
}
